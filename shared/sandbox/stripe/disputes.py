"""Disputes: a payer's bank takes money back. Cards can be argued about, direct debits cannot."""

from __future__ import annotations

from shared.sandbox.stripe import money_in
from shared.sandbox.stripe.account import Account, shown
from shared.sandbox.stripe.customers import merged
from shared.sandbox.stripe.refusals import Json, Refused

_FEES = {"card": 2000, "sepa_debit": 750}
_OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
_WEEK = 7 * 86_400


def open_dispute(
    account: Account, made: Json, reason: str, status: str = "needs_response", amount: int | None = None
) -> Json:
    """The payer contests a charge. A debit's is lost at once: there is no appeal."""
    if made["disputed"] or not made["paid"]:
        raise Refused("Only a paid charge, and once, can be disputed.", "charge_not_disputable", started=True)
    kind = made["payment_method_details"]["type"]
    final = kind != "card"
    dispute = account.new(
        "dispute",
        "dp" if kind == "card" else "du",
        amount=amount or made["amount"] - made["amount_refunded"],
        balance_transactions=[],
        charge=made["id"],
        currency=made["currency"],
        evidence={},
        evidence_details={
            "due_by": None if final else account.now() + _WEEK,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=status.startswith("warning"),
        metadata={},
        payment_intent=made["payment_intent"],
        payment_method_details=None
        if final
        else {"type": "card", "card": {"brand": made["payment_method_details"]["card"]["brand"]}},
        reason=reason,
        status="lost" if final else status,
    )
    account.save(made, disputed=True)
    if not status.startswith("warning"):
        _withdraw(account, dispute, _FEES.get(kind, 0))
    account.tell("charge.dispute.created", dispute)
    if not status.startswith("warning"):
        account.tell("charge.dispute.funds_withdrawn", dispute)
    if final:
        account.tell("charge.dispute.closed", dispute)
    return dispute


def _withdraw(account: Account, dispute: Json, fee: int) -> None:
    taken = money_in.movement(account, "adjustment", dispute, -dispute["amount"], fee)
    dispute["balance_transactions"].append(shown(taken))
    account.save(dispute)


def retrieve(account: Account, params: Json, dispute_id: str) -> Json:
    return account.find("dispute", dispute_id, "dispute")


def update(account: Account, params: Json, dispute_id: str) -> Json:
    """Evidence is given, and handed in with `submit`."""
    dispute = retrieve(account, params, dispute_id)
    _must_be_open(dispute)
    dispute["metadata"] = merged(dispute["metadata"], params)
    if params.get("evidence"):
        dispute["evidence"] |= params["evidence"]
        dispute["evidence_details"]["has_evidence"] = True
        if params.get("submit", True):
            warning = dispute["status"].startswith("warning")
            dispute["status"] = "warning_under_review" if warning else "under_review"
            dispute["evidence_details"]["submission_count"] += 1
    account.save(dispute)
    account.tell("charge.dispute.updated", dispute)
    return dispute


def accept(account: Account, params: Json, dispute_id: str) -> Json:
    """`disputes.close`: the merchant gives in."""
    return end(account, retrieve(account, params, dispute_id), won=False)


def end(account: Account, dispute: Json, won: bool) -> Json:
    """The bank decided. A warning closes without money."""
    _must_be_open(dispute)
    if dispute["status"].startswith("warning"):
        account.save(dispute, status="warning_closed")
        account.save(account.find("charge", dispute["charge"]), disputed=False)
    else:
        account.save(dispute, status="won" if won else "lost")
        if won:
            _reinstate(account, dispute)
    account.tell("charge.dispute.closed", dispute)
    if dispute["status"] == "won":
        account.tell("charge.dispute.funds_reinstated", dispute)
    return dispute


def _reinstate(account: Account, dispute: Json) -> None:
    fee = -sum(each["fee"] for each in dispute["balance_transactions"])
    back = money_in.movement(account, "adjustment", dispute, dispute["amount"], fee)
    dispute["balance_transactions"].append(shown(back))
    account.save(dispute)


def _must_be_open(dispute: Json) -> None:
    if dispute["status"] not in _OPEN:
        raise Refused(f"The dispute is {dispute['status']}.", "dispute_unexpected_state", started=True)
