"""Reactions of matching."""

from __future__ import annotations

from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.matching.run import run
from shared.outbox.facts import Fact


def matching_requested(_session: Session, _fact: Fact) -> None:
    """Run the rules. Each batch commits by itself, and a run that is repeated decides nothing twice."""
    for _result in run(SYSTEM):
        pass
