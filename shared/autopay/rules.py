"""Pure rules of autopay: when an item is collected, what one debit takes, and what follows a failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from shared.errors import DomainError
from shared.mandates import target2
from shared.mandates.reason_codes import Action, reason_code, reason_codes
from shared.payments.rules import Payable
from shared.rails.collecting import netted

# A creditor waits five days at the most; ten days early is as much as a debtor should lend.
EARLIEST_OFFSET, LATEST_OFFSET = -10, 5
# Collected again after a failure (payments over rails: AM04 and MS03 twice at the most, each with a new notice).
MOST_RETRIES = 2
# A debit that could not be ordered for so long after its day is announced anew instead.
LATE_DAYS = 5


class State(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    SUSPENDED = "suspended"  # by a failure; the debtor may go on with it
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one debit takes: whole items, the credits used on them, and what is left out because of the limit."""

    items: tuple[tuple[UUID, int], ...]
    credits: tuple[tuple[UUID, int], ...]
    over: tuple[Payable, ...]

    @property
    def amount_minor(self) -> int:
        return sum(minor for _, minor in (*self.items, *self.credits))


def choose(debits: Sequence[Payable], available: Sequence[Payable], limit_minor: int) -> Chosen:
    """Whole items, oldest first, each as far as it still fits under the limit once the credits are deducted.

    Never a part of an item: which part would be a guess.
    """
    deducted = -sum(credit.free_minor for credit in available)
    taken: list[tuple[UUID, int]] = []
    over: list[Payable] = []
    total = 0
    for debit in debits:
        if total + debit.free_minor - deducted <= limit_minor:
            taken.append((debit.item_id, debit.free_minor))
            total += debit.free_minor
        else:
            over.append(debit)
    return Chosen(tuple(taken), tuple(netted(available, total)), tuple(over))


def collect_day(due_on: date, offset_days: int) -> date:
    """The day an item is collected: its due date, moved as agreed and on to a day on which banks settle.

    >>> collect_day(date(2026, 11, 28), 0), collect_day(date(2026, 11, 25), -2)
    (datetime.date(2026, 11, 30), datetime.date(2026, 11, 23))
    """
    return target2.on_or_after(due_on + timedelta(days=offset_days))


def parse_terms(cap_minor: int, offset_days: int) -> None:
    """Refuse what nobody should agree to."""
    if cap_minor <= 0:
        raise DomainError("Enter the most that one debit may take: an amount above zero.", field="cap")
    if not EARLIEST_OFFSET <= offset_days <= LATEST_OFFSET:
        raise DomainError(
            "Choose a day from %(before)s days before to %(after)s days after the due date.",
            field="offset",
            before=-EARLIEST_OFFSET,
            after=LATEST_OFFSET,
        )


class Next(StrEnum):
    """What follows a debit that failed."""

    RETRY = "retry"
    LEAVE = "leave"  # the debtor pays this one; the next ones go on
    SUSPEND = "suspend"


def after_failure(code: str | None, decline: str | None, attempt: int) -> Next:
    """By the bank's reason where there is one, else by the provider's word. `attempt`: 0 the first time.

    >>> after_failure("AM04", None, 0), after_failure("AM04", None, 2), after_failure("MD01", None, 0)
    (<Next.RETRY: 'retry'>, <Next.SUSPEND: 'suspend'>, <Next.SUSPEND: 'suspend'>)
    """
    if decline in ("authentication_required", "not_authenticated"):
        return Next.LEAVE  # only the holder can confirm it, and then pays at once
    known = reason_code(code if code in reason_codes() else _LIKE.get(decline or "", code))
    if known.action is Action.RE_PRESENT and attempt < min(known.retries, MOST_RETRIES):
        return Next.RETRY
    return Next.SUSPEND


# What providers say of cards and debits in words, as the bank's code that asks for the same.
_LIKE = {"insufficient_funds": "AM04", "temporary": "ED05"}
