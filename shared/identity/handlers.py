"""Reactions to what was asked at the portal's door."""

from __future__ import annotations

from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.identity.debtors import send_sign_in_link
from shared.outbox.facts import Fact


def sign_in_link_requested(session: Session, fact: Fact) -> None:
    asked = fact.payload
    send_sign_in_link(
        session, SYSTEM, asked["email"], asked["language"], asked["next_path"], once=str(fact.id)
    )
