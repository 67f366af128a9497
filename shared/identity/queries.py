"""Reads about people, and in whose name they are written to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.creditors.models import Creditor


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name a mail is written, and where its answer goes."""

    name: str
    email: str | None


def sender(session: Session) -> Sender:
    """The first creditor, the head of the group."""
    first = select(Creditor.name, Creditor.email).order_by(Creditor.created_at, Creditor.id).limit(1)
    found = session.execute(first).first()
    return Sender(found.name, found.email) if found else Sender("Quittance", None)
