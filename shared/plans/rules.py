"""Pure rules of plans: how a total is cut into parts, what stays within the limits, and when a plan is broken."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from shared.errors import DomainError
from shared.mandates import target2
from shared.money import Money

FEWEST_PARTS, MOST_PARTS = 2, 25


@dataclass(frozen=True, slots=True)
class Limits:
    """What finance accepts without being asked. `first_part_percent`: of the total, at least."""

    max_months: int
    first_part_percent: int
    max_total: Money
    min_days_late: int
    needs_instrument: bool
    grace_days: int


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    due_on: date
    amount_minor: int


class BeyondLimits(DomainError):
    """Not accepted at once; the debtor may still ask a person."""

    code = "beyond_limits"


def cut(total: Money, parts: int, first_on: date, first_percent: int) -> list[Part]:
    """Equal monthly parts; the first takes the cents left over, and at least the wanted share of the total.

    Each falls on a day on which banks settle.

    >>> [(str(p.due_on), p.amount_minor) for p in cut(Money(100_00, "EUR"), 3, date(2026, 11, 28), 0)]
    [('2026-11-30', 3334), ('2026-12-28', 3333), ('2027-01-28', 3333)]
    >>> [p.amount_minor for p in cut(Money(100_01, "EUR"), 3, date(2026, 11, 30), 50)]
    [5001, 2500, 2500]
    """
    if not FEWEST_PARTS <= parts <= MOST_PARTS:
        raise DomainError(
            "A plan has %(fewest)s to %(most)s parts.", field="parts", fewest=FEWEST_PARTS, most=MOST_PARTS
        )
    least = -(-total.minor * first_percent // 100)
    each = min(total.minor // parts, (total.minor - least) // (parts - 1))
    if each <= 0:
        raise DomainError("The total is too small for so many parts.", field="parts")
    amounts = [total.minor - each * (parts - 1)] + [each] * (parts - 1)
    days = [target2.on_or_after(add_months(first_on, n)) for n in range(parts)]
    return [Part(n + 1, day, minor) for n, (day, minor) in enumerate(zip(days, amounts, strict=True))]


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or the month's last.

    >>> add_months(date(2026, 10, 31), 4)
    datetime.date(2027, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def check_limits(limits: Limits, total: Money, parts: Sequence[Part], latest_due: date, today: date) -> None:
    """Refuse what exceeds a limit, naming it. `latest_due`: the youngest invoice's due date."""
    if total.currency != limits.max_total.currency or limits.max_total < total:
        raise BeyondLimits("At most %(amount)s can be put into a plan.", amount=limits.max_total)
    if latest_due > today - timedelta(days=limits.min_days_late):
        if limits.min_days_late:
            raise BeyondLimits(
                "Only invoices at least %(days)s days past their due date can be in a plan.",
                days=limits.min_days_late,
            )
        raise BeyondLimits("Only invoices that are due can be in a plan.")
    if parts[-1].due_on > target2.on_or_after(add_months(today, limits.max_months)):
        raise BeyondLimits(
            "A plan may last %(months)s months at most. Choose fewer parts or an earlier first date.",
            field="parts",
            months=limits.max_months,
        )


def due_by_now(parts: Sequence[Part], number: int) -> int:
    """What must be paid once part `number` was."""
    return sum(part.amount_minor for part in parts if part.number <= number)


def missed(
    parts: Sequence[tuple[Part, date | None]], paid_minor: int, grace_days: int, today: date
) -> Part | None:
    """The first part whose days of grace are over and that is not paid; each with the day it came back, if it did.

    However it was paid: what counts is what is no longer open.
    """
    owed = 0
    for part, failed_on in parts:
        owed += part.amount_minor
        until = max(part.due_on, failed_on or part.due_on) + timedelta(days=grace_days)
        if until < today and paid_minor < owed:
            return part
    return None


def parse_limits(limits: Limits) -> Limits:
    """What finance may set."""
    for field, value, low, high in (
        ("max_months", limits.max_months, 1, 24),
        ("first_part_percent", limits.first_part_percent, 0, 90),
        ("min_days_late", limits.min_days_late, 0, 365),
        ("grace_days", limits.grace_days, 0, 30),
    ):
        if not low <= value <= high:
            raise DomainError("Enter a number from %(low)s to %(high)s.", field=field, low=low, high=high)
    if limits.max_total.minor <= 0:
        raise DomainError("Enter an amount above zero.", field="max_total")
    return limits
