"""Reactions to what was asked at the portal's door."""

from __future__ import annotations

from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.identity.debtor_sign_in import send_sign_in_link
from shared.outbox.facts import Fact


def send_requested_link(session: Session, fact: Fact) -> None:
    asked = fact.payload
    send_sign_in_link(
        session, SYSTEM, asked["email"], asked["language"], asked["next_path"], once=str(fact.id)
    )
