"""The table of decisions about bank lines."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import REFUSALS, Base
from shared.errors import Conflict


class Match(Base):
    """One decision, by a rule or a person; an undo is a decision too. Never changed."""

    __tablename__ = "match"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    bank_line_id: Mapped[UUID]
    outcome: Mapped[str]
    rule: Mapped[str]
    version: Mapped[int]
    confidence: Mapped[Decimal]
    why: Mapped[str]
    why_params: Mapped[dict[str, str]] = mapped_column(JSONB)
    evidence: Mapped[list[Any]] = mapped_column(JSONB)
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]
    undoes_id: Mapped[UUID | None] = mapped_column(ForeignKey("match.id"), default=None)


REFUSALS["match_undoes_id_key"] = Conflict("This was undone already.")
