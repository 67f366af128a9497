"""Refunds: never more than was received, at once for cards, days for debits, and sometimes sent back."""

from __future__ import annotations

from shared.sandbox.stripe import bank_transfers, money_in
from shared.sandbox.stripe.account import Account
from shared.sandbox.stripe.customers import merged
from shared.sandbox.stripe.refusals import Json, Refused, missing_parameter


def create(account: Account, params: Json) -> Json:
    made = _charge(account, params)
    left = made["amount_captured"] - made["amount_refunded"]
    amount = params.get("amount", left)
    _check(made, amount, left)
    kind = made["payment_method_details"]["type"]
    refund = account.new(
        "refund",
        "re" if kind == "card" else "pyr",
        amount=amount,
        balance_transaction=None,
        charge=made["id"],
        currency=made["currency"],
        destination_details={"type": kind, kind: {}},
        failure_balance_transaction=None,
        metadata=params.get("metadata") or {},
        payment_intent=made["payment_intent"],
        payment_method=made["payment_method"],
        reason=params.get("reason"),
        receipt_number=None,
        status="pending" if kind == "sepa_debit" else "succeeded",
    )
    moved = "refund" if kind == "card" else "payment_refund"
    booked = money_in.movement(account, moved, refund, -amount)
    account.save(refund, balance_transaction=booked["id"])
    _refunded_by(account, made, amount)
    account.tell("refund.created", refund)
    account.tell("charge.refunded", made)
    if kind == "customer_balance":
        bank_transfers.refunded(account, refund, made["customer"])
    return refund


def _charge(account: Account, params: Json) -> Json:
    if wanted := params.get("charge"):
        return account.find("charge", wanted, "charge")
    if not (wanted := params.get("payment_intent")):
        raise missing_parameter("charge")
    intent = account.find("payment_intent", wanted, "payment_intent")
    if intent["status"] != "succeeded":
        raise Refused(
            f"This PaymentIntent ({wanted}) does not have a successful charge to refund.",
            "charge_not_refundable",
            "payment_intent",
            started=True,
        )
    return account.find("charge", intent["latest_charge"])


def _check(made: Json, amount: int, left: int) -> None:
    if made["status"] != "succeeded" or not made["captured"]:
        raise Refused("This charge is not paid.", "charge_not_refundable", "charge", started=True)
    if made["disputed"]:
        raise Refused(f"Charge {made['id']} has been charged back; cannot issue a refund.", "charge_disputed")
    if left == 0:
        raise Refused(f"Charge {made['id']} has already been refunded.", "charge_already_refunded")
    if amount < 1:
        raise Refused("Invalid positive integer", "parameter_invalid_integer", "amount")
    if amount > left:
        raise Refused(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
            "amount_too_large",
            "amount",
            started=True,
        )


def _refunded_by(account: Account, made: Json, amount: int) -> None:
    refunded = made["amount_refunded"] + amount
    account.save(made, amount_refunded=refunded, refunded=refunded == made["amount_captured"])


def retrieve(account: Account, params: Json, refund_id: str) -> Json:
    return account.find("refund", refund_id, "refund")


def update(account: Account, params: Json, refund_id: str) -> Json:
    refund = retrieve(account, params, refund_id)
    account.save(refund, metadata=merged(refund["metadata"], params))
    account.tell("refund.updated", refund)
    return refund


def cancel(account: Account, params: Json, refund_id: str) -> Json:
    refund = retrieve(account, params, refund_id)
    if refund["status"] not in ("pending", "requires_action"):
        raise Refused(
            f"You cannot cancel a refund that is {refund['status']}.",
            "refund_unexpected_state",
            started=True,
        )
    account.save(refund, status="canceled")
    _undo(account, refund)
    account.tell("refund.updated", refund)
    return refund


def _undo(account: Account, refund: Json) -> None:
    """The money is in our balance again."""
    back = money_in.movement(account, "refund_failure", refund, refund["amount"])
    account.save(refund, failure_balance_transaction=back["id"])
    _refunded_by(account, account.find("charge", refund["charge"]), -refund["amount"])


def succeed(account: Account, refund: Json) -> Json:
    """A pending refund arrived."""
    account.save(refund, status="succeeded")
    account.tell("refund.updated", refund)
    return refund


def fail(account: Account, refund: Json, reason: str) -> Json:
    """The payer's bank sends a refund back, even one that had succeeded."""
    if refund["status"] not in ("pending", "succeeded"):
        raise Refused(f"The refund is {refund['status']}.", "refund_unexpected_state", started=True)
    account.save(refund, status="failed", failure_reason=reason)
    _undo(account, refund)
    account.tell("refund.failed", refund)
    account.tell("charge.updated", account.find("charge", refund["charge"]))
    return refund
