"""Events: one for each thing that happens, kept for ever, and due to be told to the webhook's receiver."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.sandbox.gocardless.refusals import wrong_state
from shared.sandbox.gocardless.states import REASONS, STEPS
from shared.sandbox.gocardless.store import Store, Thing, stamp

ORGANISATION = "OR0000QUITTANCE"
_SINGULAR = {
    "customers": "customer",
    "mandates": "mandate",
    "payments": "payment",
    "refunds": "refund",
    "payouts": "payout",
    "billing_requests": "billing_request",
}


def record(
    store: Store,
    kind: str,
    thing: Thing,
    action: str,
    details: dict[str, Any],
    *,
    links: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Thing:
    """Say that `action` happened to `thing`."""
    settings = store.settings()
    event: Thing = {
        "resource_type": kind,
        "action": action,
        "links": {_SINGULAR[kind]: thing["id"], "organisation": ORGANISATION, **(links or {})},
        "details": details,
        "metadata": metadata or {},
        "resource_metadata": thing.get("metadata") or {},
        "customer_notifications": [],
    }
    if settings.webhooks == "sent":
        event["_due_at"] = stamp(store.now() + timedelta(seconds=settings.webhook_delay_seconds))
    elif settings.webhooks == "held":
        event["_held"] = 1
    return store.add("events", event)


def move(
    store: Store,
    kind: str,
    thing: Thing,
    action: str,
    *,
    reason: str | None = None,
    origin: str | None = None,
    cause: str | None = None,
    links: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Thing:
    """Take one step of a life, as the table says; a step that is not possible now is refused."""
    step = STEPS[kind].get(action)
    if step is None or thing["status"] not in step.sources:
        raise wrong_state(f"{action}_failed", f"{action} is not possible: {thing['id']} is {thing['status']}")
    if step.target:
        thing["status"] = step.target
    store.put(thing)
    if step.cause:
        details: dict[str, Any] = {
            "origin": origin or step.origin,
            "cause": cause or step.cause,
            "description": step.description,
        }
        if reason:
            known = REASONS[reason]
            details |= {"cause": known.cause, "description": known.description, "reason_code": reason}
        if reason or step.origin == "bank":
            details["scheme"] = thing.get("scheme", "sepa_core")
        if action == "failed" and kind == "payments":
            details["will_attempt_retry"] = False
        record(store, kind, thing, action, details, links=links, metadata=metadata)
    return thing
