"""What the creditor is owed and owes, and the payouts that settle it: the sum of a payout's items is its amount.

A due is a payment's money on its way to a payout, or money that has to come back out of one. What is undone before
it was paid out leaves nothing behind; what is undone after becomes a debit of a later payout.
"""

from __future__ import annotations

import secrets
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from shared.sandbox.gocardless import people
from shared.sandbox.gocardless.agenda import after_business_days, today
from shared.sandbox.gocardless.events import move
from shared.sandbox.gocardless.refusals import wrong_state
from shared.sandbox.gocardless.store import Store, Thing

_SETTLED = {
    "payment_failed": ("payments", "late_failure_settled"),
    "payment_charged_back": ("payments", "chargeback_settled"),
    "payment_refunded": ("refunds", "refund_settled"),
    "refund": ("refunds", "refund_settled"),
}


def owe(store: Store, payment: Thing) -> None:
    """A confirmed payment waits for the next payout, which keeps the fee."""
    _add(store, payment, "payment_paid_out", payment["amount"], fee=True)


def take_back(store: Store, payment: Thing, kind: str) -> None:
    """A payment's money goes back to the payer."""
    if not _forget(store, payment["id"], "payment_paid_out"):
        _add(store, payment, kind, -payment["amount"])


def give_again(store: Store, payment: Thing) -> None:
    """The payer's bank returned a chargeback."""
    if not _forget(store, payment["id"], "payment_charged_back"):
        never_paid_out = payment["status"] == "confirmed"
        _add(store, payment, "payment_paid_out", payment["amount"], fee=never_paid_out)


def owe_refund(store: Store, refund: Thing, currency: str) -> None:
    kind = "payment_refunded" if refund["links"].get("payment") else "refund"
    _add(store, {**refund, "currency": currency}, kind, -refund["amount"])


def refund_returned(store: Store, refund: Thing) -> None:
    """A refund did not arrive: its debit is forgotten, or given back by a later payout."""
    if not any(_forget(store, refund["id"], kind) for kind in ("payment_refunded", "refund")):
        _add(store, refund, "refund_funds_returned", refund["amount"])


def _add(store: Store, thing: Thing, kind: str, amount: int, *, fee: bool = False) -> None:
    due = {
        "type": kind,
        "amount": amount,
        "currency": thing["currency"],
        "of": thing["id"],
        "fee": fee,
        "links": {name: thing["links"][name] for name in ("payment", "mandate") if thing["links"].get(name)},
    }
    due["links"]["payment" if thing["id"].startswith("PM") else "refund"] = thing["id"]
    store.add("dues", due)


def _forget(store: Store, thing_id: str, kind: str) -> bool:
    for due in store.all("dues", of=thing_id, type=kind):
        store.remove(due)
        return True
    return False


def pay_out_now(store: Store, payment: Thing) -> None:
    """A payment's own payout day: everything else that waits comes with it."""
    if payment["status"] != "confirmed":
        raise wrong_state("paid_out_failed", f"{payment['id']} is {payment['status']}")
    pay_out(store, payment["currency"])


def pay_out(store: Store, currency: str = "EUR", *, paid: bool = True) -> Thing:
    """Gather all that is due into one payout. Refused while debits outweigh credits: they wait for better days."""
    waiting = store.all("dues", currency=currency)
    fees = [_fee(store, due) for due in waiting]
    # Items may hold fractions of a cent, a bank transfer cannot: the last fee takes the rounding.
    charged = sum(fees, Decimal(0)).quantize(Decimal(1), ROUND_HALF_UP)
    amount = sum(due["amount"] for due in waiting) - int(charged)
    if amount <= 0:
        raise wrong_state(
            "nothing_to_pay_out",
            f"{amount} {currency} cents are due: a payout needs confirmed payments above its debits",
        )
    payout = _open(store, currency, amount, int(charged))
    rounding = charged - sum(fees, Decimal(0))
    last = max((place for place, fee in enumerate(fees) if fee), default=None)
    for place, (due, fee) in enumerate(zip(waiting, fees, strict=True)):
        _item(store, payout, due["type"], Decimal(due["amount"]), due["links"])
        if fee:
            taken = fee + (rounding if place == last else 0)
            _item(store, payout, "gocardless_fee", -taken, due["links"])
    for due in waiting:
        _settle(store, payout, due)
    return move(store, "payouts", payout, "paid") if paid else payout


def _fee(store: Store, due: Thing) -> Decimal:
    if not due["fee"]:
        return Decimal(0)
    settings = store.settings()
    return Decimal(due["amount"]) * Decimal(settings.fee_percent) / 100 + Decimal(settings.fee_fixed)


def _open(store: Store, currency: str, amount: int, fees: int) -> Thing:
    return store.add(
        "payouts",
        {
            "amount": amount,
            "deducted_fees": fees,
            "currency": currency,
            "arrival_date": after_business_days(today(store), 1).isoformat(),
            "fx": {
                "fx_currency": currency,
                "fx_amount": None,
                "exchange_rate": None,
                "estimated_exchange_rate": None,
            },
            "payout_type": "merchant",
            "reference": "VERNAISON-" + secrets.token_hex(3).upper(),
            "status": "pending",
            "tax_currency": None,
            "metadata": {},
            "links": {
                "creditor": people.creditor(store)["id"],
                "creditor_bank_account": "BA0000CREDITOR",
            },
        },
    )


def _item(store: Store, payout: Thing, kind: str, amount: Decimal, links: dict[str, Any]) -> None:
    shown = f"{amount:f}"
    store.add(
        "payout_items",
        {
            "amount": shown if "." in shown else shown + ".0",
            "type": kind,
            "taxes": [],
            "links": links,
            "_payout": payout["id"],
        },
    )


def _settle(store: Store, payout: Thing, due: Thing) -> None:
    """The due is paid; its payment or refund hears of it."""
    store.remove(due)
    links = {"payout": payout["id"]}
    if due["type"] == "payment_paid_out":
        payment = store.find("payments", due["of"])
        if payment and payment["status"] == "confirmed":
            payment["links"]["payout"] = payout["id"]
            move(store, "payments", payment, "paid_out", links=links)
    elif due["type"] in _SETTLED:
        kind, action = _SETTLED[due["type"]]
        thing = store.find(kind, due["of"])
        if thing:
            move(store, kind, thing, action, links=links)
