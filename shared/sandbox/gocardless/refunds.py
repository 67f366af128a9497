"""Refunds of payments, each guarded by the total its author believes to have been refunded."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from shared.sandbox.gocardless import dues, people
from shared.sandbox.gocardless.agenda import plan, today
from shared.sandbox.gocardless.events import move, record
from shared.sandbox.gocardless.payments import amount_of
from shared.sandbox.gocardless.refusals import invalid, wrong_state
from shared.sandbox.gocardless.store import Store, Thing

_MOST = 5


def create(store: Store, params: dict[str, Any]) -> Thing:
    amount = amount_of(params, "/refunds")
    payment = people.linked(store, "payments", params.get("links"), "payment", "/refunds")
    _check(store, payment, amount, params.get("total_amount_confirmation"))
    refund = store.add(
        "refunds",
        {
            "amount": amount,
            "currency": payment["currency"],
            "reference": params.get("reference"),
            "status": "created",
            "fx": {
                "fx_currency": payment["currency"],
                "fx_amount": None,
                "exchange_rate": None,
                "estimated_exchange_rate": None,
            },
            "metadata": params.get("metadata") or {},
            "links": {
                "payment": payment["id"],
                **{name: payment["links"][name] for name in ("mandate",) if name in payment["links"]},
            },
            "_refund_type": "payment",
        },
    )
    payment["amount_refunded"] += amount
    store.put(payment)
    dues.owe_refund(store, refund, payment["currency"])
    details = {
        "origin": "api",
        "cause": "refund_created",
        "description": "The refund was created via the API.",
    }
    record(store, "refunds", refund, "created", details)
    plan(store, "refunds", refund["id"], "submitted", store.now() + timedelta(days=1))
    plan(store, "refunds", refund["id"], "paid", store.now() + timedelta(days=2))
    return refund


def _check(store: Store, payment: Thing, amount: int, confirmation: Any) -> None:
    settings = store.settings()
    if payment["status"] not in ("confirmed", "paid_out"):
        raise wrong_state("refund_payment_invalid_state", f"The payment is {payment['status']}")
    if confirmation is None:
        raise invalid("total_amount_confirmation", "is required", "/refunds/total_amount_confirmation")
    if confirmation != payment["amount_refunded"] + amount:
        raise wrong_state(
            "total_amount_confirmation_invalid",
            f"The total amount refunded would be {payment['amount_refunded'] + amount}, not {confirmation}",
        )
    if payment["amount_refunded"] + amount > payment["amount"]:
        raise invalid("amount", "exceeds what is left of the payment", "/refunds/amount")
    if len(store.all("refunds", links__payment=payment["id"])) >= _MOST:
        raise wrong_state("number_of_refunds_exceeded", "This payment was refunded 5 times already")
    unlocked = date.fromisoformat(payment["charge_date"]) + timedelta(days=settings.refund_lock_days)
    if settings.refund_lock_days and today(store) < unlocked:
        raise wrong_state("refund_is_locked", f"This payment can be refunded from {unlocked}")
    funds = settings.available_for_refunds
    if funds is not None and amount > funds:
        raise wrong_state("available_refund_amount_insufficient", f"{funds} cents are available for refunds")


def act(store: Store, refund: Thing, action: str, reason: str | None) -> None:
    """One step of a refund's life; one that did not arrive is refunded no longer."""
    move(store, "refunds", refund, action)
    if action in ("failed", "funds_returned"):
        dues.refund_returned(store, refund)
        payment = store.find("payments", refund["links"].get("payment"))
        if payment:
            payment["amount_refunded"] -= refund["amount"]
            store.put(payment)
