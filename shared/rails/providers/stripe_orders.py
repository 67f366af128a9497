"""What is asked of Stripe to start a payment or a set-up: parameters from the order, equal at each try. Pure."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from shared.rails.providers.protocols import SetUp, Start
from shared.rails.providers.stripe_money import to_stripe
from shared.rails.snapshot import Method

KINDS = {
    Method.CARD: "card",
    Method.CARD_PAGE: "card",
    Method.VIRTUAL_IBAN: "customer_balance",
    Method.PAY_BY_BANK: "pay_by_bank",
    Method.DEBIT_CORE: "sepa_debit",
}
# Where Stripe keeps virtual IBANs (docs.stripe.com/payments/bank-transfers, as of 2026); others get the French one.
_IBAN_COUNTRIES = frozenset({"BE", "DE", "ES", "FR", "IE", "NL"})
# A debit may be ordered for 3 to 15 days from now (`target_date` of the API).
_TARGET = (timedelta(days=3), timedelta(days=15))
_NOT_IN_DESCRIPTOR = re.compile(r"[^A-Za-z0-9 .\-]")

Params = dict[str, Any]


def needs_customer(order: Start) -> bool:
    """Whether Stripe must know the payer: to keep or use what is kept, and for an IBAN of his own."""
    return (
        order.save
        or order.instrument_ref is not None
        or order.method in (Method.VIRTUAL_IBAN, Method.DEBIT_CORE)
    )


def customer_params(customer_id: UUID, name: str, email: str | None) -> Params:
    params: Params = {"name": name[:256], "metadata": {"customer_id": str(customer_id)}}
    return {**params, "email": email} if email else params


def intent_params(
    order: Start, customer: str | None, today: date, mandate: tuple[str, str | None] | None = None
) -> Params:
    """A PaymentIntent. `mandate`: the payment method that stands for it and, if known, the mandate's id."""
    params: Params = {
        "amount": to_stripe(order.amount_minor, order.currency),
        "currency": order.currency.lower(),
        "allowed_payment_method_types": [KINDS[order.method]],
        "description": _description(order),
        "metadata": _metadata(order),
        **_descriptor(order),
    }
    if customer:
        params["customer"] = customer
    if order.method is Method.VIRTUAL_IBAN:
        return params | _transfer(order)
    if order.method is Method.PAY_BY_BANK:
        data = {
            "payment_method_data": {"type": "pay_by_bank"},
            "confirm": True,
            "return_url": order.return_url,
        }
        return params | data
    if order.method is Method.DEBIT_CORE:
        return params | _debit(order, today, mandate)
    return params | _card(order)


def session_params(order: Start, customer: str | None) -> Params:
    """A Checkout session: Stripe's own page takes the card."""
    price = {
        "currency": order.currency.lower(),
        "unit_amount": to_stripe(order.amount_minor, order.currency),
        "product_data": {"name": order.description or order.reference},
    }
    intent: Params = {
        "description": _description(order),
        "metadata": _metadata(order),
        **_descriptor(order),
    }
    if order.save:
        intent["setup_future_usage"] = "off_session"
    params: Params = {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "line_items": [{"price_data": price, "quantity": 1}],
        "payment_intent_data": intent,
        "metadata": _metadata(order),
        "client_reference_id": order.reference,
        "success_url": order.return_url,
        "cancel_url": order.return_url,
        "locale": order.language,
    }
    if order.expires_at is not None:
        params["expires_at"] = int(order.expires_at.timestamp())
    if customer:
        params["customer"] = customer
    elif order.payer.email:
        params["customer_email"] = order.payer.email
    return params


def set_up_params(order: SetUp, customer: str) -> Params:
    """A Checkout session that only keeps a card, or has a mandate signed under Stripe's own words."""
    metadata = {"set_up_id": str(order.set_up_id)}
    return {
        "mode": "setup",
        "currency": "eur",
        "allowed_payment_method_types": [KINDS[order.method]],
        "customer": customer,
        "metadata": metadata,
        "setup_intent_data": {"metadata": metadata},
        "success_url": order.return_url,
        "cancel_url": order.exit_url,
        "locale": order.language,
    }


def _metadata(order: Start) -> dict[str, str]:
    """Our ids, and whether a payer is there: an attempt nobody attends ends when it is declined."""
    return {
        "payment_id": str(order.payment_id),
        "reference": order.reference,
        "attended": "no" if order.off_session else "yes",
    }


def _description(order: Start) -> str:
    return (order.description or order.reference)[:1000]


def _descriptor(order: Start) -> Params:
    """What stands on the payer's bank statement. Cards take a suffix to the creditor's name, transfers nothing."""
    text = _NOT_IN_DESCRIPTOR.sub("", order.reference)[:22]
    if KINDS[order.method] == "card":
        return {"statement_descriptor_suffix": text}
    return {"statement_descriptor": text} if order.method is Method.DEBIT_CORE else {}


def _card(order: Start) -> Params:
    params: Params = {"setup_future_usage": "off_session"} if order.save else {}
    if order.instrument_ref is None:
        return params
    params |= {"payment_method": order.instrument_ref, "confirm": True}
    return params | ({"off_session": True} if order.off_session else {"return_url": order.return_url})


def _transfer(order: Start) -> Params:
    country = order.country if order.country in _IBAN_COUNTRIES else "FR"
    transfer = {"type": "eu_bank_transfer", "eu_bank_transfer": {"country": country}}
    return {
        "payment_method_data": {"type": "customer_balance"},
        "payment_method_options": {
            "customer_balance": {"funding_type": "bank_transfer", "bank_transfer": transfer}
        },
        "confirm": True,
    }


def _debit(order: Start, today: date, mandate: tuple[str, str | None] | None) -> Params:
    """With a mandate the debit is sent at once; without, the payer signs one while paying."""
    params: Params = {}
    first, last = _TARGET
    if order.collect_on and first <= order.collect_on - today <= last:
        params["payment_method_options"] = {"sepa_debit": {"target_date": order.collect_on.isoformat()}}
    if mandate is None:
        return params | {"setup_future_usage": "off_session"}
    method, mandate_id = mandate
    params |= {"payment_method": method, "confirm": True}
    if mandate_id:
        params["mandate"] = mandate_id
    return params | ({"off_session": True} if order.off_session else {})
