"""Mandates (SEPA Core): submitted with their first payment, active once it went well."""

from __future__ import annotations

import secrets
from typing import Any

from shared.sandbox.gocardless import people
from shared.sandbox.gocardless.agenda import after_business_days, plan, today
from shared.sandbox.gocardless.events import move, record
from shared.sandbox.gocardless.refusals import invalid, wrong_state
from shared.sandbox.gocardless.store import Store, Thing

USABLE = ("pending_customer_approval", "pending_submission", "submitted", "active")
_REINSTATEMENTS = 10


def create(store: Store, params: dict[str, Any]) -> Thing:
    account = people.linked(
        store, "customer_bank_accounts", params.get("links"), "customer_bank_account", "/mandates"
    )
    if params.get("scheme") not in (None, "sepa_core"):
        raise invalid("scheme", "is not supported: this sandbox knows sepa_core", "/mandates/scheme")
    if not account["enabled"]:
        raise wrong_state("bank_account_disabled", "The bank account is disabled")
    return add(store, account, params)


def add(store: Store, account: Thing, params: dict[str, Any], origin: str = "api") -> Thing:
    """A mandate on an account whose holder agreed."""
    reference = params.get("reference") or "QT-" + secrets.token_hex(4).upper()
    if len(reference) > 35:
        raise invalid("reference", "should have at most 35 characters", "/mandates/reference")
    mandate = store.add(
        "mandates",
        {
            "reference": reference,
            "scheme": "sepa_core",
            "status": "pending_submission",
            "authorisation_source": params.get("authorisation_source") or "web",
            "consent_type": params.get("consent_type"),
            "consent_parameters": None,
            "funds_settlement": "managed",
            "mandate_type": None,
            "verified_at": None,
            "next_possible_charge_date": after_business_days(today(store), 3).isoformat(),
            "payments_require_approval": False,
            "metadata": params.get("metadata") or {},
            "links": {
                "creditor": people.creditor(store)["id"],
                "customer": account["links"]["customer"],
                "customer_bank_account": account["id"],
            },
            "_reinstated": 0,
        },
    )
    details = {
        "origin": origin,
        "cause": "mandate_created",
        "description": "Mandate created via the API." if origin == "api" else "Mandate created by a payer.",
    }
    record(store, "mandates", mandate, "created", details)
    if people.given_name(store, mandate["links"]["customer"]) == "Expired":
        plan(store, "mandates", mandate["id"], "expired", store.now())
    return mandate


def cancel(store: Store, mandate: Thing, data: dict[str, Any]) -> Thing:
    if mandate["status"] not in (*USABLE, "suspended_by_payer"):
        raise wrong_state("cancellation_failed", f"This mandate is {mandate['status']}")
    end(store, mandate, "cancelled", metadata=data.get("metadata"))
    return mandate


def reinstate(store: Store, mandate: Thing, data: dict[str, Any]) -> Thing:
    if mandate["status"] not in ("cancelled", "expired"):
        raise wrong_state("mandate_not_inactive", f"This mandate is {mandate['status']}")
    if mandate["_reinstated"] >= _REINSTATEMENTS:
        raise wrong_state("mandate_reinstatement_failed", "This mandate was reinstated 10 times already")
    mandate["_reinstated"] += 1
    move(store, "mandates", mandate, "resubmission_requested", metadata=data.get("metadata"))
    plan(store, "mandates", mandate["id"], "submitted", store.now())
    plan(store, "mandates", mandate["id"], "reinstated", store.now())
    return mandate


def act(store: Store, mandate: Thing, action: str, reason: str | None) -> None:
    """One step of a mandate's life, with what it means for its payments."""
    if action == "expired":
        activate(store, mandate)
    if action in ("cancelled", "failed", "expired", "replaced"):
        end(store, mandate, action, reason=reason, origin="bank" if reason else None)
    elif action == "transferred":
        _transfer(store, mandate)
    else:
        move(store, "mandates", mandate, action, reason=reason)


def activate(store: Store, mandate: Thing) -> None:
    """Through submission to active, as far as it is not yet."""
    submit(store, mandate)
    if mandate["status"] == "submitted":
        move(store, "mandates", mandate, "active")


def submit(store: Store, mandate: Thing) -> None:
    if mandate["status"] == "pending_submission":
        move(store, "mandates", mandate, "submitted")


def end(
    store: Store,
    mandate: Thing,
    action: str,
    *,
    reason: str | None = None,
    origin: str | None = None,
    metadata: dict[str, str] | None = None,
) -> None:
    """End a mandate, and with it every payment that has not yet gone to the banks."""
    move(store, "mandates", mandate, action, reason=reason, origin=origin, metadata=metadata)
    cause = "mandate_expired" if action == "expired" else "mandate_cancelled"
    for payment in store.all("payments", links__mandate=mandate["id"]):
        if payment["status"] in ("pending_customer_approval", "pending_submission"):
            move(store, "payments", payment, "cancelled", origin=origin, cause=cause)


def _transfer(store: Store, mandate: Thing) -> None:
    """The customer moved to another bank: a new account takes the old one's place."""
    old = mandate["links"]["customer_bank_account"]
    account = store.find("customer_bank_accounts", old) or {}
    kept = {name: value for name, value in account.items() if name not in ("id", "created_at", "_iban")}
    new = store.add("customer_bank_accounts", {**kept, "account_number_ending": "42", "_iban": ""})["id"]
    mandate["links"]["customer_bank_account"] = new
    links = {"previous_customer_bank_account": old, "new_customer_bank_account": new}
    move(store, "mandates", mandate, "transferred", links=links)
