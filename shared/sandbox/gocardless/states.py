"""The lives of mandates, payments, refunds and payouts as tables, and what events say about each step.

Actions and causes: https://developer.gocardless.com/api-reference/#events-event-types
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """An action: from which states it may happen, into which state (None: it stays), and what its event says."""

    sources: tuple[str, ...]
    target: str | None
    cause: str
    description: str
    origin: str = "gocardless"


_LIVE = ("pending_customer_approval", "pending_submission", "submitted", "active", "suspended_by_payer")
_ENDED = ("cancelled", "failed", "expired")

STEPS: dict[str, dict[str, Step]] = {
    "payments": {
        "customer_approval_granted": Step(
            ("pending_customer_approval",), "pending_submission", "customer_approval_granted",
            "The customer granted approval for this payment", "customer"),
        "customer_approval_denied": Step(
            ("pending_customer_approval",), "customer_approval_denied", "customer_approval_denied",
            "The customer denied approval for this payment", "customer"),
        "submitted": Step(
            ("pending_submission",), "submitted", "payment_submitted",
            "Payment submitted to the banks. As a result, it can no longer be cancelled."),
        "confirmed": Step(
            ("submitted",), "confirmed", "payment_confirmed",
            "Enough time has passed since the payment was submitted for the banks to return an error, so this payment is now confirmed."),
        "paid_out": Step(
            ("confirmed",), "paid_out", "payment_paid_out", "The payment has been paid out by GoCardless."),
        "failed": Step(
            ("submitted", "confirmed", "paid_out"), "failed", "other", "The payment failed.", "bank"),
        "charged_back": Step(
            ("confirmed", "paid_out"), "charged_back", "refund_requested", "The payment was charged back.", "bank"),
        "chargeback_cancelled": Step(
            ("charged_back",), "paid_out", "payment_confirmed", "The chargeback for this payment was reversed", "bank"),
        "late_failure_settled": Step(  # a retry may have begun before the payout that takes the money back
            ("failed", "pending_submission", "submitted", "confirmed"), None, "late_failure_settled", "This late failed payment has been settled against a payout."),
        "chargeback_settled": Step(
            ("charged_back",), None, "chargeback_settled", "This charged back payment has been settled against a payout."),
        "resubmission_requested": Step(
            ("failed",), "pending_submission", "payment_retried", "An attempt to retry this payment was requested.", "api"),
        "cancelled": Step(
            ("pending_customer_approval", "pending_submission"), "cancelled", "payment_cancelled",
            "The payment was cancelled at your request.", "api"),
    },
    "mandates": {
        "customer_approval_granted": Step(
            ("pending_customer_approval",), "pending_submission", "customer_approval_granted",
            "The customer granted approval for this Direct Debit mandate.", "customer"),
        "customer_approval_skipped": Step(
            ("pending_customer_approval",), "pending_submission", "customer_approval_skipped",
            "The customer approval process was skipped for this mandate.", "customer"),
        "submitted": Step(
            ("pending_submission",), "submitted", "mandate_submitted", "The mandate has been submitted to the banks."),
        "active": Step(
            ("submitted",), "active", "mandate_activated",
            "The time window after submission for the banks to refuse a mandate has ended without any errors being received, so this mandate is now active."),
        "reinstated": Step(
            ("submitted", *_ENDED), "active", "mandate_reinstated", "A cancelled mandate has been re-instated by the customer's bank.", "bank"),
        "failed": Step(
            ("pending_submission", "submitted"), "failed", "invalid_bank_details",
            "The specified bank account does not exist or is closed.", "bank"),
        "cancelled": Step(
            _LIVE, "cancelled", "mandate_cancelled", "The mandate was cancelled at your request.", "api"),
        "expired": Step(
            ("active",), "expired", "mandate_expired", "The mandate has been marked as dormant."),
        "suspended_by_payer": Step(
            ("active",), "suspended_by_payer", "mandate_suspended_by_payer", "The mandate has been suspended by the payer.", "payer"),
        "consumed": Step(("active",), "consumed", "mandate_consumed", "The mandate can no longer be used."),
        "blocked": Step(
            ("pending_submission",), "blocked", "mandate_blocked", "The mandate has been blocked and payments cannot be created."),
        "transferred": Step(
            ("pending_submission", "submitted", "active"), None, "bank_account_transferred",
            "The customer's bank account was transferred to a different bank or building society.", "bank"),
        "replaced": Step(
            _LIVE, "cancelled", "scheme_identifier_changed", "The mandate has been replaced by another mandate."),
        "resubmission_requested": Step(
            ("cancelled", "expired"), "pending_submission", "resubmission_requested",
            "An attempt to reinstate this mandate was requested.", "api"),
    },
    "refunds": {
        "submitted": Step(("created", "pending_submission"), "submitted", "", ""),  # the API has no event for it
        "paid": Step(
            ("created", "pending_submission", "submitted"), "paid", "refund_paid", "The refund has been paid to your customer."),
        "failed": Step(
            ("created", "pending_submission", "submitted", "paid"), "bounced", "refund_failed", "The refund did not reach your customer.", "bank"),
        "refund_settled": Step(
            ("created", "pending_submission", "submitted", "paid"), None, "refund_settled", "The refund has been deducted from a payout."),
        "funds_returned": Step(
            ("created", "pending_submission", "submitted", "paid"), "funds_returned", "refund_funds_returned",
            "The refund has not reached your customer and its funds have been returned to you.", "bank"),
    },
    "payouts": {
        "paid": Step(("pending",), "paid", "payout_paid", "GoCardless has transferred the payout to the creditor's bank account."),
        "bounced": Step(("paid",), "bounced", "", ""),  # the API has no event for it: one has to ask
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """What a bank's SEPA reason code becomes in `details`; whether the mandate ends with it."""

    cause: str
    description: str
    ends_mandate: bool = False


REASONS: dict[str, Reason] = {
    "AC01": Reason(
        "invalid_bank_details",
        "The bank account specified does not exist. The mandate will also be cancelled.",
        True,
    ),
    "AC04": Reason(
        "bank_account_closed",
        "The bank account for this payment has been closed. The mandate will also be cancelled.",
        True,
    ),
    "AC06": Reason(
        "account_blocked_for_any_financial_transaction",
        "This payment failed because the payer's account was blocked.",
    ),
    "AG01": Reason(
        "direct_debit_not_enabled",
        "The bank account for this payment does not support SEPA Direct Debit. The mandate will also be cancelled.",
        True,
    ),
    "AM04": Reason(
        "insufficient_funds", "The customer's account had insufficient funds to make this payment."
    ),
    "MD01": Reason("mandate_cancelled", "The customer cancelled their mandate at their bank.", True),
    "MD06": Reason(
        "refund_requested",
        "This payment was charged back by the customer's bank at the customer's request within the 8 week cool-off period.",
    ),
    "MD07": Reason("bank_account_closed", "This payment failed because the customer is deceased.", True),
    "MS02": Reason("refer_to_payer", "The customer refused to accept this payment."),
    "MS03": Reason(
        "refer_to_payer",
        "The payment failed but the reason for the failure was not provided, usually for regulatory reasons.",
    ),
    "RR04": Reason(
        "refer_to_payer",
        "The payment failed but the reason for the failure was not provided, usually for regulatory reasons.",
    ),
    "SL01": Reason(
        "refer_to_payer",
        "The payment failed due to a restriction on Direct Debit payments from the payer's bank account.",
    ),
    "TEST": Reason(
        "test_failure",
        "GoCardless has marked this payment as failed in sandbox to enable testing of payment failure webhooks.",
    ),
}
