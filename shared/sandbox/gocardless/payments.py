"""Payments: created, submitted, confirmed, paid out; and every way they come undone, early or late."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from shared.sandbox.gocardless import dues, mandates, people
from shared.sandbox.gocardless.agenda import after_business_days, at_start_of, plan, today
from shared.sandbox.gocardless.events import move, record
from shared.sandbox.gocardless.refusals import invalid, wrong_state
from shared.sandbox.gocardless.states import REASONS
from shared.sandbox.gocardless.store import Store, Thing

RETRIES = 3
# What follows submission for the given names the sandbox knows; everybody else is Successful in his own time.
_LIVES: dict[str, tuple[tuple[str, str | None], ...]] = {
    "Penniless": (("failed", "AM04"),),
    "Invalid": (("failed", "AC01"),),
    "Fickle": (("confirmed", None), ("paid_out", None), ("charged_back", "MD06")),
    "Late": (("confirmed", None), ("paid_out", None), ("failed", "AM04")),
    "Successful": (("confirmed", None), ("paid_out", None)),
}


def create(store: Store, params: dict[str, Any]) -> Thing:
    mandate = people.linked(store, "mandates", params.get("links"), "mandate", "/payments")
    amount_of(params, "/payments")
    if params.get("currency") != "EUR":
        raise invalid("currency", "is not supported by the mandate: EUR was expected", "/payments/currency")
    if mandate["status"] not in mandates.USABLE:
        raise wrong_state("mandate_is_inactive", f"The mandate {mandate['id']} is {mandate['status']}")
    first = date.fromisoformat(mandate["next_possible_charge_date"])
    first = max(first, after_business_days(today(store), 1))
    charge_date = _charge_date(params.get("charge_date"), first, store)
    if len(params.get("reference") or "") > 140:
        raise invalid("reference", "should have at most 140 characters", "/payments/reference")
    payment = _add(store, params, mandate["links"], "sepa_core", charge_date, mandate["id"])
    if mandate["status"] == "pending_customer_approval":
        payment["status"] = "pending_customer_approval"
        store.put(payment)
    _plan_debit(store, payment)
    return payment


def add_instant(store: Store, request: dict[str, Any], customer: str) -> Thing:
    """The payment of a fulfilled billing request: at once under way, and there as soon as the bank sent it."""
    scheme = request["scheme"]
    links = {"creditor": people.creditor(store)["id"], "customer": customer}
    payment = _add(store, request, links, scheme, today(store), None)
    move(store, "payments", payment, "submitted")
    name = people.given_name(store, customer)
    arrives = store.now() + timedelta(seconds=store.settings().instant_seconds)
    if name in ("Penniless", "Invalid"):
        plan(store, "payments", payment["id"], "failed", arrives)
    else:
        plan(store, "payments", payment["id"], "confirmed", arrives)
        day = after_business_days(today(store), 1)
        plan(store, "payments", payment["id"], "paid_out", at_start_of(day))
    return payment


def _add(
    store: Store,
    params: dict[str, Any],
    links: dict[str, str],
    scheme: str,
    charge_date: date,
    mandate: str | None,
) -> Thing:
    payment = store.add(
        "payments",
        {
            "amount": params["amount"],
            "amount_refunded": 0,
            "currency": params["currency"],
            "charge_date": charge_date.isoformat(),
            "description": params.get("description"),
            "reference": params.get("reference"),
            "status": "pending_submission",
            "retry_if_possible": bool(params.get("retry_if_possible")),
            "faster_ach": False,
            "scheme": scheme,
            "fx": {
                "fx_currency": params["currency"],
                "fx_amount": None,
                "exchange_rate": None,
                "estimated_exchange_rate": None,
            },
            "metadata": params.get("metadata") or {},
            "links": {"creditor": links["creditor"]} | ({"mandate": mandate} if mandate else {}),
            "_customer": links["customer"],
            "_retries": 0,
        },
    )
    details = {
        "origin": "api",
        "cause": "payment_created",
        "description": "Payment created via the API.",
    }
    record(store, "payments", payment, "created", details)
    return payment


def amount_of(params: dict[str, Any], pointer: str) -> int:
    amount = params.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise invalid("amount", "is not a number", f"{pointer}/amount")
    if amount <= 0:
        raise invalid("amount", "must be greater than 0", f"{pointer}/amount")
    return amount


def _charge_date(wanted: Any, first: date, store: Store) -> date:
    if wanted is None:
        return first
    try:
        day = date.fromisoformat(str(wanted))
    except ValueError:
        raise invalid("charge_date", "is not a date", "/payments/charge_date") from None
    if day < first:
        message = f"must be on or after mandate's next_possible_charge_date, {first}"
        raise invalid("charge_date", message, "/payments/charge_date")
    if day > today(store) + timedelta(days=365):
        raise invalid("charge_date", "must be within one year", "/payments/charge_date")
    return after_business_days(day, 0)


def _plan_debit(store: Store, payment: Thing) -> None:
    """The payment's future. A magic name lives it at once; others wait for the banks' days."""
    name = people.given_name(store, payment["_customer"])
    if name in _LIVES:
        for action, reason in (("submitted", None), *_LIVES[name]):
            plan(store, "payments", payment["id"], action, store.now(), reason)
        return
    day = date.fromisoformat(payment["charge_date"])
    submitted = max(at_start_of(day) - timedelta(days=1), store.now())
    plan(store, "payments", payment["id"], "submitted", submitted)
    plan(store, "payments", payment["id"], "confirmed", at_start_of(after_business_days(day, 2)))
    plan(store, "payments", payment["id"], "paid_out", at_start_of(after_business_days(day, 3)))


def cancel(store: Store, payment: Thing, data: dict[str, Any]) -> Thing:
    if payment["status"] not in ("pending_submission", "pending_customer_approval"):
        raise wrong_state("cancellation_failed", f"This payment is {payment['status']}")
    return move(store, "payments", payment, "cancelled", metadata=data.get("metadata"))


def retry(store: Store, payment: Thing, data: dict[str, Any]) -> Thing:
    mandate = store.find("mandates", payment["links"].get("mandate"))
    if payment["status"] != "failed" or mandate is None:
        raise wrong_state("retry_failed", f"This payment is {payment['status']}")
    if mandate["status"] not in mandates.USABLE:
        raise wrong_state("mandate_is_inactive", f"The mandate {mandate['id']} is {mandate['status']}")
    if payment["_retries"] >= RETRIES:
        raise wrong_state("retry_failed", "This payment was retried 3 times already")
    first = after_business_days(today(store), 1)
    payment["charge_date"] = _charge_date(data.get("charge_date"), first, store).isoformat()
    payment["_retries"] += 1
    payment["links"].pop("payout", None)
    move(store, "payments", payment, "resubmission_requested", metadata=data.get("metadata"))
    _plan_debit(store, payment)
    return payment


def act(store: Store, payment: Thing, action: str, reason: str | None) -> None:
    """One step of a payment's life, with what it means for its mandate and for the next payout."""
    if action == "paid_out":
        dues.pay_out_now(store, payment)
        return
    if action == "failed":
        reason = reason or ("AM04" if payment["scheme"] == "sepa_core" else "TEST")
    if action == "charged_back":
        reason = reason or "MD06"
    mandate = store.find("mandates", payment["links"].get("mandate"))
    if mandate and action == "submitted":
        mandates.submit(store, mandate)
    was = payment["status"]
    move(store, "payments", payment, action, reason=reason)
    if action == "confirmed":
        if mandate:
            mandates.activate(store, mandate)
        dues.owe(store, payment)
    elif action == "failed" and was in ("confirmed", "paid_out"):
        dues.take_back(store, payment, "payment_failed")
    elif action == "charged_back":
        payment["_was"] = was
        store.put(payment)
        dues.take_back(store, payment, "payment_charged_back")
    elif action == "chargeback_cancelled":
        payment["status"] = payment["_was"]
        store.put(payment)
        dues.give_again(store, payment)
    if mandate and reason and REASONS[reason].ends_mandate:
        _end_mandate(store, mandate["id"], reason)


def _end_mandate(store: Store, mandate_id: str, reason: str) -> None:
    mandate = store.find("mandates", mandate_id)
    if mandate and mandate["status"] in ("pending_submission", "submitted"):
        mandates.end(store, mandate, "failed", reason=reason, origin="bank")
    elif mandate and mandate["status"] == "active":
        mandates.end(store, mandate, "cancelled", reason=reason, origin="bank")
