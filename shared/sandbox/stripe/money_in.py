"""Charges and balance transactions: how money comes in, what Stripe keeps of it, and what fails late."""

from __future__ import annotations

from shared.sandbox.stripe import cards
from shared.sandbox.stripe.account import Account
from shared.sandbox.stripe.refusals import Json

_DAY = 86_400
# Stripe's French list prices, roughly: 1.5 % + 25 for cards, a flat 35 for debits, 0.5 % for transfers up to 5.00.
_WAIT_DAYS = {"card": 3, "sepa_debit": 5, "customer_balance": 1, "pay_by_bank": 1}


def fee_of(kind: str, amount: int) -> int:
    """The fee in minor units, rounded half up."""
    if kind == "card":
        return (amount * 150 + 5_000) // 10_000 + 25
    if kind == "sepa_debit":
        return 35
    return min((amount * 50 + 5_000) // 10_000, 500)


def movement(account: Account, kind: str, source: Json, amount: int, fee: int = 0, days: int = 0) -> Json:
    """A balance transaction: signed amount, fee, and when it can be paid out."""
    return account.new(
        "balance_transaction",
        "txn",
        type=kind,
        reporting_category=_REPORTED.get(kind, kind),
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency=source["currency"],
        fee_details=[
            {
                "amount": fee,
                "application": None,
                "currency": source["currency"],
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        ]
        if fee
        else [],
        available_on=account.now() + days * _DAY,
        balance_type="payments",
        description=source.get("description"),
        exchange_rate=None,
        source=source["id"],
        status="pending" if days else "available",
        _payout=None,
        _paid_out=0,
    )


_REPORTED = {
    "payment": "charge",
    "payment_refund": "refund",
    "payment_failure_refund": "charge_failure",
    "adjustment": "dispute",
    "stripe_fee": "fee",
    "payout_failure": "payout_reversal",
}


def charge(account: Account, intent: Json, method: Json, amount: int, status: str = "succeeded") -> Json:
    """A charge of the intent; its money is in the balance unless it failed or is only authorised."""
    held = intent["capture_method"] == "manual" and status == "succeeded"
    made = account.new(
        "charge",
        "ch" if method["type"] == "card" else "py",
        amount=amount,
        amount_captured=0 if held or status != "succeeded" else amount,
        amount_refunded=0,
        balance_transaction=None,
        billing_details=method["billing_details"],
        captured=not held and status == "succeeded",
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_balance_transaction=None,
        failure_code=None,
        failure_message=None,
        fraud_details={},
        metadata=intent["metadata"],
        outcome={"network_status": "approved_by_network", "type": "authorized", "risk_level": "normal"},
        paid=status == "succeeded",
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=_details(method, intent),
        receipt_email=intent["receipt_email"],
        receipt_url=None,
        refunded=False,
        status=status,
    )
    intent["latest_charge"] = made["id"]
    if status != "failed" and not held:
        book(account, made, method["type"])
    return made


def book(account: Account, made: Json, kind: str) -> None:
    """Put a charge's money in the balance."""
    amount = made["amount_captured"] or made["amount"]
    moved = "charge" if kind == "card" else "payment"
    booked = movement(account, moved, made, amount, fee_of(kind, amount), _WAIT_DAYS.get(kind, 3))
    account.save(made, balance_transaction=booked["id"])


def _details(method: Json, intent: Json) -> Json:
    kind = method["type"]
    told = dict(method[kind])
    if kind == "sepa_debit":
        told |= {"mandate": intent.get("_mandate"), "expected_debit_date": None}
    if kind == "card":
        told |= {"three_d_secure": intent.get("_three_d_secure")}
    return {"type": kind, kind: told}


def failed_charge(account: Account, intent: Json, method: Json, error: Json) -> Json:
    """An attempt that the card's bank refused."""
    made = charge(account, intent, method, intent["amount"], "failed")
    account.save(
        made,
        failure_code=error["code"],
        failure_message=error["message"],
        outcome={
            "network_status": "declined_by_network",
            "reason": error["decline_code"],
            "risk_level": "normal",
            "seller_message": "The bank declined the payment.",
            "type": "issuer_declined",
        },
    )
    account.tell("charge.failed", made)
    return made


def settle(account: Account, made: Json) -> None:
    """A pending charge is paid."""
    account.save(
        made, status="succeeded", paid=True, captured=True, amount_captured=made["amount"], _settled=True
    )
    account.tell("charge.succeeded", made)


def bounce(account: Account, made: Json, code: str, message: str) -> None:
    """A charge fails, pending or paid already: its money leaves the balance again, and the fee comes back."""
    booked = account.find("balance_transaction", made["balance_transaction"])
    back = movement(account, "payment_failure_refund", made, -made["amount"], -booked["fee"])
    account.save(
        made,
        status="failed",
        paid=False,
        failure_balance_transaction=back["id"],
        failure_code=code,
        failure_message=message,
    )
    account.tell("charge.failed", made)


def disputes_itself(method: Json) -> str | None:
    """The reason for which a test card disputes what it pays."""
    return cards.behaviour(method).dispute
