"""Pure rules of assigning a line by hand: who gets how much when a person ticks items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.errors import DomainError


@dataclass(frozen=True, slots=True)
class Chosen:
    """A ticked item. `amount_minor`: what the person typed, always positive; None leaves it to the plan."""

    item_id: UUID
    number: str
    open_minor: int
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`parts`: (item, amount signed as the item); `rest_minor` is what stays of the line."""

    parts: tuple[tuple[UUID, int], ...]
    rest_minor: int


class MoreThanOpen(DomainError):
    code = "more_than_open"
    sentence = "%(number)s: the amount must be above zero and at most what is open."


def plan(line_minor: int, chosen: Sequence[Chosen]) -> Plan:
    """Share a line out over the ticked items, in their order; O(items).

    Credits are used whole unless an amount was typed; then each invoice without an amount gets what it needs, or
    what is left. The rest may be negative when amounts were typed: the page says so, the action refuses it.

    >>> a, b = UUID(int=1), UUID(int=2)
    >>> share = plan(100, [Chosen(a, "F1", 80), Chosen(b, "F2", 50)])
    >>> [minor for _, minor in share.parts], share.rest_minor
    ([80, 20], 0)
    """
    fixed: dict[UUID, int] = {}
    for each in chosen:
        if each.amount_minor is not None:
            fixed[each.item_id] = _signed(each, each.amount_minor)
        elif each.open_minor < 0:
            fixed[each.item_id] = each.open_minor
    left = line_minor - sum(fixed.values())
    parts = []
    for each in chosen:
        minor = fixed.get(each.item_id)
        if minor is None:
            minor = max(0, min(each.open_minor, left))
            left -= minor
        parts.append((each.item_id, minor))
    return Plan(tuple(parts), left)


def _signed(each: Chosen, typed: int) -> int:
    if not 0 < typed <= abs(each.open_minor):
        raise MoreThanOpen(number=each.number, field=f"amount-{each.item_id}")
    return typed if each.open_minor > 0 else -typed
