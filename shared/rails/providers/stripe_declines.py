"""Why Stripe says that something failed, in our words. Pure.

Source: docs.stripe.com/declines/codes, docs.stripe.com/error-codes, docs.stripe.com/payments/sepa-debit, as of 2026.
A payer is never told that a card is reported lost or stolen, nor that fraud is suspected: those read as a decline.
"""

from __future__ import annotations

from typing import Any

from shared.rails.snapshot import Decline

_OURS = {
    "insufficient_funds": "insufficient_funds",
    "authentication_required": "authentication_required",
    "payment_intent_authentication_failure": "not_authenticated",
    "setup_intent_authentication_failure": "not_authenticated",
    "authentication_not_handled": "not_authenticated",
    "expired_card": "expired_card",
    **dict.fromkeys(
        (
            "incorrect_cvc incorrect_number incorrect_pin incorrect_zip incorrect_address invalid_account invalid_cvc "
            "invalid_expiry_month invalid_expiry_year invalid_number invalid_pin invalid_bank_account_iban "
            "bank_account_unusable incorrect_account_holder_name incorrect_account_details"
        ).split(),
        "wrong_details",
    ),
    **dict.fromkeys(
        (
            "card_velocity_exceeded withdrawal_count_limit_exceeded amount_too_large "
            "charge_exceeds_source_limit charge_exceeds_transaction_limit charge_exceeds_weekly_limit"
        ).split(),
        "limit",
    ),
    **dict.fromkeys(
        (
            "account_closed debit_not_authorized payment_intent_mandate_invalid payment_method_mandate_invalid "
            "mandate_invalid sepa_unsupported_account recipient_deceased"
        ).split(),
        "mandate",
    ),
    **dict.fromkeys(
        "processing_error try_again_later issuer_not_available reenter_transaction approve_with_id "
        "payment_intent_payment_attempt_expired payment_method_provider_timeout".split(),
        "temporary",
    ),
    **dict.fromkeys(("payment_method_customer_decline", "customer_declined"), "cancelled"),
}

# Stripe's reasons of a debit that came back, as the SEPA reason codes they stand for.
_REASON_CODES = {
    "insufficient_funds": "AM04",
    "account_closed": "AC04",
    "incorrect_account_details": "AC01",
    "bank_cannot_process": "AG01",
    "customer_initiated": "MD06",
    "debit_not_authorized": "MD01",
}


def decline_of(error: dict[str, Any]) -> Decline:
    """The decline in a Stripe error (`last_payment_error`, or a refusal): its finest code that we know decides.

    >>> decline_of({"code": "card_declined", "decline_code": "insufficient_funds"})
    Decline(code='insufficient_funds', provider_code='insufficient_funds')
    """
    codes = [code for code in (error.get("decline_code"), error.get("code"), error.get("type")) if code]
    ours = next((_OURS[code] for code in codes if code in _OURS), "declined")
    return Decline(ours, codes[0] if codes else "")


def reason_code(reason: str | None, network_code: str | None = None) -> str | None:
    """The ISO 20022 reason of a returned debit, if Stripe's word tells which one."""
    return network_code or _REASON_CODES.get(reason or "")
