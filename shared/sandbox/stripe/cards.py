"""Test cards: what each magic number and token does. Source: docs.stripe.com/testing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from shared.sandbox.stripe.refusals import Json, Refused


@dataclass(frozen=True)
class Behaviour:
    """`code` is why it is declined; `asks` when it wants 3-D Secure: never, setup (once, then never), always."""

    code: str | None = None
    decline: str | None = None
    asks: str = "never"
    attaches: bool = True
    dispute: str | None = None


_GOOD = Behaviour()
_NUMBERS: dict[str, tuple[str, Behaviour]] = {
    "4242424242424242": ("visa", _GOOD),
    "5555555555554444": ("mastercard", _GOOD),
    "4000002500001001": ("cartes_bancaires", _GOOD),
    "378282246310005": ("amex", _GOOD),
    "4000000000000002": ("visa", Behaviour("card_declined", "generic_decline", attaches=False)),
    "4000000000009995": ("visa", Behaviour("card_declined", "insufficient_funds", attaches=False)),
    "4000000000009987": ("visa", Behaviour("card_declined", "lost_card", attaches=False)),
    "4000000000000069": ("visa", Behaviour("expired_card", "expired_card", attaches=False)),
    "4000000000000127": ("visa", Behaviour("incorrect_cvc", "incorrect_cvc", attaches=False)),
    "4000000000000119": ("visa", Behaviour("processing_error", "processing_error", attaches=False)),
    "4000000000000341": ("visa", Behaviour("card_declined", "generic_decline")),
    "4000002500003155": ("visa", Behaviour(asks="setup")),
    "4000002760003184": ("visa", Behaviour(asks="always")),
    "4000000000003220": ("visa", Behaviour(asks="always")),
    "4000008260003178": ("visa", Behaviour("card_declined", "insufficient_funds", asks="always")),
    "4000000000000259": ("visa", Behaviour(dispute="fraudulent")),
}
_TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "pm_card_createDispute": "4000000000000259",
}
_MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}


def magic_card(token: str) -> Json | None:
    """The card that a test token stands for."""
    number = _TOKENS.get(token)
    return card_fields(number, 12, 2034) if number else None


def card_fields(number: str, month: int, year: int) -> Json:
    """What Stripe shows of a card, and (under `_number`) what the simulator remembers to act upon."""
    digits = number.replace(" ", "")
    if digits not in _NUMBERS:
        raise Refused(
            "Your card number is incorrect.", "incorrect_number", "number", status=402, kind="card_error"
        )
    brand, _ = _NUMBERS[digits]
    return {
        "brand": brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": "FR" if brand == "cartes_bancaires" else "US",
        "display_brand": brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": hashlib.sha256(digits.encode()).hexdigest()[:16],
        "funding": "credit",
        "generated_from": None,
        "last4": digits[-4:],
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def number_of(token: str) -> str | None:
    return _TOKENS.get(token)


def behaviour(method: Json) -> Behaviour:
    """How the card behind a payment method behaves."""
    number = method.get("_number")
    return _NUMBERS[number][1] if number else _GOOD


def refusal(code: str, decline: str | None) -> Json:
    """The body of a card error."""
    message = _MESSAGES.get(decline or code, _MESSAGES["generic_decline"])
    return {"type": "card_error", "code": code, "decline_code": decline, "message": message}
