"""Payment methods and mandates: cards, bank accounts, and what a customer agreed to."""

from __future__ import annotations

import hashlib
import re

from shared.sandbox.stripe import cards
from shared.sandbox.stripe.account import Account
from shared.sandbox.stripe.refusals import Declined, Json, Refused, missing_parameter

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")


def create(account: Account, params: Json) -> Json:
    """A payment method from its parts; a raw card number is taken from browsers and this endpoint only."""
    if "type" not in params:
        raise missing_parameter("type")
    return make(account, params)


def make(account: Account, data: Json) -> Json:
    """The payment method that `payment_method_data` describes."""
    kind = data["type"]
    details: Json = {}
    hidden: Json = {}
    if kind == "card":
        details, hidden = _card(data.get("card") or {})
    elif kind == "sepa_debit":
        details, hidden = _sepa(data.get("sepa_debit") or {}, data.get("billing_details") or {})
    return _new(account, kind, details, data, hidden)


def _new(account: Account, kind: str, details: Json, data: Json, hidden: Json) -> Json:
    billing = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
    return account.new(
        "payment_method",
        "pm",
        type=kind,
        billing_details={**billing, **(data.get("billing_details") or {})},
        customer=None,
        metadata=data.get("metadata") or {},
        allow_redisplay=data.get("allow_redisplay") or "unspecified",
        **{kind: details},
        **hidden,
    )


def _card(card: Json) -> tuple[Json, Json]:
    number = str(card.get("number") or "")
    if token := card.get("token"):
        number = {"tok_visa": "4242424242424242", "tok_chargeDeclined": "4000000000000002"}.get(token, "")
    if not number:
        raise missing_parameter("card[number]")
    month, year = int(card.get("exp_month") or 12), int(card.get("exp_year") or 2034)
    if not 1 <= month <= 12:
        raise Refused(
            "Your card's expiration month is invalid.",
            "invalid_expiry_month",
            "exp_month",
            status=402,
            kind="card_error",
        )
    shown = cards.card_fields(number, month, year)
    return shown, {"_number": number.replace(" ", "")}


def _sepa(sepa: Json, billing: Json) -> tuple[Json, Json]:
    iban = re.sub(r"\s", "", str(sepa.get("iban") or "")).upper()
    if not _IBAN.fullmatch(iban) or int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 != 1:
        raise Refused("The IBAN you provided is invalid.", "invalid_bank_account_iban", "sepa_debit[iban]")
    for name in ("name", "email"):
        if not billing.get(name):
            raise missing_parameter(f"billing_details[{name}]")
    shown = {
        "bank_code": iban[4:9],
        "branch_code": iban[9:14],
        "country": iban[:2],
        "fingerprint": hashlib.sha256(iban.encode()).hexdigest()[:16],
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban[-4:],
    }
    return shown, {"_iban": iban}


def method_of(account: Account, wanted: str, param: str = "payment_method") -> Json:
    """The payment method of this id; a magic token makes a fresh one."""
    if magic := cards.magic_card(wanted):
        return _new(account, "card", magic, {}, {"_number": cards.number_of(wanted)})
    return account.find("payment_method", wanted, param)


def retrieve(account: Account, params: Json, method_id: str) -> Json:
    return method_of(account, method_id, "payment_method")


def attach(account: Account, params: Json, method_id: str) -> Json:
    method = method_of(account, method_id)
    account.find("customer", params["customer"], "customer")
    told = cards.behaviour(method)
    if told.code and not told.attaches:
        raise Declined(cards.refusal(told.code, told.decline))
    return attach_to(account, method, params["customer"])


def attach_to(account: Account, method: Json, customer_id: str) -> Json:
    """Keep a payment method for its customer's later payments. Done already: nothing."""
    if method["customer"] == customer_id:
        return method
    if method["customer"]:
        raise Refused(
            "The payment method you provided has already been attached to a customer.",
            "payment_method_unexpected_state",
            started=True,
        )
    account.save(method, customer=customer_id)
    account.tell("payment_method.attached", method)
    return method


def detach(account: Account, params: Json, method_id: str) -> Json:
    method = account.find("payment_method", method_id, "payment_method")
    if not method["customer"]:
        raise Refused(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            "payment_method_unexpected_state",
            started=True,
        )
    customer = method["customer"]
    account.save(method, customer=None, _detached=True)
    account.tell("payment_method.detached", method, {"customer": customer})
    for mandate in account.store.every("mandate", payment_method=method_id, status="active"):
        end_mandate(account, mandate)
    return method


def end_mandate(account: Account, mandate: Json) -> Json:
    """The customer or the bank withdrew it."""
    before = {"status": mandate["status"]}
    account.save(mandate, status="inactive")
    account.tell("mandate.updated", mandate, before)
    return mandate


def mandate_for(
    account: Account, method: Json, agreed: Json | None, single: int | None = None
) -> Json | None:
    """The mandate made from `mandate_data`, or the one that this method already has."""
    if method["type"] != "sepa_debit":
        return None
    if agreed is None:
        known = account.store.every("mandate", payment_method=method["id"], status="active", type="multi_use")
        return known[-1] if known else None
    acceptance = {"accepted_at": account.now(), **(agreed.get("customer_acceptance") or {})}
    mandate = account.new(
        "mandate",
        "mandate",
        customer_acceptance=acceptance,
        payment_method=method["id"],
        payment_method_details={"type": "sepa_debit", "sepa_debit": {"reference": "", "url": ""}},
        status="active",
        type="single_use" if single else "multi_use",
        **({"single_use": {"amount": single, "currency": "eur"}} if single else {"multi_use": {}}),
    )
    reference = mandate["id"].removeprefix("mandate_")[:16].upper()
    mandate["payment_method_details"]["sepa_debit"] = {
        "reference": reference,
        "url": f"{account.url}/mandates/{mandate['id']}",
    }
    return account.save(mandate)
