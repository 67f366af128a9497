"""Cards kept and mandates signed on Stripe's own page, without paying."""

from __future__ import annotations

from typing import Any

import stripe

from shared.ids import parse_id
from shared.rails.providers.protocols import MandateSeen, Rejected, SetUp, SetUpSeen
from shared.rails.providers.stripe_calls import asking, keyed, plain
from shared.rails.providers.stripe_facts import id_of
from shared.rails.providers.stripe_orders import customer_params, set_up_params
from shared.rails.providers.stripe_snapshot import instrument

Json = dict[str, Any]

_STATES = {"open": "awaiting_payer", "expired": "cancelled"}
_MANDATES = {"active": "active", "pending": "pending", "inactive": "cancelled"}


def set_up(client: stripe.StripeClient, order: SetUp) -> SetUpSeen:
    with asking():
        payer = order.payer
        told: Any = customer_params(payer.customer_id, payer.name, payer.email)
        customer = payer.ref or client.v1.customers.create(told, keyed(order.key, "customer")).id
        page: Any = set_up_params(order, customer)
        made = client.v1.checkout.sessions.create(page, keyed(order.key))
    return set_up_seen(plain(made), None, None)


def fetch_set_up(client: stripe.StripeClient, ref: str) -> SetUpSeen:
    with asking():
        session = plain(client.v1.checkout.sessions.retrieve(ref))
        if not session.get("setup_intent"):
            return set_up_seen(session, None, None)
        intent = plain(client.v1.setup_intents.retrieve(session["setup_intent"]))
        method = None
        if intent["status"] == "succeeded":
            method = plain(client.v1.payment_methods.retrieve(intent["payment_method"]))
    return set_up_seen(session, intent, method)


def set_up_seen(session: Json, intent: Json | None, method: Json | None) -> SetUpSeen:
    """A set-up as its page, its intent and the kept method tell. Pure."""
    done = intent is not None and intent["status"] == "succeeded"
    state = "done" if done else _STATES.get(session["status"], "awaiting_payer")
    kept = instrument(method, method["id"], (intent or {}).get("mandate")) if method else None
    return SetUpSeen(
        provider_ref=session["id"],
        state=state,
        set_up_id=parse_id((session.get("metadata") or {}).get("set_up_id", "")),
        refs=(session["id"], intent["id"]) if intent else (session["id"],),
        step_url=session.get("url") if state == "awaiting_payer" else None,
        instrument=kept,
        provider_customer=session.get("customer"),
    )


def fetch_mandate(client: stripe.StripeClient, ref: str) -> MandateSeen:
    with asking():
        found = plain(client.v1.mandates.retrieve(ref))
    details = (found.get("payment_method_details") or {}).get("sepa_debit") or {}
    # A status we do not know must not be debited on.
    state = _MANDATES.get(found["status"], "suspended")
    return MandateSeen(found["id"], state, details.get("reference"))


def method_of_mandate(client: stripe.StripeClient, ref: str) -> tuple[str, str | None]:
    """The payment method behind a mandate, and the mandate's id; a payment method stands for itself."""
    if not ref.startswith("mandate_"):
        return ref, None
    with asking():
        return str(client.v1.mandates.retrieve(ref).payment_method), ref


def owner_of(client: stripe.StripeClient, method: str) -> str | None:
    """The customer a payment method is kept for."""
    with asking():
        return id_of(plain(client.v1.payment_methods.retrieve(method)).get("customer"))


def forget(client: stripe.StripeClient, ref: str, key: str) -> None:
    """Detach a card or an account, whose mandate ends with it. Detached already, or unknown: forgotten."""
    method, _ = method_of_mandate(client, ref)
    try:
        with asking():
            client.v1.payment_methods.detach(method, options=keyed(key))
    except Rejected as rejected:
        if rejected.decline.provider_code != "resource_missing" and owner_of(client, method) is not None:
            raise
