"""Billing request flows: the address of the payer's page, and where he goes from there."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from shared.sandbox.gocardless import billing_requests, people
from shared.sandbox.gocardless.refusals import invalid, wrong_state
from shared.sandbox.gocardless.store import Store, Thing, stamp

_LASTS = timedelta(days=7)
_SWITCHES = (
    "customer_details_captured lock_bank_account lock_currency lock_customer_details skip_success_screen"
)


def create(store: Store, params: dict[str, Any], origin: str) -> Thing:
    """A flow whose page is served at `origin`."""
    pointer = "/billing_request_flows"
    request = people.linked(store, "billing_requests", params.get("links"), "billing_request", pointer)
    if request["status"] not in ("pending", "ready_to_fulfil"):
        raise wrong_state("billing_request_not_pending", f"This billing request is {request['status']}")
    for name in ("redirect_uri", "exit_uri"):
        target = params.get(name)
        if target and urlsplit(str(target)).scheme not in ("http", "https"):
            raise invalid(name, "is not a valid URI", f"{pointer}/{name}")
    flow = store.add(
        "billing_request_flows",
        {
            **{name: bool(params.get(name)) for name in _SWITCHES.split()},
            "auto_fulfil": params.get("auto_fulfil", True) is not False,
            "show_redirect_buttons": bool(params.get("show_redirect_buttons")),
            "show_success_redirect_button": bool(params.get("show_success_redirect_button")),
            "exit_uri": params.get("exit_uri"),
            "redirect_uri": params.get("redirect_uri"),
            "language": params.get("language"),
            "expires_at": stamp(store.now() + _LASTS),
            "prefilled_customer": params.get("prefilled_customer") or {},
            "prefilled_bank_account": params.get("prefilled_bank_account") or {},
            "session_token": secrets.token_urlsafe(24),
            "links": {"billing_request": request["id"]},
        },
    )
    flow["authorisation_url"] = f"{origin}/billing/static/flow?id={flow['id']}"
    store.put(flow)
    billing_requests.tell_flow(store, request, flow, "flow_created")
    return flow


def initialise(store: Store, flow: Thing, data: dict[str, Any]) -> Thing:
    flow["session_token"] = secrets.token_urlsafe(24)
    store.put(flow)
    return flow


def is_over(store: Store, flow: Thing, request: Thing) -> bool:
    return bool(request["status"] in ("fulfilled", "cancelled") or flow["expires_at"] <= stamp(store.now()))


def way_back(flow: Thing, outcome: str) -> str:
    """Where the payer goes: the outcome and the flow's id are added to the address that was asked for."""
    target = flow["exit_uri"] if outcome == "exit" and flow["exit_uri"] else flow["redirect_uri"]
    if not target:
        return ""
    parts = urlsplit(target)
    told = {} if outcome == "exit" else {"outcome": outcome, "id": flow["id"]}
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *told.items()])
    return urlunsplit(parts._replace(query=query))
