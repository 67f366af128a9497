"""The creditor, its customers and their bank accounts."""

from __future__ import annotations

from typing import Any

from shared import iban
from shared.sandbox.gocardless.refusals import Refusal, invalid, misuse, wrong_state
from shared.sandbox.gocardless.store import Store, Thing

_NAMES = "given_name family_name company_name email phone_number language address_line1 address_line2 address_line3 city region postal_code country_code"


def creditor(store: Store) -> Thing:
    """The one creditor this account collects for; made when first asked for."""
    with store.transaction():
        for known in store.all("creditors"):
            return known
        return store.add(
            "creditors",
            {
                "name": "Ateliers Vernaison SAS",
                "country_code": "FR",
                "creditor_type": "company",
                "verification_status": "successful",
                "can_create_refunds": True,
                "merchant_responsible_for_notifications": False,
                "mandate_imports_enabled": False,
                "custom_payment_pages_enabled": False,
                "fx_payout_currency": None,
                "scheme_identifiers": [
                    {
                        "scheme": "sepa",
                        "reference": "FR00ZZZ123456",
                        "name": "Ateliers Vernaison",
                        "currency": "EUR",
                        "can_specify_mandate_reference": False,
                        "minimum_advance_notice": 3,
                        "status": "active",
                    }
                ],
                "links": {"default_eur_payout_account": "BA0000CREDITOR"},
            },
        )


def linked(store: Store, kind: str, links: dict[str, Any] | None, name: str, pointer: str) -> Thing:
    """The document a request's `links` names; refused when it is not there."""
    wanted = (links or {}).get(name)
    if not wanted:
        raise invalid(name, "is required", f"{pointer}/links/{name}")
    thing = store.find(kind, wanted)
    if thing is None:
        raise misuse(400, "link_not_found", f"The {name} {wanted} was not found")
    return thing


def create_customer(store: Store, params: dict[str, Any]) -> Thing:
    if not params.get("company_name") and not (params.get("given_name") and params.get("family_name")):
        raise invalid("given_name", "is required without a company_name", "/customers/given_name")
    return add_customer(store, params)


def add_customer(store: Store, params: dict[str, Any]) -> Thing:
    """A customer as far as it is known: a billing request collects the rest."""
    known = dict.fromkeys(_NAMES.split())
    return store.add("customers", {**known, **params, "metadata": params.get("metadata") or {}})


def remove_customer(store: Store, customer: Thing) -> None:
    store.remove(customer)


def create_account(store: Store, params: dict[str, Any]) -> Thing:
    pointer = "/customer_bank_accounts"
    customer = linked(store, "customers", params.get("links"), "customer", pointer)
    return add_account(store, customer, params, pointer)


def add_account(store: Store, customer: Thing, params: dict[str, Any], pointer: str) -> Thing:
    """A customer's account, once: the same number again is a conflict that names the first."""
    holder = params.get("account_holder_name")
    if not holder:
        raise invalid("account_holder_name", "is required", f"{pointer}/account_holder_name")
    number = compact(params.get("iban"))
    if not number:
        raise invalid("iban", "is required", f"{pointer}/iban")
    if not iban.is_valid(number):
        raise invalid("iban", "is invalid", f"{pointer}/iban")
    for known in store.all("customer_bank_accounts", links__customer=customer["id"], _iban=number):
        if known["enabled"]:
            raise _account_exists(known)
    return store.add(
        "customer_bank_accounts",
        {
            "account_holder_name": str(holder).upper()[:18],
            "account_number_ending": number[-2:],
            "account_type": None,
            "bank_name": "BANQUE DU BAC À SABLE",
            "country_code": number[:2],
            "currency": params.get("currency") or "EUR",
            "enabled": True,
            "metadata": params.get("metadata") or {},
            "links": {"customer": customer["id"]},
            "_iban": number,
        },
    )


def compact(given: object) -> str:
    """An IBAN as it is kept; empty when none was given."""
    return iban.normalise(str(given or ""))


def _account_exists(known: Thing) -> Refusal:
    return wrong_state(
        "bank_account_exists", "Bank account already exists", 409, customer_bank_account=known["id"]
    )


def disable_account(store: Store, account: Thing, data: dict[str, Any]) -> Thing:
    account["enabled"] = False
    store.put(account)
    return account


def given_name(store: Store, customer_id: str | None) -> str:
    """By which the sandbox recognises who always pays, who never does, and who regrets it."""
    customer = store.find("customers", customer_id) or {}
    return str(customer.get("given_name") or "")
