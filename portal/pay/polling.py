"""How often an open page asks what became of a payment: every second at first, ever more rarely while nothing happens."""

from __future__ import annotations

from flask import Request

_PACE = ((5, 1), (30, 2), (60, 5), (120, 15))
_AT_LAST = 60


def tries(request: Request) -> int:
    """How often this page has asked already."""
    text = request.args.get("tries", "")
    return min(int(text), 10_000) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


def delay_after(asked: int) -> int:
    """Seconds until the next question.

    >>> [delay_after(n) for n in (0, 29, 30, 60, 500)]
    [1, 2, 5, 15, 60]
    """
    return next((seconds for until, seconds in _PACE if asked < until), _AT_LAST)
