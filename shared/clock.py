"""The only place that asks the time. It can be frozen and moved, for the demo, tests and as-of views.

`QUITTANCE_NOW` holds an instant (`2026-03-31T18:00:00+00:00`: frozen) or a shift (`+36h`, `-2d`: running,
but moved). It is refused in production (`shared.config`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

# Days are the creditor's days. One zone for the whole books: the first market is metropolitan France.
BUSINESS_ZONE = ZoneInfo("Europe/Paris")

_frozen: ContextVar[datetime | None] = ContextVar("frozen", default=None)
_SHIFT = re.compile(r"([+-]\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def now() -> datetime:
    """The present instant, aware, in UTC."""
    if (frozen := _frozen.get()) is not None:
        return frozen
    real = datetime.now(UTC)
    moved = os.environ.get("QUITTANCE_NOW", "")
    return moved_clock(moved, real) if moved else real


def today() -> date:
    """The present day where the creditor keeps its books."""
    return now().astimezone(BUSINESS_ZONE).date()


def day_of(instant: datetime) -> date:
    """The book day of an instant."""
    return instant.astimezone(BUSINESS_ZONE).date()


def moved_clock(setting: str, real: datetime) -> datetime:
    """What `QUITTANCE_NOW` makes of the real time.

    >>> moved_clock("+36h", datetime(2026, 1, 1, tzinfo=UTC)).isoformat()
    '2026-01-02T12:00:00+00:00'
    """
    if shift := _SHIFT.fullmatch(setting):
        return real + timedelta(**{_UNITS[shift[2]]: int(shift[1])})
    instant = datetime.fromisoformat(setting)
    return instant if instant.tzinfo else instant.replace(tzinfo=BUSINESS_ZONE).astimezone(UTC)


@contextmanager
def frozen(instant: datetime) -> Iterator[None]:
    """Hold the clock at `instant` inside the block (this thread or task only)."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    token = _frozen.set(instant.astimezone(UTC))
    try:
        yield
    finally:
        _frozen.reset(token)
