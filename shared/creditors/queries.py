"""Reads about creditors and their accounts. Creditors are few: these lists need no pages."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class CreditorName:
    id: UUID
    code: str
    name: str


def creditor_names(session: Session) -> list[CreditorName]:
    """All legal entities, in the order of their names."""
    rows = session.execute(text("SELECT id, code, name FROM creditor ORDER BY name, code LIMIT 500"))
    return [CreditorName(**row._mapping) for row in rows]


def currencies(session: Session) -> list[str]:
    """The currencies of the accounts, the euro first: what a report can be asked for."""
    found = session.scalars(text("SELECT DISTINCT currency FROM bank_account ORDER BY currency"))
    return ["EUR", *(each for each in found if each != "EUR")]
