"""Business days of TARGET, the system in which banks of the euro settle: direct debits move on these days only.

Closed on Saturdays, Sundays, 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December (European Central
Bank, long-term calendar for TARGET closing days). National holidays do not count.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

_DAY = timedelta(days=1)
_SATURDAY = 5


def is_open(day: date) -> bool:
    """Whether banks settle on this day.

    >>> is_open(date(2026, 7, 14)), is_open(date(2026, 4, 3)), is_open(date(2026, 12, 26))
    (True, False, False)
    """
    return day.weekday() < _SATURDAY and day not in _holidays(day.year)


def on_or_after(day: date) -> date:
    """The day itself when it is a business day, else the next one."""
    while not is_open(day):
        day += _DAY
    return day


def on_or_before(day: date) -> date:
    """The day itself when it is a business day, else the one before."""
    while not is_open(day):
        day -= _DAY
    return day


def following(day: date) -> date:
    """The first business day after this day."""
    return on_or_after(day + _DAY)


def preceding(day: date) -> date:
    """The last business day before this day."""
    return on_or_before(day - _DAY)


def add(day: date, days: int) -> date:
    """So many business days later, or earlier when negative; 0 is the day itself, moved on when it is closed.

    >>> add(date(2026, 12, 24), 1), add(date(2026, 4, 7), -1)
    (datetime.date(2026, 12, 28), datetime.date(2026, 4, 2))
    """
    if days == 0:
        return on_or_after(day)
    step = following if days > 0 else preceding
    for _ in range(abs(days)):
        day = step(day)
    return day


@lru_cache(maxsize=64)
def _holidays(year: int) -> frozenset[date]:
    easter = _easter(year)
    return frozenset(
        {
            date(year, 1, 1),
            easter - 2 * _DAY,
            easter + _DAY,
            date(year, 5, 1),
            date(year, 12, 25),
            date(year, 12, 26),
        }
    )


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 19 * m) // 433
    month = (h + m - 7 * n + 90) // 25
    return date(year, month, (h + m - 7 * n + 33 * month + 19) % 32)
