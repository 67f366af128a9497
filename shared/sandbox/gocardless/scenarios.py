"""GoCardless's scenario simulators, under their own names, and the one step at a time that they do not offer.

What each needs and does: the docstring of `scenario_simulators.run` in the SDK.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.sandbox.gocardless import billing_requests, dues, mandates, payments, refunds
from shared.sandbox.gocardless.events import move
from shared.sandbox.gocardless.refusals import invalid, misuse, wrong_state
from shared.sandbox.gocardless.states import REASONS
from shared.sandbox.gocardless.store import PREFIXES, Store, Thing

_UNTIL = {
    "payment_submitted": ("submitted",),
    "payment_confirmed": ("submitted", "confirmed"),
    "payment_paid_out": ("submitted", "confirmed", "paid_out"),
    "payment_failed": ("submitted", "failed"),
    "payment_charged_back": ("submitted", "confirmed", "paid_out", "charged_back"),
    "payment_late_failure": ("submitted", "confirmed", "paid_out", "failed"),
}
_MANDATES = {
    "mandate_customer_approval_granted": ("pending_customer_approval", "customer_approval_granted"),
    "mandate_customer_approval_skipped": ("pending_customer_approval", "customer_approval_skipped"),
    "mandate_expired": ("pending_submission", "expired"),
    "mandate_transferred": ("pending_submission", "transferred"),
}
_BILLING = {
    "billing_request_fulfilled": (),
    "billing_request_fulfilled_and_payment_failed": ("failed",),
    "billing_request_fulfilled_and_payment_confirmed_to_failed": ("confirmed", "failed"),
    "billing_request_fulfilled_and_payment_paid_out": ("confirmed", "paid_out"),
}


def act(store: Store, thing: Thing, action: str, reason: str | None = None) -> None:
    """One step of anything's life: by the agenda, by a scenario, or by the control API."""
    if reason is not None and reason not in REASONS:
        raise invalid("reason_code", f"should be one of {', '.join(REASONS)}", "/reason_code")
    kind = kind_of(thing["id"])
    steps: dict[str, Callable[[Store, Thing, str, str | None], None]] = {
        "payments": payments.act,
        "mandates": mandates.act,
        "refunds": refunds.act,
    }
    if kind in steps:
        steps[kind](store, thing, action, reason)
    elif kind == "payouts":
        move(store, "payouts", thing, action)
    else:
        raise invalid("resource", "has no steps", "/resource")


def kind_of(thing_id: str) -> str:
    """The kind an id speaks of; of two prefixes the longer one."""
    fitting = [kind for kind, prefix in PREFIXES.items() if thing_id.startswith(prefix)]
    return max(fitting, key=lambda kind: len(PREFIXES[kind]), default="")


def run(store: Store, name: str, data: dict[str, Any]) -> Thing:
    """Run a scenario on `data.links.resource`."""
    resource = (data.get("links") or {}).get("resource")
    if not resource:
        raise invalid("resource", "is required", "/data/links/resource")
    thing = store.find(kind_of(str(resource)), resource)
    if thing is None:
        raise misuse(400, "link_not_found", f"{resource} was not found")
    kind = kind_of(thing["id"])
    base = name.removesuffix("_settled") if name.endswith("_settled") else name
    if name == "payment_chargeback_settled":
        base = "payment_charged_back"
    if kind == "payments" and base in _UNTIL:
        _run_payment(store, thing, base)
        if name.endswith("_settled"):
            dues.pay_out(store, thing["currency"])
    elif kind == "mandates" and name in _MANDATES:
        source, action = _MANDATES[name]
        _must_be(thing, source)
        mandates.act(store, thing, action, None)
    elif kind == "mandates" and name in ("mandate_activated", "mandate_failed", "mandate_suspended_by_payer"):
        raise wrong_state("scheme_not_supported", f"{name} is not compatible with sepa_core mandates")
    elif kind == "refunds" and name.startswith("refund_"):
        _run_refund(store, thing, name)
    elif kind == "payouts" and name == "payout_bounced":
        move(store, "payouts", thing, "bounced")
    elif kind == "billing_requests" and name in _BILLING:
        _run_billing_request(store, thing, _BILLING[name])
    else:
        raise misuse(404, "resource_not_found", f"There is no scenario {name} for {resource}")
    return {"id": name}


def _run_payment(store: Store, payment: Thing, name: str) -> None:
    if name == "payment_late_failure" and payment["status"] == "paid_out":
        payments.act(store, payment, "failed", "TEST")
        return
    _must_be(payment, "pending_submission")
    for action in _UNTIL[name]:
        now = store.find("payments", payment["id"]) or payment
        payments.act(store, now, action, "TEST" if action == "failed" else None)


def _run_refund(store: Store, refund: Thing, name: str) -> None:
    if name == "refund_paid":
        refunds.act(store, refund, "paid", None)
    elif name == "refund_bounced":
        refunds.act(store, refund, "failed", None)
    elif name == "refund_returned":
        refunds.act(store, refund, "funds_returned", None)
    elif name == "refund_settled":
        if refund["status"] != "paid":
            refunds.act(store, refund, "paid", None)
        dues.pay_out(store, refund["currency"])
    else:
        raise misuse(404, "resource_not_found", f"There is no scenario {name}")


def _run_billing_request(store: Store, request: Thing, then: tuple[str, ...]) -> None:
    if not request["payment_request"]:
        raise wrong_state(
            "billing_request_without_payment", "Only requests with a payment_request are supported"
        )
    billing_requests.authorise(store, request)
    request = billing_requests.fulfil(store, request, {})
    for action in then:
        payment = store.find("payments", request["links"]["payment_request_payment"])
        if payment:
            payments.act(store, payment, action, "TEST" if action == "failed" else None)


def _must_be(thing: Thing, status: str) -> None:
    if thing["status"] != status:
        raise wrong_state(
            "simulator_invalid_state", f"{thing['id']} is {thing['status']}: it must be {status}"
        )
