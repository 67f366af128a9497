"""Billing requests: what a payer must do before a mandate, an instant payment, or both, come into being."""

from __future__ import annotations

import secrets
from typing import Any

from shared.sandbox.gocardless import mandates, payments, people
from shared.sandbox.gocardless.events import record
from shared.sandbox.gocardless.refusals import invalid, wrong_state
from shared.sandbox.gocardless.store import Store, Thing

_SCHEMES = {"EUR": "sepa_instant_credit_transfer", "GBP": "faster_payments"}
_EUR_SCHEMES = ("sepa_credit_transfer", "sepa_instant_credit_transfer")
_NEEDED = ("email", "address_line1", "city", "postal_code", "country_code")
_OPEN = ("pending", "ready_to_fulfil")
_BILLING = "address_line1 address_line2 address_line3 city region postal_code country_code"
INSTITUTIONS = (
    ("bnp_paribas_fr", "BNP Paribas", "FR"),
    ("credit_agricole_fr", "Crédit Agricole", "FR"),
    ("societe_generale_fr", "Société Générale", "FR"),
    ("deutsche_bank_de", "Deutsche Bank", "DE"),
    ("monzo_gb", "Monzo", "GB"),
)


def create(store: Store, params: dict[str, Any]) -> Thing:
    """A request with its customer, known already or still to be told."""
    pointer = "/billing_requests"
    if params.get("mandate_request") is None and params.get("payment_request") is None:
        raise invalid(
            "mandate_request", "is required without a payment_request", f"{pointer}/mandate_request"
        )
    links = params.get("links") or {}
    account = None
    if links.get("customer_bank_account"):
        account = people.linked(store, "customer_bank_accounts", links, "customer_bank_account", pointer)
        links = {"customer": account["links"]["customer"], **links}
    if links.get("customer"):
        customer = people.linked(store, "customers", links, "customer", pointer)
    else:
        customer = people.add_customer(store, {})
    request: Thing = {
        "status": "pending",
        "fallback_enabled": bool(params.get("fallback_enabled")),
        "fallback_occurred": False,
        "metadata": params.get("metadata") or {},
        "purpose_code": params.get("purpose_code"),
        "mandate_request": _mandate_request(params.get("mandate_request")),
        "payment_request": _payment_request(store, params.get("payment_request")),
        "subscription_request": None,
        "instalment_schedule_request": None,
        "links": {
            "creditor": people.creditor(store)["id"],
            "organisation": "OR0000QUITTANCE",
            "customer": customer["id"],
            "customer_billing_detail": "CBD" + secrets.token_hex(6).upper(),
        },
        "_confirmed": False,
        "_authorised": False,
    }
    if account:
        request["links"]["customer_bank_account"] = account["id"]
    for name in ("mandate_request", "payment_request"):
        if request[name]:
            request["links"][name] = request[name].pop("_id")
    request = store.add("billing_requests", request)
    _tell(store, request, "created", "billing_request_created", "api")
    return _settle_status(store, request)


