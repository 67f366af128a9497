"""Money that arrives on a payer's virtual IBAN: whose it is, and applying it to exactly that payment.

The IBAN belongs to the payer, not to a payment, and Stripe would apply money to any open payment of theirs. So the
balance is kept for manual reconciliation, and we apply what arrived only where one payment alone can be meant. The rest
stays in the payer's balance with Stripe until a person looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import stripe
import structlog

from shared.rails.providers.protocols import Rejected
from shared.rails.providers.stripe_calls import asking, keyed, plain

log = structlog.get_logger("rails.stripe")

Json = dict[str, Any]

_PAGE = 100
# Money that only passes through: refunded by us, or on its way back to the payer.
_NOT_A_TRANSFER = frozenset({"refunded_from_payment", "return_initiated", "return_canceled"})


def instructions(intent: Json) -> Json | None:
    """The bank details an intent waits with; None: it waits for nothing to be transferred."""
    action = intent.get("next_action") or {}
    if intent["status"] != "requires_action" or action.get("type") != "display_bank_transfer_instructions":
        return None
    found: Json = action["display_bank_transfer_instructions"]
    return found


def arrived(intent: Json, available: int, moves: Iterable[Json]) -> int:
    """What was transferred since the intent waits and is still there. What lay there before was not for it."""
    since = [m for m in moves if m["created"] >= intent["created"] and m["type"] not in _NOT_A_TRANSFER]
    total: int = sum(m["net_amount"] for m in since if m["currency"] == intent["currency"])
    return max(0, min(available, total))


def is_meant(intent: Json, cash: int, others: Sequence[Json]) -> bool:
    """Whether arrived money can only be for this intent: alone to wait, or alone to lack exactly this amount."""
    rivals = [other for other in others if other["id"] != intent["id"] and instructions(other)]
    return not rivals or (_missing(intent) == cash and all(_missing(other) != cash for other in rivals))


def _missing(intent: Json) -> int:
    found = instructions(intent)
    return int(found["amount_remaining"]) if found else 0


def apply_cash(client: stripe.StripeClient, intent: Json) -> tuple[Json, int]:
    """Apply what has arrived for an intent that waits; gives it as it is then, and what waits beside it.

    A command in the course of a look, and safe to repeat: its key is made of the intent and of the latest movement of
    the balance, so that equal circumstances are one command; and Stripe refuses to apply more than is missing.
    """
    missing = _missing(intent)
    with asking():
        balance = plain(client.v1.customers.cash_balance.retrieve(intent["customer"]))
    available = int((balance.get("available") or {}).get(intent["currency"], 0))
    if not missing or available <= 0:
        return intent, 0
    moves, others = _circumstances(client, intent)
    cash = arrived(intent, available, moves)
    if not cash or not is_meant(intent, cash, others):
        log.warning("transfer_not_assigned", intent=intent["id"], available=available)
        return intent, 0
    if cash < missing:
        return intent, cash
    try:
        with asking():
            client.v1.payment_intents.apply_customer_balance(
                intent["id"],
                {"amount": missing, "currency": intent["currency"]},
                keyed(f"{intent['id']}-{moves[0]['id']}", "apply"),
            )
            return plain(client.v1.payment_intents.retrieve(intent["id"])), 0
    except Rejected as refused:
        log.warning("transfer_not_applied", intent=intent["id"], error=str(refused))
        return intent, cash


def _circumstances(client: stripe.StripeClient, intent: Json) -> tuple[list[Json], list[Json]]:
    """The balance's latest movements, newest first, and the payer's other intents."""
    customer = intent["customer"]
    with asking():
        moves = client.v1.customers.cash_balance_transactions.list(customer, {"limit": _PAGE})
        others = client.v1.payment_intents.list({"customer": customer, "limit": _PAGE})
        return [plain(each) for each in moves.data], [plain(each) for each in others.data]
