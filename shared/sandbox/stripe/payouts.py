"""Payouts: what the balance holds goes to the merchant's bank, and sometimes comes back."""

from __future__ import annotations

from shared.sandbox.stripe import money_in
from shared.sandbox.stripe.account import Account
from shared.sandbox.stripe.refusals import Json, Refused


def pay_out(
    account: Account, currency: str = "eur", automatic: bool = True, stripe_fee: int = 0, paid: bool = True
) -> Json:
    """Pay out all of the balance, whatever its sign, less the month's `stripe_fee`."""
    if stripe_fee:
        billed = {"id": None, "currency": currency, "description": "Billing (sandbox)"}
        money_in.movement(account, "stripe_fee", billed, -stripe_fee)
    included = [each for each in _in_balance(account, currency) if not _pending(account, each)]
    if not included:
        raise Refused("There is nothing to pay out.", "balance_insufficient", started=True)
    amount = sum(each["net"] for each in included)
    payout = account.new(
        "payout",
        "po",
        amount=amount,
        arrival_date=account.now() // 86_400 * 86_400,
        automatic=automatic,
        balance_transaction=None,
        currency=currency,
        description="STRIPE PAYOUT" if automatic else None,
        destination="ba_sandbox",
        failure_balance_transaction=None,
        failure_code=None,
        failure_message=None,
        metadata={},
        method="standard",
        original_payout=None,
        reconciliation_status="in_progress" if automatic else "not_applicable",
        source_type="card",
        statement_descriptor=None,
        status="in_transit",
        type="bank_account",
    )
    _itemise(account, payout, included)
    account.tell("payout.created", payout)
    if automatic:
        account.save(payout, reconciliation_status="completed")
    if paid:
        account.save(payout, status="paid")
        account.tell("payout.paid", payout)
    if automatic:
        account.tell("payout.reconciliation_completed", payout)
    return payout


def _in_balance(account: Account, currency: str) -> list[Json]:
    held = account.store.every("balance_transaction", currency=currency, _paid_out=0)
    return [each for each in held if each["type"] != "payout"]


def _pending(account: Account, booked: Json) -> bool:
    made = account.store.find("charge", booked["source"] or "")
    return made is not None and made["status"] == "pending"


def _itemise(account: Account, payout: Json, included: list[Json]) -> None:
    shown = payout["id"] if payout["automatic"] else None
    for each in included:
        account.save(each, status="available", _payout=shown, _paid_out=1)
    own = money_in.movement(account, "payout", payout, -payout["amount"])
    account.save(own, _payout=shown, _paid_out=1)
    account.save(payout, balance_transaction=own["id"])


def fail(account: Account, payout: Json, code: str = "account_closed") -> Json:
    """The merchant's bank sends a payout back, even one that was paid: the amount is in the balance again."""
    if payout["status"] == "failed":
        raise Refused("The payout has failed already.", "payout_unexpected_state", started=True)
    back = money_in.movement(account, "payout_failure", payout, payout["amount"])
    account.save(
        payout,
        status="failed",
        failure_code=code,
        failure_message="The bank account has been closed." if code == "account_closed" else code,
        failure_balance_transaction=back["id"],
    )
    account.tell("payout.failed", payout)
    return payout


def retrieve(account: Account, params: Json, payout_id: str) -> Json:
    return account.find("payout", payout_id, "payout")
