"""PaymentIntents as the API shows them: create, update, confirm, capture, cancel."""

from __future__ import annotations

import secrets

from shared.sandbox.stripe import attempts, bank_transfers, methods, money_in
from shared.sandbox.stripe.account import METHODS, Account
from shared.sandbox.stripe.customers import merged
from shared.sandbox.stripe.refusals import Json, Refused, missing_parameter, wrong_parameter, wrong_state

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CONFIRMING = (
    "payment_method",
    "payment_method_data",
    "payment_method_options",
    "mandate_data",
    "mandate",
    "off_session",
    "return_url",
    "setup_future_usage",
    "error_on_requires_action",
    "use_stripe_sdk",
    "confirmation_token",
)
_EUROPEAN = {"sepa_debit": ("eur",), "customer_balance": ("eur",), "pay_by_bank": ("eur", "gbp")}


def create(account: Account, params: Json) -> Json:
    for name in ("amount", "currency"):
        if name not in params:
            raise missing_parameter(name)
    _check(account, params)
    currency = params["currency"].lower()
    intent = account.new(
        "payment_intent",
        "pi",
        amount=params["amount"],
        amount_capturable=0,
        amount_received=0,
        allowed_payment_method_types=params.get("allowed_payment_method_types"),
        automatic_payment_methods=_automatic(params),
        canceled_at=None,
        cancellation_reason=None,
        capture_method=params.get("capture_method") or "automatic_async",
        confirmation_method=params.get("confirmation_method") or "automatic",
        currency=currency,
        customer=params.get("customer"),
        description=params.get("description"),
        last_payment_error=None,
        latest_charge=None,
        metadata=params.get("metadata") or {},
        next_action=None,
        payment_method=None,
        payment_method_options=params.get("payment_method_options") or {},
        payment_method_types=method_types(account, params, currency),
        processing=None,
        receipt_email=params.get("receipt_email"),
        setup_future_usage=params.get("setup_future_usage"),
        shipping=params.get("shipping"),
        statement_descriptor=params.get("statement_descriptor"),
        statement_descriptor_suffix=params.get("statement_descriptor_suffix"),
        status="requires_payment_method",
        transfer_group=params.get("transfer_group"),
    )
    account.save(intent, client_secret=f"{intent['id']}_secret_{secrets.token_hex(12)}")
    account.tell("payment_intent.created", intent)
    if params.get("confirm"):
        return _confirm(account, intent, params)
    _choose(account, intent, params)
    return account.save(intent)


def _check(account: Account, params: Json) -> None:
    if params["amount"] < 1:
        raise Refused("This value must be greater than or equal to 1.", "parameter_invalid_integer", "amount")
    if params["amount"] > 99_999_999_999:
        raise Refused("Amount must be no more than 99999999999.", "amount_too_large", "amount")
    if not (len(params["currency"]) == 3 and params["currency"].isalpha()):
        raise Refused(f"Invalid currency: {params['currency']}.", None, "currency")
    if params.get("customer"):
        account.find("customer", params["customer"], "customer")
    if not params.get("confirm"):
        for name in ("off_session", "mandate_data", "return_url", "error_on_requires_action"):
            if name in params:
                raise wrong_parameter(name, f"You can only set `{name}` when `confirm` is true.")


def _automatic(params: Json) -> Json | None:
    if "automatic_payment_methods" in params:
        return {"allow_redirects": "always", **params["automatic_payment_methods"]}
    if "allowed_payment_method_types" in params:
        return None
    return {"allow_redirects": "always", "enabled": True}


def method_types(account: Account, params: Json, currency: str | None) -> list[str]:
    """The methods that may be used: those allowed, filtered without a word by currency and by what is enabled."""
    wanted = params.get("allowed_payment_method_types") or list(METHODS)
    enabled = account.store.setting("methods", list(METHODS))
    found = [
        kind
        for kind in wanted
        if kind in enabled and (currency is None or currency in _EUROPEAN.get(kind, (currency,)))
    ]
    if "customer_balance" in found and not params.get("customer"):
        found.remove("customer_balance")
    if not found:
        raise Refused(
            "None of the allowed payment method types can be used: they are not activated for your account, "
            "or incompatible with the currency or the other parameters.",
            "payment_intent_invalid_parameter",
            "allowed_payment_method_types",
        )
    return found


def retrieve(account: Account, params: Json, intent_id: str) -> Json:
    return account.find("payment_intent", intent_id, "intent")


