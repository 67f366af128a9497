"""How a payment is to be made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shared.rails.snapshot import Method


@dataclass(frozen=True, slots=True)
class Terms:
    """How a payment is to be made. `saved_card_id` or `mandate_id`: with what is on file. `origin`: who wanted it."""

    account_id: UUID
    method: Method
    language: str
    email: str | None = None
    origin: str = "debtor"
    saved_card_id: UUID | None = None
    mandate_id: UUID | None = None
    save: bool = False
    collect_on: date | None = None
    description: str = ""
