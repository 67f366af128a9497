"""Payouts and what they are made of: one line per balance transaction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import stripe

from shared.rails.providers.stripe_calls import asking, plain
from shared.rails.providers.stripe_facts import at, id_of
from shared.rails.providers.stripe_money import from_stripe
from shared.rails.snapshot import PayoutLine, PayoutSeen

Json = dict[str, Any]

_PAGE = 100
_STATES = {"paid": "paid", "failed": "failed", "canceled": "failed"}
# Money that is not of a card has types of its own (docs.stripe.com/payouts/reconciliation).
_KINDS = {
    "charge": "payment",
    "payment": "payment",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_returned",
    "payment_failure_refund": "returned",
    "payment_reversal": "returned",
    "stripe_fee": "fee",
    "stripe_fx_fee": "fee",
    "tax_fee": "fee",
    "application_fee": "fee",
}


def payouts_since(client: stripe.StripeClient, since: datetime) -> Iterator[PayoutSeen]:
    """Payouts made since, without their lines, oldest first."""
    params: Any = {"created": {"gte": int(since.timestamp())}, "limit": _PAGE}
    with asking():
        found = [plain(each) for each in client.v1.payouts.list(params).auto_paging_iter()]
    yield from (payout_seen(each) for each in reversed(found))


def payout(client: stripe.StripeClient, ref: str) -> PayoutSeen:
    """One payout with its lines. Only an automatic payout is itemised by Stripe; any other is never complete."""
    with asking():
        found = plain(client.v1.payouts.retrieve(ref))
        if not found.get("automatic"):
            return payout_seen(found)
        params: Any = {"payout": ref, "limit": _PAGE, "expand": ["data.source"]}
        moves = [plain(each) for each in client.v1.balance_transactions.list(params).auto_paging_iter()]
    return payout_seen(found, moves)


def payout_seen(found: Json, moves: list[Json] | None = None) -> PayoutSeen:
    minor, currency = from_stripe(found["amount"], found["currency"])
    arrives = found.get("arrival_date")
    return PayoutSeen(
        ref=found["id"],
        state=_STATES.get(found["status"], "pending"),
        amount_minor=minor,
        currency=currency,
        arrives_on=at(arrives).date() if arrives else None,
        statement_text=found.get("statement_descriptor") or "",
        lines=tuple(line_of(move) for move in moves or () if move["type"] != "payout"),
        complete=moves is not None and found.get("reconciliation_status") == "completed",
    )


def line_of(move: Json) -> PayoutLine:
    """A balance transaction. Of a type we do not know it is `other`, with its type for a label: never dropped."""
    source = move.get("source")
    gross, currency = from_stripe(move["amount"], move["currency"])
    fee, _ = from_stripe(move["fee"], currency)
    kind = _KINDS.get(move["type"], "other")
    if move["type"] == "adjustment" and isinstance(source, dict) and source.get("object") == "dispute":
        kind = _dispute_kind(move, source)
    label = move.get("description") or ""
    return PayoutLine(
        ref=move["id"],
        kind=kind,
        provider_type=move["type"],
        gross_minor=str(gross),
        fee_minor=str(fee),
        payment_ref=_payment_ref(source),
        label=f"{move['type']}: {label}" if kind == "other" else label,
    )


def _dispute_kind(move: Json, dispute: Json) -> str:
    """Cards are charged back; a debit that is disputed is a debit returned."""
    if move["amount"] > 0:
        return "chargeback_reversed"
    return "charged_back" if dispute.get("payment_method_details") else "returned"


def _payment_ref(source: Any) -> str | None:
    """The payment a movement is of: its intent or, for what was charged without one, its charge."""
    if not isinstance(source, dict):
        return None
    of = id_of(source.get("payment_intent")) or id_of(source.get("charge"))
    return of or (id_of(source) if source.get("object") == "charge" else None)
