"""The control API, `/_control/…`: what the world outside does, and what is to go wrong. JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from shared import clock
from shared.sandbox.stripe import attempts, bank_transfers, checkout, disputes, methods, payouts, refunds
from shared.sandbox.stripe.account import Account, as_text, shown
from shared.sandbox.stripe.faults import KINDS, Fault, Faults
from shared.sandbox.stripe.refusals import Json, Refused, missing_parameter

Verb = Callable[[Account, Json], Any]


def _authenticate(account: Account, told: Json) -> Json:
    return checkout.acted(account, _intent(account, told), told.get("agreed", True))


def _debit_paid(account: Account, told: Json) -> Json:
    intent = attempts.debit_paid(account, _intent(account, told))
    checkout.debit_ended(account, intent)
    return intent


def _debit_failed(account: Account, told: Json) -> Json:
    """With `late`, after it was paid; as a dispute unless `dispute` is false."""
    code, late = told.get("code", "insufficient_funds"), told.get("late", False)
    intent = _intent(account, told)
    if late and told.get("dispute", True):
        return disputes.open_dispute(account, account.find("charge", intent["latest_charge"]), code)
    intent = attempts.debit_failed(account, intent, code, late)
    checkout.debit_ended(account, intent)
    return intent


def _dispute(account: Account, told: Json) -> Json:
    made = account.find("charge", told["charge"])
    return disputes.open_dispute(
        account,
        made,
        told.get("reason", "fraudulent"),
        told.get("status", "needs_response"),
        told.get("amount"),
    )


def _close_dispute(account: Account, told: Json) -> Json:
    return disputes.end(account, account.find("dispute", told["dispute"]), told["won"])


def _fund(account: Account, told: Json) -> Json:
    customer = told.get("customer") or _owner(account, told["iban"])
    return bank_transfers.fund(account, {"currency": "eur", **told}, customer)


def _owner(account: Account, iban: str) -> str:
    for customer in account.store.every("customer"):
        if bank_transfers.address(customer["id"], "FR")["iban"]["iban"] == iban.replace(" ", ""):
            return str(customer["id"])
    raise Refused(f"No customer has the IBAN {iban}.", "resource_missing", "iban", status=404)


def _refund_ends(account: Account, told: Json) -> Json:
    refund = account.find("refund", told["refund"])
    if told["succeeded"]:
        return refunds.succeed(account, refund)
    return refunds.fail(account, refund, told.get("reason", "lost_or_stolen_card"))


def _payout(account: Account, told: Json) -> Json:
    return payouts.pay_out(account, **told)


def _fail_payout(account: Account, told: Json) -> Json:
    payout = account.find("payout", told["payout"])
    return payouts.fail(account, payout, told.get("code", "account_closed"))


def _end_mandate(account: Account, told: Json) -> Json:
    return methods.end_mandate(account, account.find("mandate", told["mandate"]))


def _advance(account: Account, told: Json) -> Json:
    account.store.set("advanced_seconds", account.store.setting("advanced_seconds", 0) + told["seconds"])
    return {"now": account.now()}


def _methods(account: Account, told: Json) -> Json:
    account.store.set("methods", told["methods"])
    return told


def _policy(account: Account, told: Json) -> Json:
    """`mode` deliver, drop or hold; `copies` and `seconds` of delay of each delivery."""
    if told["mode"] not in ("deliver", "drop", "hold"):
        raise Refused(f"Unknown mode: {told['mode']}", "parameter_invalid", "mode")
    account.store.set("webhook_policy", told)
    return told


def _deliveries(account: Account, told: Json) -> Json:
    rows = account.store.rows(
        "SELECT d.id, d.event_id, json_extract(t.body, '$.type'), d.state, d.attempts, d.answered"
        " FROM delivery d JOIN thing t ON t.id = d.event_id ORDER BY d.id"
    )
    names = ("id", "event", "type", "state", "attempts", "answered")
    return {"deliveries": [dict(zip(names, row, strict=True)) for row in rows]}


def _release(account: Account, told: Json) -> Json:
    """Send deliveries (held, dropped or sent already) in this order; without `deliveries`, all held ones."""
    wanted = told.get("deliveries")
    if wanted is None:
        wanted = [
            row[0] for row in account.store.rows("SELECT id FROM delivery WHERE state = 'held' ORDER BY id")
        ]
    now = clock.now().timestamp()
    for place, delivery_id in enumerate(wanted):
        account.store.rows(
            "UPDATE delivery SET state = 'waiting', attempts = 0, due_at = ? WHERE id = ?",
            now - 1 + place / 1_000_000,
            delivery_id,
        )
    return {"released": wanted}


def _intent(account: Account, told: Json) -> Json:
    if "intent" not in told:
        raise missing_parameter("intent")
    kind = "setup_intent" if told["intent"].startswith("seti_") else "payment_intent"
    return account.find(kind, told["intent"], "intent")


_VERBS: dict[str, Verb] = {
    "authenticate": _authenticate,
    "debit-paid": _debit_paid,
    "debit-failed": _debit_failed,
    "dispute": _dispute,
    "close-dispute": _close_dispute,
    "fund": _fund,
    "refund-ends": _refund_ends,
    "payout": _payout,
    "fail-payout": _fail_payout,
    "end-mandate": _end_mandate,
    "advance": _advance,
    "methods": _methods,
    "webhook-policy": _policy,
    "deliveries": _deliveries,
    "release": _release,
}


def make_control(account: Account, faults: Faults) -> Blueprint:
    """`POST /_control/<verb>`; faults are ordered at `/_control/fault`."""
    control = Blueprint("control", __name__, url_prefix="/_control")

    @control.post("/fault")
    def fault() -> Response:
        told = request.get_json()
        if told.get("kind") == "none":
            faults.forget()
            return _json({})
        if told.get("kind") not in KINDS:
            return _json(Refused(f"A fault is one of {', '.join(KINDS)}.").body, 400)
        faults.order(Fault(**told))
        return _json(told)

    @control.post("/<verb>")
    def act(verb: str) -> Response:
        if verb not in _VERBS:
            return _json(Refused(f"Unknown: {verb}", status=404).body, 404)
        told = request.get_json()
        try:
            with account.store.writing():
                account.request = {"id": None, "idempotency_key": None}
                return _json(shown(_VERBS[verb](account, told)))
        except Refused as refused:
            return _json(refused.body, refused.status)
        except (KeyError, TypeError) as error:
            return _json(Refused(f"{verb}: {error!r} in {told}").body, 400)

    return control


def _json(body: Json, status: int = 200) -> Response:
    return Response(as_text(body), status, mimetype="application/json")