def _mandate_request(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    pointer = "/billing_requests/mandate_request"
    if given.get("currency") != "EUR":
        raise invalid("currency", "is not supported: this sandbox knows EUR", f"{pointer}/currency")
    if given.get("scheme") not in (None, "sepa_core"):
        raise invalid("scheme", "is not supported: this sandbox knows sepa_core", f"{pointer}/scheme")
    return {
        **given,
        "scheme": "sepa_core",
        "verify": given.get("verify") or "minimum",
        "authorisation_source": given.get("authorisation_source") or "web",
        "metadata": given.get("metadata") or {},
        "links": {},
        "_id": "MRQ" + secrets.token_hex(6).upper(),
    }


def _payment_request(store: Store, given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    pointer = "/billing_requests/payment_request"
    payments.amount_of(given, pointer)
    currency = given.get("currency")
    if currency not in store.settings().instant_currencies or currency not in _SCHEMES:
        raise invalid("currency", "is not supported for instant payments", f"{pointer}/currency")
    scheme = given.get("scheme") or _SCHEMES[currency]
    if scheme != _SCHEMES[currency] and not (currency == "EUR" and scheme in _EUR_SCHEMES):
        raise invalid("scheme", f"is not supported for {currency}", f"{pointer}/scheme")
    if not given.get("description"):
        raise invalid("description", "is required", f"{pointer}/description")
    return {
        **given,
        "scheme": scheme,
        "metadata": given.get("metadata") or {},
        "links": {},
        "_id": "PRQ" + secrets.token_hex(6).upper(),
    }


def actions(store: Store, request: Thing) -> list[dict[str, Any]]:
    """What is to be done before fulfilment, and what of it is done."""
    customer = store.find("customers", request["links"]["customer"]) or {}
    missing = [name for name in _NEEDED if not customer.get(name)]
    if not customer.get("company_name"):
        missing += [name for name in ("given_name", "family_name") if not customer.get(name)]
    has_account = bool(request["links"].get("customer_bank_account"))
    done = {"collect_customer_details": not missing, "collect_bank_account": has_account}
    needs: dict[str, list[str]] = {name: [] for name in done}
    if request["mandate_request"]:
        done["confirm_payer_details"] = request["_confirmed"]
        needs["confirm_payer_details"] = ["collect_customer_details", "collect_bank_account"]
    if request["payment_request"] and not request["fallback_occurred"]:
        done["bank_authorisation"] = request["_authorised"]
        needs["bank_authorisation"] = list(needs)
    listed: list[dict[str, Any]] = [
        {
            "type": name,
            "required": True,
            "completes_actions": [],
            "requires_actions": needs[name],
            "status": "completed" if done[name] else "pending",
        }
        for name in done
    ]
    listed[0]["collect_customer_details"] = {
        "default_country_code": "FR",
        "incomplete_fields": {
            "customer": [name for name in missing if name not in _BILLING.split()],
            "customer_billing_detail": [name for name in missing if name in _BILLING.split()],
        },
    }
    if "bank_authorisation" in done:
        listed[-1]["bank_authorisation"] = {
            "adapter": "open_banking_gateway_pis",
            "authorisation_type": "payment",
        }
    return listed


def pending(store: Store, request: Thing) -> set[str]:
    return {each["type"] for each in actions(store, request) if each["status"] == "pending"}


def render(store: Store, request: Thing) -> Thing:
    """With its actions, and the people in it, as the API shows them."""
    customer = store.find("customers", request["links"]["customer"]) or {}
    account = store.find("customer_bank_accounts", request["links"].get("customer_bank_account"))
    billing = {name: customer.get(name) for name in _BILLING.split()}
    return {
        **request,
        "actions": actions(store, request),
        "resources": {
            "customer": {name: value for name, value in customer.items() if name not in billing},
            "customer_billing_detail": {"id": request["links"]["customer_billing_detail"], **billing},
            "customer_bank_account": {n: v for n, v in account.items() if n[0] != "_"} if account else None,
        },
    }


def collect_customer_details(store: Store, request: Thing, data: dict[str, Any]) -> Thing:
    _must_be_open(request)
    customer = store.find("customers", request["links"]["customer"]) or {}
    customer |= data.get("customer") or {}
    billing = data.get("customer_billing_detail") or {}
    customer |= {name: value for name, value in billing.items() if name != "ip_address"}
    store.put(customer)
    missing = next(iter(actions(store, request)))["collect_customer_details"]["incomplete_fields"]
    for part, names in missing.items():
        for name in names:
            raise invalid(name, "is required", f"/data/{part}/{name}")
    _tell(store, request, "collect_customer_details", "billing_request_collect_customer_details", "payer")
    return _settle_status(store, request)


def collect_bank_account(store: Store, request: Thing, data: dict[str, Any]) -> Thing:
    _must_be_open(request)
    customer = store.find("customers", request["links"]["customer"]) or {}
    number = people.compact(data.get("iban"))
    known = store.all("customer_bank_accounts", links__customer=customer["id"], _iban=number)
    usable = [account for account in known if number and account["enabled"]]
    account = usable[0] if usable else people.add_account(store, customer, data, "/data")
    request["links"]["customer_bank_account"] = account["id"]
    _tell(store, request, "collect_bank_account", "billing_request_collect_bank_account", "payer")
    return _settle_status(store, request)


def confirm_payer_details(store: Store, request: Thing, data: dict[str, Any]) -> Thing:
    _must_be_open(request)
    if pending(store, request) & {"collect_customer_details", "collect_bank_account"}:
        raise wrong_state("action_requires_other_actions", "The payer's details are not complete")
    request["_confirmed"] = True
    _tell(store, request, "payer_details_confirmed", "billing_request_payer_details_confirmed", "payer")
    return _settle_status(store, request)


def select_institution(store: Store, request: Thing, data: dict[str, Any]) -> Thing:
    _must_be_open(request)
    if data.get("institution") not in {known for known, _, _ in INSTITUTIONS}:
        raise invalid("institution", "is not known", "/data/institution")
    request["links"]["payment_provider"] = data["institution"]
    store.put(request)
    return request


def choose_currency(store: Store, request: Thing, data: dict[str, Any]) -> Thing:
    _must_be_open(request)
    if request["payment_request"] or data.get("currency") != "EUR":
        raise invalid("currency", "is not available for this request", "/data/currency")
    return request


def fallback(store: Store, request: Thing, data: dict[str, Any]) -> Thing:
    """From an instant payment to a direct debit: a mandate is asked for, and the payment is collected on it."""
    _must_be_open(request)
    if not request["fallback_enabled"] or not request["payment_request"]:
        raise wrong_state("fallback_not_enabled", "This billing request has no fallback")
    request["fallback_occurred"] = True
    if not request["mandate_request"]:
        request["mandate_request"] = _mandate_request({"currency": request["payment_request"]["currency"]})
        request["links"]["mandate_request"] = (request["mandate_request"] or {}).pop("_id")
    return _settle_status(store, request)


def notify(store: Store, request: Thing, data: dict[str, Any]) -> Thing:
    _must_be_open(request)
    if data.get("notification_type") != "email":
        raise invalid("notification_type", "should be email", "/data/notification_type")
    return request


def cancel(store: Store, request: Thing, data: dict[str, Any]) -> Thing:
    _must_be_open(request)
    request["status"] = "cancelled"
    store.put(request)
    _tell(store, request, "cancelled", "billing_request_cancelled", "api", metadata=data.get("metadata"))
    return request


def authorise(store: Store, request: Thing) -> Thing:
    """The payer let his bank send the money."""
    _must_be_open(request)
    if pending(store, request) - {"bank_authorisation"}:
        raise wrong_state("action_requires_other_actions", "Other actions of this request are pending")
    request["_authorised"] = True
    _tell(
        store,
        request,
        "bank_authorisation_authorised",
        "billing_request_bank_authorisation_authorised",
        "payer",
    )
    return _settle_status(store, request)


def deny(store: Store, request: Thing) -> Thing:
    _must_be_open(request)
    _tell(store, request, "bank_authorisation_denied", "billing_request_bank_authorisation_denied", "payer")
    return request


def fulfil(store: Store, request: Thing, data: dict[str, Any]) -> Thing:
    """Make the mandate and the payment that were asked for. They exist when this returns, or nothing does."""
    if request["status"] != "ready_to_fulfil":
        raise wrong_state("billing_request_not_ready_to_fulfil", f"This request is {request['status']}")
    links: dict[str, str] = {}
    account = store.find("customer_bank_accounts", request["links"].get("customer_bank_account"))
    mandate = None
    if request["mandate_request"] and account:
        mandate = mandates.add(store, account, request["mandate_request"], "customer")
        links["mandate_request_mandate"] = mandate["id"]
        request["mandate_request"]["links"] = {"mandate": mandate["id"]}
    if request["payment_request"]:
        payment = _collect(store, request, mandate)
        links["payment_request_payment"] = payment["id"]
        request["payment_request"]["links"] = {"payment": payment["id"]}
    request["links"] |= links
    request["status"] = "fulfilled"
    store.put(request)
    people_links = {
        name: request["links"][name]
        for name in ("customer", "customer_bank_account", "mandate_request", "payment_request")
        if request["links"].get(name)
    }
    _tell(
        store, request, "fulfilled", "billing_request_fulfilled", "gocardless",
        links={**people_links, **links}, metadata=data.get("metadata"),
    )  # fmt: skip
    return request


def _collect(store: Store, request: Thing, mandate: Thing | None) -> Thing:
    asked = {**request["payment_request"]}
    if request["fallback_occurred"] and mandate:
        return payments.create(store, {**asked, "links": {"mandate": mandate["id"]}})
    return payments.add_instant(store, asked, request["links"]["customer"])


def _settle_status(store: Store, request: Thing) -> Thing:
    request["status"] = "pending" if pending(store, request) else "ready_to_fulfil"
    store.put(request)
    return request


def _must_be_open(request: Thing) -> None:
    if request["status"] not in _OPEN:
        raise wrong_state("billing_request_not_pending", f"This billing request is {request['status']}")


def _tell(store: Store, request: Thing, action: str, cause: str, origin: str, **more: Any) -> None:
    details = {
        "origin": origin,
        "cause": cause,
        "description": f"Billing request: {action.replace('_', ' ')}.",
    }
    record(store, "billing_requests", request, action, details, **more)


def tell_flow(store: Store, request: Thing, flow: Thing, action: str) -> None:
    """A payer opened the page, or left it."""
    _tell(
        store,
        request,
        action,
        f"billing_request_{action}",
        "payer",
        links={"billing_request_flow": flow["id"]},
    )
