"""Pure rules of account changes: when one takes force, and how long debtors are reminded of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# Nothing a creditor may set is shorter; the database refuses it too (0020_account_changes).
LEAST_WAIT = timedelta(hours=24)
# How long after its day a change is still told on the pages where debtors pay.
TOLD_FOR = timedelta(days=30)

_BIC = re.compile(r"[A-Z0-9]{8}([A-Z0-9]{3})?", re.ASCII)


def due_at(approved_at: datetime, working_days: int) -> datetime:
    """The same time of day so many weekdays later, at least 24 hours. `approved_at` is on the creditor's wall clock.

    >>> friday = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
    >>> due_at(friday, 3).isoformat(), due_at(friday, 1).isoformat()
    ('2026-11-25T16:00:00+00:00', '2026-11-23T16:00:00+00:00')
    """
    due = approved_at
    while working_days:
        due += timedelta(days=1)
        working_days -= due.weekday() < 5
    # On the day the clocks go forward, the same time of day is an hour nearer.
    return max(due.astimezone(UTC), approved_at.astimezone(UTC) + LEAST_WAIT)


def is_bic(text: str) -> bool:
    """Eight or eleven letters and digits.

    >>> is_bic("AGRIFRPP"), is_bic("AGRIFRPPXXX"), is_bic("AGRI")
    (True, True, False)
    """
    return _BIC.fullmatch(text) is not None
