"""Reads about people."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.creditors.models import Creditor


def creditor_name(session: Session) -> str:
    """In whose name mails are written: the first creditor's, the head of the group."""
    found = session.scalar(select(Creditor.name).order_by(Creditor.created_at, Creditor.id).limit(1))
    return found or "Quittance"
