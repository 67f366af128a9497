"""SetupIntents: a card or a mandate is kept for later, with nothing charged today."""

from __future__ import annotations

import secrets

from shared.sandbox.stripe import cards, methods
from shared.sandbox.stripe.account import Account, shown
from shared.sandbox.stripe.customers import merged
from shared.sandbox.stripe.intents import method_types
from shared.sandbox.stripe.refusals import Declined, Json, missing_parameter, wrong_state

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(account: Account, params: Json) -> Json:
    if params.get("customer"):
        account.find("customer", params["customer"], "customer")
    types = [kind for kind in method_types(account, params, None) if kind in ("card", "sepa_debit")]
    intent = account.new(
        "setup_intent",
        "seti",
        allowed_payment_method_types=params.get("allowed_payment_method_types"),
        automatic_payment_methods=params.get("automatic_payment_methods"),
        cancellation_reason=None,
        customer=params.get("customer"),
        description=params.get("description"),
        last_setup_error=None,
        latest_attempt=None,
        mandate=None,
        metadata=params.get("metadata") or {},
        next_action=None,
        payment_method=None,
        payment_method_options=params.get("payment_method_options") or {},
        payment_method_types=types,
        single_use_mandate=None,
        status="requires_payment_method",
        usage=params.get("usage") or "off_session",
    )
    account.save(intent, client_secret=f"{intent['id']}_secret_{secrets.token_hex(12)}")
    account.tell("setup_intent.created", intent)
    return _confirm(account, intent, params) if params.get("confirm") else intent


def retrieve(account: Account, params: Json, intent_id: str) -> Json:
    return account.find("setup_intent", intent_id, "intent")


def update(account: Account, params: Json, intent_id: str) -> Json:
    intent = retrieve(account, params, intent_id)
    changed = {name: params[name] for name in ("customer", "description") if name in params}
    return account.save(intent, **changed, metadata=merged(intent["metadata"], params))


def confirm(account: Account, params: Json, intent_id: str) -> Json:
    return _confirm(account, retrieve(account, params, intent_id), params)


def _confirm(account: Account, intent: Json, params: Json) -> Json:
    if intent["status"] not in _OPEN:
        raise wrong_state(intent, "confirm")
    if data := params.get("payment_method_data"):
        method = methods.make(account, data)
    elif wanted := params.get("payment_method") or intent["payment_method"]:
        method = methods.method_of(account, wanted)
    else:
        raise missing_parameter("payment_method")
    intent["payment_method"] = method["id"]
    mandate = methods.mandate_for(account, method, params.get("mandate_data"))
    if method["type"] == "sepa_debit" and mandate is None:
        raise missing_parameter("mandate_data")
    intent["mandate"] = mandate and mandate["id"]
    card = cards.behaviour(method)
    if card.asks != "never":
        return _ask_payer(account, intent, params.get("return_url"))
    if card.code and not card.attaches:
        error = cards.refusal(card.code, card.decline)
        _fail(account, intent, method, error)
        raise Declined(error, setup_intent=shown(intent), payment_method=shown(method))
    return _done(account, intent, method)


def _ask_payer(account: Account, intent: Json, back: str | None) -> Json:
    page = f"{account.url}/3ds/{intent['id']}?client_secret={intent['client_secret']}"
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": page, "return_url": back}}
    account.save(intent, status="requires_action", next_action=action, _return_url=back)
    account.tell("setup_intent.requires_action", intent)
    return intent


def _done(account: Account, intent: Json, method: Json) -> Json:
    if intent["customer"]:
        methods.attach_to(account, method, intent["customer"])
    account.save(intent, status="succeeded", next_action=None, last_setup_error=None)
    account.tell("setup_intent.succeeded", intent)
    return intent


def _fail(account: Account, intent: Json, method: Json, error: Json) -> None:
    account.save(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error={**error, "payment_method": shown(method)},
    )
    account.tell("setup_intent.setup_failed", intent)


def acted(account: Account, intent: Json, agreed: bool) -> Json:
    """The payer answered on the bank's page."""
    if intent["status"] != "requires_action":
        return intent
    method = account.find("payment_method", intent["payment_method"])
    if agreed:
        account.save(method, _authenticated=True)
        return _done(account, intent, method)
    _fail(
        account,
        intent,
        method,
        {
            "type": "invalid_request_error",
            "code": "setup_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication.",
        },
    )
    return intent


def cancel(account: Account, params: Json, intent_id: str) -> Json:
    intent = retrieve(account, params, intent_id)
    if intent["status"] not in _OPEN:
        raise wrong_state(intent, "cancel")
    account.save(intent, status="canceled", cancellation_reason=params.get("cancellation_reason"))
    account.tell("setup_intent.canceled", intent)
    return intent
