"""Customers, and the sessions that let a page show a customer's saved methods."""

from __future__ import annotations

import secrets

from shared.sandbox.stripe.account import Account
from shared.sandbox.stripe.refusals import Json

_PLAIN = ("name", "email", "phone", "description", "address", "shipping", "preferred_locales")


def create(account: Account, params: Json) -> Json:
    fields = {name: params.get(name) for name in _PLAIN}
    customer = account.new(
        "customer",
        "cus",
        **fields,
        balance=0,
        currency=None,
        default_source=None,
        delinquent=False,
        invoice_settings={"default_payment_method": None, **(params.get("invoice_settings") or {})},
        metadata=params.get("metadata") or {},
        tax_exempt=params.get("tax_exempt") or "none",
        _cash={},
        _mode=_mode(params.get("cash_balance") or {}),
    )
    account.tell("customer.created", customer)
    return customer


def _mode(cash_balance: Json) -> str:
    settings = cash_balance.get("settings") or {}
    return str(settings.get("reconciliation_mode") or "merchant_default")


def retrieve(account: Account, params: Json, customer_id: str) -> Json:
    return account.find("customer", customer_id)


def update(account: Account, params: Json, customer_id: str) -> Json:
    customer = account.find("customer", customer_id)
    changed = {name: params[name] for name in _PLAIN if name in params}
    before = {name: customer[name] for name in changed}
    if "invoice_settings" in params:
        changed["invoice_settings"] = {**customer["invoice_settings"], **params["invoice_settings"]}
    if params.get("cash_balance"):
        changed["_mode"] = _mode(params["cash_balance"])
    account.save(customer, **changed, metadata=merged(customer["metadata"], params))
    account.tell("customer.updated", customer, before)
    return customer


def merged(known: Json, params: Json) -> Json:
    """Metadata: given keys are set, a key given empty is removed."""
    if "metadata" not in params:
        return known
    given = params["metadata"] or {}
    return {name: value for name, value in {**known, **given}.items() if value != ""}


def create_session(account: Account, params: Json) -> Json:
    """A customer session; its secret is good for half an hour."""
    account.find("customer", params["customer"], "customer")
    return account.new(
        "customer_session",
        "cuss",
        client_secret=f"cuss_secret_{secrets.token_hex(16)}",
        customer=params["customer"],
        customer_account=None,
        components=params.get("components") or {},
        expires_at=account.now() + 1800,
    )
