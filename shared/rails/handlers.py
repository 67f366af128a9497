"""Reactions of payments over a rail."""

from __future__ import annotations

from sqlalchemy.orm import Session

from shared.outbox.facts import Fact
from shared.rails.collection_lines import read_lines
from shared.rails.payouts import expect


def look_at_payout(session: Session, fact: Fact) -> None:
    """A webhook spoke of a payout: fetch it. Told once more, it is looked at once more."""
    assert fact.subject_id is not None
    expect(session, fact.subject_id, fact.payload["ref"])


def read_statement(session: Session, fact: Fact) -> None:
    """A statement came: look in it for what the bank collected for us, and for what came back."""
    assert fact.subject_id is not None
    read_lines(session, fact.subject_id)
