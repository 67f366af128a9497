"""Pure rules of the ledger: accounts, numbers as they are compared, and the status everybody sees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from shared.errors import DomainError

# French chart of accounts (PCG). 471: money not yet assigned to anybody; 890: opening balance sheet, the other
# side of what is taken over from elsewhere.
CUSTOMERS, BANK, UNASSIGNED, SALES, VAT, TAKEN_OVER = "411", "512", "471", "707", "44571", "890"

_NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Z]")


def number_key(number: str) -> str:
    """A number as it is compared: capitals and digits only.

    >>> number_key("Fa-2026/000 123")
    'FA2026000123'
    """
    return _NOT_ALPHANUMERIC.sub("", number.upper())


class Status(StrEnum):
    """Where an item stands, for debtor and creditor alike."""

    OPEN = "open"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    PARTLY_PAID = "partly_paid"
    ANNOUNCED = "announced"
    PAID = "paid"
    CREDIT = "credit"
    USED = "used"


DUE_SOON_DAYS = 7


def status(
    *, amount_minor: int, open_minor: int, due_on: date, today: date, announced_minor: int = 0
) -> Status:
    """The one status function of both apps: the same item can never read differently on the two sides.

    >>> day = date(2026, 5, 1)
    >>> status(amount_minor=100, open_minor=40, due_on=date(2026, 6, 1), today=day)
    <Status.PARTLY_PAID: 'partly_paid'>
    >>> status(amount_minor=100, open_minor=40, due_on=date(2026, 4, 30), today=day)
    <Status.OVERDUE: 'overdue'>
    """
    if amount_minor < 0:
        return Status.CREDIT if open_minor else Status.USED
    if open_minor == 0:
        return Status.PAID
    if announced_minor >= open_minor:
        return Status.ANNOUNCED
    if due_on < today:
        return Status.OVERDUE
    if open_minor < amount_minor:
        return Status.PARTLY_PAID
    return Status.DUE_SOON if (due_on - today).days <= DUE_SOON_DAYS else Status.OPEN


class Bucket(StrEnum):
    """Aged balance, by days after the due date (boundaries: law.md section 3 of our sources; day 30 is 1-30)."""

    NOT_DUE = "not_due"
    D1_30 = "d1_30"
    D31_60 = "d31_60"
    D61_90 = "d61_90"
    D90_PLUS = "d90_plus"
    UNAPPLIED = "unapplied"


def bucket(amount_minor: int, due_on: date, as_of: date) -> Bucket:
    """The bucket of an open amount.

    >>> bucket(100, date(2026, 3, 1), date(2026, 3, 31)), bucket(100, date(2026, 3, 1), date(2026, 4, 1))
    (<Bucket.D1_30: 'd1_30'>, <Bucket.D31_60: 'd31_60'>)
    """
    if amount_minor < 0:
        return Bucket.UNAPPLIED
    late = (as_of - due_on).days
    for limit, name in ((0, Bucket.NOT_DUE), (30, Bucket.D1_30), (60, Bucket.D31_60), (90, Bucket.D61_90)):
        if late <= limit:
            return name
    return Bucket.D90_PLUS


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal entry: a debit is positive, a credit negative."""

    account: str
    amount_minor: int
    customer_id: UUID | None = None
    item_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One event in the journal: VT sales, BQ bank, OD other operations, AN taken over."""

    creditor_id: UUID
    journal: str
    event: str
    booked_on: date
    currency: str
    label: str
    lines: Sequence[Line]
    document: str = ""


class Unbalanced(DomainError):
    code = "unbalanced"
    sentence = "The entry does not balance: debits less credits make %(total)s."


def balanced(lines: Iterable[Line]) -> list[Line]:
    """The lines without empty ones, if they make zero."""
    kept = [line for line in lines if line.amount_minor]
    if total := sum(line.amount_minor for line in kept):
        raise Unbalanced(total=total)
    return kept


@dataclass(frozen=True, slots=True)
class Pair:
    """Use `amount_minor` (> 0) of a customer's credit on a debit of theirs."""

    customer_id: UUID
    credit_item_id: UUID
    debit_item_id: UUID
    amount_minor: int
    allocated_on: date
    reason: str
    match_id: UUID | None = None


def pair_up(
    given: Sequence[tuple[UUID, int]], owed: Sequence[tuple[UUID, int]]
) -> list[tuple[UUID, UUID, int]]:
    """Use the credits given on the debits owed, in order; each (id, positive amount). O(given + owed).

    >>> a, b, c = (UUID(int=n) for n in (1, 2, 3))
    >>> [(debit.int, minor) for _, debit, minor in pair_up([(a, 100)], [(b, 70), (c, 50)])]
    [(2, 70), (3, 30)]
    """
    pairs: list[tuple[UUID, UUID, int]] = []
    waiting = iter(given)
    credit_id, left = next(waiting, (None, 0))
    for debit_id, wanted in owed:
        while wanted and credit_id is not None:
            used = min(wanted, left)
            if used:
                pairs.append((credit_id, debit_id, used))
            wanted, left = wanted - used, left - used
            if not left:
                credit_id, left = next(waiting, (None, 0))
    return pairs
