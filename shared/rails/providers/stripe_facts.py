"""What happened to money, read from charges, refunds and disputes; each movement under Stripe's own id. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from shared.ids import parse_id
from shared.rails.providers.stripe_declines import reason_code
from shared.rails.providers.stripe_money import from_stripe
from shared.rails.snapshot import DisputeSeen, FactKind, MoneyFact, RefundSeen

Json = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REFUND_STATES = {"succeeded": "paid", "failed": "failed", "canceled": "failed"}
_DISPUTE_STATES = {
    "warning_needs_response": "warning",
    "warning_under_review": "warning",
    "warning_closed": "won",
    "needs_response": "to_answer",
    "appeal_needs_response": "to_answer",
    "under_review": "under_review",
    "appeal_under_review": "under_review",
    "prevented": "won",
    "won": "won",
    "lost": "lost",
}


class HasBacks(Protocol):
    """What may go back of a payment."""

    @property
    def refunds(self) -> tuple[Json, ...]: ...
    @property
    def disputes(self) -> tuple[Json, ...]: ...


def went_in(intent: Json, charge: Json) -> bool:
    """Whether a charge's money was ours at some time. A debit that failed before it was paid never was: then
    nothing was captured."""
    if charge["status"] == "succeeded":
        return bool(charge.get("captured", True))
    return charge["status"] == "failed" and _late(intent, charge)


def _late(intent: Json, charge: Json) -> bool:
    """Failed after it had succeeded: the money went out of our balance again."""
    if not charge.get("failure_balance_transaction"):
        return False
    return bool(charge.get("amount_captured")) or intent["status"] == "succeeded"


def received_of(intent: Json, charges: Iterable[Json], backs: HasBacks, now: datetime) -> Iterator[MoneyFact]:
    for charge in charges:
        if went_in(intent, charge):
            minor, currency = from_stripe(
                charge.get("amount_captured") or charge["amount"], charge["currency"]
            )
            went = [at(b["created"]) for b in (*backs.refunds, *backs.disputes) if _is_of(b, charge)]
            yield MoneyFact(FactKind.RECEIVED, charge["id"], minor, currency, _received_at(charge, went, now))


def _is_of(back: Json, charge: Json) -> bool:
    return id_of(back.get("charge")) == str(charge["id"])


def _received_at(charge: Json, went: Iterable[datetime], now: datetime) -> datetime:
    """A card is paid at once. A debit is charged days before its money comes: dated the day that it is available,
    but never later than now, nor than anything of it went back."""
    created = at(charge["created"])
    if not (charge.get("payment_method_details") or {}).get("sepa_debit"):
        return created
    booked, bounce = charge.get("balance_transaction"), charge.get("failure_balance_transaction")
    available = at(booked["available_on"]) if isinstance(booked, dict) else now
    bounced = [at(bounce["created"])] if isinstance(bounce, dict) else []
    return max(created, min(available, now, *went, *bounced))


def back_of(intent: Json, charges: Iterable[Json], backs: HasBacks) -> Iterator[MoneyFact]:
    """Everything that went back, and what came again after that."""
    debits = set()
    for charge in charges:
        if (charge.get("payment_method_details") or {}).get("sepa_debit"):
            debits.add(charge["id"])
        if charge["status"] == "failed" and _late(intent, charge):
            yield _bounced(charge)
    for refund in backs.refunds:
        yield from _refunded(refund)
    for dispute in backs.disputes:
        if id_of(dispute["charge"]) in debits:
            yield _returned(dispute)
        else:
            yield from _charged_back(dispute)


def _bounced(charge: Json) -> MoneyFact:
    bounce = charge["failure_balance_transaction"]
    minor, currency = from_stripe(charge.get("amount_captured") or charge["amount"], charge["currency"])
    when = at(bounce["created"]) if isinstance(bounce, dict) else at(charge["created"])
    cause = charge.get("failure_code")
    return MoneyFact(FactKind.RETURNED, id_of(bounce) or "", minor, currency, when, reason_code(cause), cause)


def _refunded(refund: Json) -> Iterator[MoneyFact]:
    """A refund that failed with money coming back had gone out before, whatever we had seen of it."""
    minor, currency = from_stripe(refund["amount"], refund["currency"])
    created = at(refund["created"])
    bounce = refund.get("failure_balance_transaction")
    failed = refund["status"] == "failed" and bounce is not None
    if refund["status"] == "succeeded" or failed:
        yield MoneyFact(FactKind.REFUNDED, refund["id"], minor, currency, created)
    if failed:
        when = at(bounce["created"]) if isinstance(bounce, dict) else created
        cause = refund.get("failure_reason")
        yield MoneyFact(
            FactKind.REFUND_RETURNED, refund["id"], minor, currency, max(when, created), cause=cause
        )


def _returned(dispute: Json) -> MoneyFact:
    """A disputed debit is lost at once: the scheme knows no appeal."""
    minor, currency = from_stripe(dispute["amount"], dispute["currency"])
    reason = dispute.get("reason")
    code = reason_code(reason, dispute.get("network_reason_code"))
    return MoneyFact(FactKind.RETURNED, dispute["id"], minor, currency, at(dispute["created"]), code, reason)


def _charged_back(dispute: Json) -> Iterator[MoneyFact]:
    """Money withdrawn and given again, as the balance tells. The first of each kind is known by the dispute's id,
    what an appeal moves once more by the movement's own."""
    seen = set()
    moves = sorted(dispute.get("balance_transactions") or (), key=lambda m: (m["created"], m["amount"]))
    for move in moves:
        if move["amount"] == 0:
            continue
        kind = FactKind.CHARGED_BACK if move["amount"] < 0 else FactKind.CHARGEBACK_REVERSED
        ref = move["id"] if kind in seen else dispute["id"]
        seen.add(kind)
        # The balance may be kept in another currency; the payment's own is the dispute's.
        same = move["currency"] == dispute["currency"]
        minor, currency = from_stripe(abs(move["amount"]) if same else dispute["amount"], dispute["currency"])
        code = dispute.get("network_reason_code")
        yield MoneyFact(kind, ref, minor, currency, at(move["created"]), code, dispute.get("reason"))


