"""The life of a payment as a table. `quittance draw-states` draws it; the tests walk every edge of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.rails.snapshot import FactKind, Phase


class Status(StrEnum):
    CREATED = "created"
    UNKNOWN = "unknown"  # sent, and no answer: nobody pays again before we know
    AWAITING_PAYER = "awaiting_payer"
    PROCESSING = "processing"
    RECEIVED = "received"
    SETTLED = "settled"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    RETURNED = "returned"
    CHARGED_BACK = "charged_back"


S = Status
# While live, no second attempt over the same items; while holding, they are shown as on their way.
LIVE = frozenset({S.CREATED, S.UNKNOWN, S.AWAITING_PAYER, S.PROCESSING})
HOLDING = frozenset({S.UNKNOWN, S.PROCESSING})
PAID = frozenset({S.RECEIVED, S.SETTLED, S.PARTLY_REFUNDED})

_MONEY = (S.RECEIVED, S.SETTLED, S.PARTLY_REFUNDED, S.REFUNDED, S.RETURNED, S.CHARGED_BACK)
_ENDS = (S.FAILED, S.CANCELLED, S.EXPIRED)

# From → to: why. What is not here cannot happen; told so by a provider, we keep the state and call a person.
# Money may come after any step: messages get lost, and a payer may be faster than a cancellation.
TRANSITIONS: dict[tuple[Status, Status], str] = {
    (S.CREATED, S.AWAITING_PAYER): "the provider waits for the payer",
    (S.CREATED, S.PROCESSING): "sent to the bank",
    (S.CREATED, S.UNKNOWN): "no answer",
    (S.AWAITING_PAYER, S.PROCESSING): "the payer confirmed",
    (S.PROCESSING, S.AWAITING_PAYER): "declined: the payer may try again",
    (S.UNKNOWN, S.CREATED): "certainly not sent",
    (S.UNKNOWN, S.AWAITING_PAYER): "found at the provider",
    (S.UNKNOWN, S.PROCESSING): "found at the provider",
    **{(start, end): "ended without money" for start in LIVE for end in _ENDS},
    **{(start, S.RECEIVED): "money received" for start in (*LIVE, *_ENDS)},
    (S.RECEIVED, S.SETTLED): "paid out to the bank",
    **{(start, end): "told late" for start in (*LIVE, *_ENDS) for end in _MONEY if end is not S.RECEIVED},
    **{(start, S.PARTLY_REFUNDED): "refunded in part" for start in (S.RECEIVED, S.SETTLED)},
    **{(start, S.REFUNDED): "refunded" for start in (S.RECEIVED, S.SETTLED, S.PARTLY_REFUNDED)},
    **{(start, S.RETURNED): "the bank took it back" for start in (*PAID, S.REFUNDED, S.CHARGED_BACK)},
    **{(start, S.CHARGED_BACK): "charged back" for start in (*PAID, S.REFUNDED)},
    **{(S.CHARGED_BACK, end): "won" for end in (*PAID, S.REFUNDED)},
    **{(S.REFUNDED, end): "the refund came back" for end in PAID},
    **{(S.PARTLY_REFUNDED, end): "the refund came back" for end in (S.RECEIVED, S.SETTLED)},
    **{(S.RETURNED, end): "collected again, or won back" for end in (*PAID, S.CHARGED_BACK)},
}


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of a payment's facts, in minor units."""

    received: int = 0
    refunded: int = 0
    returned: int = 0
    charged_back: int = 0
    paid_out: bool = False

    @property
    def kept(self) -> int:
        """What we still have of the payment's money."""
        return self.received - self.refunded - self.returned - self.charged_back


def totals(facts: Iterable[tuple[FactKind, int]]) -> Totals:
    """Add facts up. Neither order nor repetition of messages matters: repeated facts are one row."""
    sums = dict.fromkeys(FactKind, 0)
    seen = set()
    for kind, minor in facts:
        sums[kind] += minor
        seen.add(kind)
    return Totals(
        received=sums[FactKind.RECEIVED],
        refunded=sums[FactKind.REFUNDED] - sums[FactKind.REFUND_RETURNED],
        returned=sums[FactKind.RETURNED],
        charged_back=sums[FactKind.CHARGED_BACK] - sums[FactKind.CHARGEBACK_REVERSED],
        paid_out=FactKind.PAID_OUT in seen,
    )


_OF_PHASE = {
    Phase.CREATED: S.CREATED,
    Phase.AWAITING_PAYER: S.AWAITING_PAYER,
    Phase.PROCESSING: S.PROCESSING,
    Phase.SUCCEEDED: S.PROCESSING,  # without a fact of money there is no money
    Phase.FAILED: S.FAILED,
    Phase.CANCELLED: S.CANCELLED,
    Phase.EXPIRED: S.EXPIRED,
}


def status_of(phase: Phase, sums: Totals, *, unclear: bool = False) -> Status:
    """The one status function: what the money says first, then how far the provider is.

    >>> status_of(Phase.SUCCEEDED, Totals(received=100, refunded=40))
    <Status.PARTLY_REFUNDED: 'partly_refunded'>
    >>> status_of(Phase.CREATED, Totals(), unclear=True)
    <Status.UNKNOWN: 'unknown'>
    """
    if sums.received:
        if sums.kept <= 0:
            return S.RETURNED if sums.returned else S.CHARGED_BACK if sums.charged_back else S.REFUNDED
        if sums.charged_back > 0:
            return S.CHARGED_BACK
        if sums.refunded > 0:
            return S.PARTLY_REFUNDED
        return S.SETTLED if sums.paid_out else S.RECEIVED
    if unclear and phase is Phase.CREATED:
        return S.UNKNOWN
    return _OF_PHASE[phase]


def may_become(old: Status, new: Status) -> bool:
    return old is new or (old, new) in TRANSITIONS