def update(account: Account, params: Json, intent_id: str) -> Json:
    intent = retrieve(account, params, intent_id)
    if intent["status"] not in _CONFIRMABLE and set(params) - {"metadata", "description", "receipt_email"}:
        raise wrong_state(intent, "update")
    for name in ("amount", "currency", "customer", "description", "receipt_email", "setup_future_usage"):
        if name in params:
            intent[name] = params[name]
    if "allowed_payment_method_types" in params:
        intent["allowed_payment_method_types"] = params["allowed_payment_method_types"]
        intent["payment_method_types"] = method_types(
            account, {**intent, "customer": intent["customer"]}, intent["currency"]
        )
    intent["metadata"] = merged(intent["metadata"], params)
    _choose(account, intent, params)
    return account.save(intent)


def confirm(account: Account, params: Json, intent_id: str) -> Json:
    return _confirm(account, retrieve(account, params, intent_id), params)


def _confirm(account: Account, intent: Json, params: Json) -> Json:
    if intent["status"] not in _CONFIRMABLE:
        raise wrong_state(intent, "confirm")
    if params.get("mandate"):
        mandate = account.find("mandate", params["mandate"], "mandate")
        if mandate["status"] != "active":
            raise Refused(
                "The mandate is inactive.", "payment_intent_mandate_invalid", "mandate", started=True
            )
    method = _choose(account, intent, params)
    if method is None:
        raise missing_parameter("payment_method")
    asked = {name: params[name] for name in _CONFIRMING if name in params}
    intent["next_action"] = intent["last_payment_error"] = None
    return attempts.start(account, intent, method, asked)


def _choose(account: Account, intent: Json, params: Json) -> Json | None:
    """The payment method to confirm with: a new one, the one named, or the one known already."""
    if params.get("setup_future_usage"):
        intent["setup_future_usage"] = params["setup_future_usage"]
    if params.get("payment_method_options"):
        intent["payment_method_options"] = {
            **intent["payment_method_options"],
            **params["payment_method_options"],
        }
    if data := params.get("payment_method_data"):
        method = methods.make(account, data)
    elif params.get("payment_method"):
        method = methods.method_of(account, params["payment_method"])
    elif intent["payment_method"]:
        return account.find("payment_method", intent["payment_method"])
    else:
        return None
    _fits(intent, method)
    intent["payment_method"] = method["id"]
    if intent["status"] == "requires_payment_method":
        intent["status"] = "requires_confirmation"
    return method


def _fits(intent: Json, method: Json) -> None:
    if method["type"] not in intent["payment_method_types"]:
        raise Refused(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent. "
            f"Allowed: {', '.join(intent['payment_method_types'])}.",
            "payment_intent_invalid_parameter",
            "payment_method",
        )
    if method.get("_detached"):
        raise Refused(
            "The provided PaymentMethod was previously detached from a Customer and may not be used again.",
            "payment_method_unexpected_state",
            "payment_method",
        )
    if method["customer"] and method["customer"] != intent["customer"]:
        raise Refused(
            "The customer does not have a payment method with this ID.", "resource_missing", "payment_method"
        )


def capture(account: Account, params: Json, intent_id: str) -> Json:
    """Take the money that was held, or less of it."""
    intent = retrieve(account, params, intent_id)
    if intent["status"] != "requires_capture":
        raise wrong_state(intent, "capture")
    amount = params.get("amount_to_capture") or intent["amount_capturable"]
    if amount > intent["amount_capturable"]:
        raise Refused(
            "The amount to capture must be less than or equal to the amount authorized.", "amount_too_large"
        )
    made = account.find("charge", intent["latest_charge"])
    account.save(made, captured=True, amount_captured=amount)
    money_in.book(account, made, made["payment_method_details"]["type"])
    account.save(intent, status="succeeded", amount_received=amount, amount_capturable=0)
    account.tell("charge.captured", made)
    account.tell("payment_intent.succeeded", intent)
    return intent


def cancel(account: Account, params: Json, intent_id: str) -> Json:
    intent = retrieve(account, params, intent_id)
    if intent["status"] not in (*_CONFIRMABLE, "requires_capture"):
        raise wrong_state(intent, "cancel")
    if intent["status"] == "requires_capture":
        made = account.find("charge", intent["latest_charge"])
        account.save(made, refunded=True, amount_refunded=made["amount"])
        account.tell("charge.refunded", made)
    bank_transfers.give_back(account, intent)
    account.save(
        intent,
        status="canceled",
        canceled_at=account.now(),
        cancellation_reason=params.get("cancellation_reason"),
        next_action=None,
        amount_capturable=0,
    )
    account.tell("payment_intent.canceled", intent)
    return intent
