"""Pure rules of payouts: what their lines add up to, and when to look at one again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from shared.rails.snapshot import PayoutLine

# Account of the French chart: money in suspense that belongs to none of our payments.
REMAINDER = "4718"

# Lines about money of our payments, whose facts have booked it already; a payout that came back was ours, too.
OURS = frozenset({"payment", "refund", "refund_returned", "returned", "charged_back", "chargeback_reversed"})
# So often we wait for what a line speaks of before a person is called.
PATIENCE = 5


@dataclass(frozen=True, slots=True)
class Sums:
    """What the lines of a payout make, exact, in minor units. `ours`: gross of lines whose payment is ours."""

    net: Decimal
    fees: Decimal
    ours: Decimal


@dataclass(frozen=True, slots=True)
class Split:
    """How a payout is booked, in whole cents: ours − fees + remainder = its amount.

    `remainder_minor`: other people's payments, reserves, adjustments, and the fractions of cents lost in rounding.
    """

    fees_minor: int
    remainder_minor: int


def sums(lines: Iterable[tuple[PayoutLine, bool]]) -> Sums:
    """Add up lines, each with whether it is about a payment of ours. A fee may stand in either of its columns."""
    net = fees = ours = Decimal(0)
    for line, is_ours in lines:
        gross, fee = Decimal(line.gross_minor), Decimal(line.fee_minor)
        net += gross - fee
        fees += fee - gross if line.kind == "fee" else fee
        if line.kind == "payout_returned" or (is_ours and line.kind in OURS):
            ours += gross
    return Sums(net, fees, ours)


def split(amount_minor: int, found: Sums) -> Split:
    """Cut a payout whose lines add up into whole cents: fees are rounded once, and nothing is lost.

    >>> split(9770, Sums(Decimal("9770"), Decimal("229.5"), Decimal("10000")))
    Split(fees_minor=230, remainder_minor=0)
    >>> split(9770, Sums(Decimal("9770"), Decimal("230.5"), Decimal("10000")))
    Split(fees_minor=230, remainder_minor=0)
    """
    fees = int(found.fees.quantize(Decimal(1), ROUND_HALF_EVEN))
    return Split(fees, amount_minor + fees - int(found.ours))


def next_look(
    state: str, *, booked: bool, complete: bool, tries: int, arrives_on: date | None, now: datetime
) -> datetime | None:
    """When to ask the provider again. None: nothing is awaited any more.

    What waits for facts of ours is looked at soon, then rarely; a paid one may still come back for some bank days.
    """
    if complete and not booked:
        return now + (timedelta(minutes=1) if tries < PATIENCE else timedelta(hours=1))
    if state == "pending" or not complete:
        late = arrives_on is not None and now.date() > arrives_on + timedelta(days=30)
        return now + (timedelta(days=1) if late else timedelta(hours=1))
    until = (arrives_on or now.date()) + timedelta(days=10)
    return now + timedelta(days=1) if state == "paid" and now.date() <= until else None