def disputes_of(disputes: Iterable[Json]) -> tuple[DisputeSeen, ...]:
    return tuple(_dispute(each) for each in disputes)


def _dispute(dispute: Json) -> DisputeSeen:
    minor, currency = from_stripe(dispute["amount"], dispute["currency"])
    due = (dispute.get("evidence_details") or {}).get("due_by")
    return DisputeSeen(
        ref=dispute["id"],
        # A status we do not know wants a person, as one to answer does.
        state=_DISPUTE_STATES.get(dispute["status"], "to_answer"),
        reason=dispute.get("reason") or "general",
        amount_minor=minor,
        currency=currency,
        opened_at=at(dispute["created"]),
        answer_by=at(due) if due else None,
    )


def refunds_of(refunds: Iterable[Json]) -> tuple[RefundSeen, ...]:
    return tuple(_refund(each) for each in refunds)


def _refund(refund: Json) -> RefundSeen:
    minor, _ = from_stripe(refund["amount"], refund["currency"])
    return RefundSeen(
        ref=refund["id"],
        state=_REFUND_STATES.get(refund["status"], "pending"),
        amount_minor=minor,
        refund_id=parse_id((refund.get("metadata") or {}).get("refund_id", "")),
        error=refund.get("failure_reason"),
    )


def at(seconds: int) -> datetime:
    """An instant as Stripe writes it: seconds since 1970, in UTC."""
    return _EPOCH + timedelta(seconds=seconds)


def id_of(thing: Any) -> str | None:
    """The id of what Stripe gives as an id or, expanded, as the object."""
    found: str | None = thing["id"] if isinstance(thing, dict) else thing
    return found
