"""What a handler is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened. Handlers load what they need by its ids: the world may have moved since."""

    id: int
    name: str
    subject_id: UUID | None
    payload: dict[str, Any]
    recorded_at: datetime


# Reacts to a fact inside one transaction of its own; runs again after a failure, never again after a success.
Handler = Callable[[Session, Fact], None]
