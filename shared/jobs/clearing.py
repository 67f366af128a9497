"""Throw away what has expired and nobody needs to look at again."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from shared import clock
from shared.actor import SYSTEM
from shared.db import writing

# A month in which a person can still be told when and where they signed in.
_KEPT = timedelta(days=30)

_CLEAR = (
    text("DELETE FROM web_session WHERE expires_at < :kept_since"),
    text("DELETE FROM login_link WHERE expires_at < :kept_since"),
    text("DELETE FROM rate_window WHERE expires_at < :now"),
)


def clear_expired() -> None:
    """Sessions and links a month after their end, rate windows at once. One statement each, by index."""
    now = clock.now()
    with writing(SYSTEM) as session:
        for statement in _CLEAR:
            session.execute(statement, {"now": now, "kept_since": now - _KEPT})
