"""GoCardless' words and ours: states, causes, kinds of payout items. What is not here is not known. Pure.

States and causes: https://developer.gocardless.com/api-reference/ (version 2015-07-06).
"""

from __future__ import annotations

from shared.rails.snapshot import Decline, Phase

PAYMENTS: dict[str, Phase] = {
    "pending_customer_approval": Phase.AWAITING_PAYER,
    "pending_submission": Phase.PROCESSING,
    "submitted": Phase.PROCESSING,
    "confirmed": Phase.SUCCEEDED,
    "paid_out": Phase.SUCCEEDED,
    "charged_back": Phase.SUCCEEDED,  # its money came; that it went again is a fact
    "failed": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
    "customer_approval_denied": Phase.FAILED,
}
REQUESTS: dict[str, Phase] = {
    "pending": Phase.AWAITING_PAYER,
    "ready_to_fulfil": Phase.AWAITING_PAYER,
    "fulfilling": Phase.PROCESSING,
    "fulfilled": Phase.PROCESSING,
    "cancelled": Phase.CANCELLED,
}
OPEN_REQUESTS = frozenset({"pending", "ready_to_fulfil"})
SET_UPS = {
    "pending": "awaiting_payer",
    "ready_to_fulfil": "awaiting_payer",
    "fulfilling": "awaiting_payer",
    "fulfilled": "done",
    "cancelled": "cancelled",
}
REFUNDS = {
    "created": "pending",
    "pending_submission": "pending",
    "submitted": "pending",
    "paid": "paid",
    "cancelled": "failed",
    "bounced": "failed",
    "funds_returned": "failed",
}
# A SEPA mandate goes to the bank with its first debit: it can be used as soon as it is signed.
MANDATES = {
    "pending_customer_approval": "pending",
    "pending_submission": "active",
    "submitted": "active",
    "active": "active",
    "suspended_by_payer": "suspended",
    "blocked": "suspended",
    "cancelled": "cancelled",
    "failed": "failed",
    "expired": "expired",
    "consumed": "expired",
}
PAYOUTS = {"pending": "pending", "paid": "paid", "bounced": "failed"}
PAYOUT_ITEMS = {
    "payment_paid_out": "payment",
    "payment_failed": "returned",
    "payment_charged_back": "charged_back",
    "payment_refunded": "refund",
    "refund": "refund",
    "refund_funds_returned": "refund_returned",
    "gocardless_fee": "fee",
    "app_fee": "fee",
    "surcharge_fee": "fee",
    "revenue_share": "other",
}

# `details.cause`, or the reason of a refusal → why it failed, as the payer is told (`rules.DECLINED`). The bank's own
# reason codes differ by scheme and are for support.
_DECLINES = {
    "insufficient_funds": "insufficient_funds",
    "bank_account_closed": "mandate",
    "invalid_bank_details": "mandate",
    "direct_debit_not_enabled": "mandate",
    "authorisation_disputed": "mandate",
    "mandate_cancelled": "mandate",
    "mandate_expired": "mandate",
    "mandate_suspended_by_payer": "mandate",
    "mandate_is_inactive": "mandate",
    "mandate": "mandate",
    "customer_approval_denied": "cancelled",
    "payment_cancelled": "cancelled",
    "refer_to_payer": "declined",
    "refund_requested": "declined",
    "payment_stopped": "declined",
    "account_blocked_for_any_financial_transaction": "declined",
    "bank_account_transferred": "declined",
    "test_failure": "declined",
    "other": "declined",
    "amount": "limit",
}


def decline_of(cause: str, *, otherwise: str = "declined") -> Decline:
    """Why an attempt failed, in our words and in theirs."""
    return Decline(_DECLINES.get(cause, otherwise), cause)
