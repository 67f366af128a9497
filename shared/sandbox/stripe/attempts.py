"""One attempt to pay an intent, for each method, and how it ends: at once, after the payer acted, or days later."""

from __future__ import annotations

from shared.sandbox.stripe import bank_transfers, cards, disputes, methods, money_in
from shared.sandbox.stripe.account import Account, shown
from shared.sandbox.stripe.refusals import Declined, Json, Refused, missing_parameter, wrong_state


def start(account: Account, intent: Json, method: Json, asked: Json) -> Json:
    """Confirm `intent` with `method`."""
    kind = method["type"]
    intent["_mandate"] = intent["_three_d_secure"] = None
    if kind == "sepa_debit":
        return _debit(account, intent, method, asked)
    if kind == "customer_balance":
        return bank_transfers.ask(account, intent, method)
    if kind == "pay_by_bank":
        if not asked.get("return_url"):
            raise missing_parameter("return_url")
        return _ask_payer(account, intent, asked)
    return _card(account, intent, method, asked)


def _card(account: Account, intent: Json, method: Json, asked: Json) -> Json:
    card = cards.behaviour(method)
    forced = (intent["payment_method_options"].get("card") or {}).get("request_three_d_secure") in (
        "any",
        "challenge",
    )
    wanted = forced or card.asks == "always" or (card.asks == "setup" and not method.get("_authenticated"))
    if wanted and asked.get("off_session"):
        _decline(account, intent, method, cards.refusal("authentication_required", "authentication_required"))
    if wanted and asked.get("error_on_requires_action"):
        _decline(account, intent, method, cards.refusal("authentication_required", "authentication_required"))
    if wanted:
        return _ask_payer(account, intent, asked)
    if card.code:
        _decline(account, intent, method, cards.refusal(card.code, card.decline))
    return _paid(account, intent, method)


def _ask_payer(account: Account, intent: Json, asked: Json) -> Json:
    """Send the payer to the bank's page."""
    page = f"{account.url}/3ds/{intent['id']}?client_secret={intent['client_secret']}"
    back = asked.get("return_url")
    if back:
        action = {"type": "redirect_to_url", "redirect_to_url": {"url": page, "return_url": back}}
    else:
        action = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page},
        }
    account.save(intent, status="requires_action", next_action=action, _return_url=back)
    account.tell("payment_intent.requires_action", intent)
    return intent


def _debit(account: Account, intent: Json, method: Json, asked: Json) -> Json:
    """Send the debit to the bank, which takes days to answer."""
    reusable = intent["setup_future_usage"] == "off_session" or method["customer"]
    single = None if reusable else intent["amount"]
    if asked.get("mandate"):
        mandate: Json | None = account.find("mandate", asked["mandate"], "mandate")
    else:
        mandate = methods.mandate_for(account, method, asked.get("mandate_data"), single)
    if mandate is None:
        raise missing_parameter("mandate_data")
    intent["_mandate"] = mandate["id"]
    _remember(account, intent, method)
    made = money_in.charge(account, intent, method, intent["amount"], "pending")
    account.save(intent, status="processing", processing={"type": "sepa_debit"})
    account.tell("charge.pending", made)
    account.tell("payment_intent.processing", intent)
    return intent


def _paid(account: Account, intent: Json, method: Json) -> Json:
    made = money_in.charge(account, intent, method, intent["amount"])
    _remember(account, intent, method)
    account.tell("charge.succeeded", made)
    if not made["captured"]:
        account.save(intent, status="requires_capture", amount_capturable=intent["amount"])
        account.tell("payment_intent.amount_capturable_updated", intent)
        return intent
    account.save(intent, status="succeeded", amount_received=intent["amount"], next_action=None)
    account.tell("payment_intent.succeeded", intent)
    if reason := money_in.disputes_itself(method):
        disputes.open_dispute(account, made, reason=reason)
    return intent


def _remember(account: Account, intent: Json, method: Json) -> None:
    if intent["setup_future_usage"] and intent["customer"]:
        methods.attach_to(account, method, intent["customer"])


def _decline(account: Account, intent: Json, method: Json, error: Json) -> None:
    made = money_in.failed_charge(account, intent, method, error)
    fail_intent(account, intent, method, {**error, "charge": made["id"]})
    raise Declined(
        {**error, "charge": made["id"]}, payment_intent=shown(intent), payment_method=shown(method)
    )


def fail_intent(account: Account, intent: Json, method: Json, error: Json) -> None:
    """Back to asking for a method, with the reason."""
    account.save(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        processing=None,
        amount_received=0,
        last_payment_error={**error, "payment_method": shown(method)},
    )
    account.tell("payment_intent.payment_failed", intent)


def acted(account: Account, intent: Json, agreed: bool) -> Json:
    """The payer answered on the bank's page. Answered already: nothing changes."""
    action = intent["next_action"] or {}
    if intent["status"] != "requires_action" or action["type"] == "display_bank_transfer_instructions":
        return intent
    method = account.find("payment_method", intent["payment_method"])
    if not agreed:
        fail_intent(
            account,
            intent,
            method,
            {
                "type": "invalid_request_error",
                "code": "payment_intent_authentication_failure",
                "message": "The provided PaymentMethod has failed authentication.",
            },
        )
        return intent
    intent["next_action"] = None
    intent["_three_d_secure"] = {"result": "authenticated", "version": "2.2.0"}
    card = cards.behaviour(method)
    if card.code:
        error = cards.refusal(card.code, card.decline)
        made = money_in.failed_charge(account, intent, method, error)
        fail_intent(account, intent, method, {**error, "charge": made["id"]})
        return intent
    account.save(method, _authenticated=True)
    return _paid(account, intent, method)


def debit_paid(account: Account, intent: Json) -> Json:
    """The payer's bank paid the debit."""
    _must_process(intent)
    money_in.settle(account, account.find("charge", intent["latest_charge"]))
    account.save(intent, status="succeeded", amount_received=intent["amount"], processing=None)
    account.tell("payment_intent.succeeded", intent)
    return intent


def debit_failed(account: Account, intent: Json, code: str, late: bool = False) -> Json:
    """The payer's bank refused the debit; `late` when Stripe had called it paid."""
    if late and intent["status"] != "succeeded":
        raise wrong_state(intent, "fail late")
    if not late:
        _must_process(intent)
    made = account.find("charge", intent["latest_charge"])
    method = account.find("payment_method", intent["payment_method"])
    message = _DEBIT_MESSAGES.get(code, "The transaction can't be processed by the customer's bank.")
    money_in.bounce(account, made, code, message)
    error = {"type": "card_error", "code": code, "message": message, "charge": made["id"]}
    fail_intent(account, intent, method, error)
    if code in ("debit_not_authorized", "account_closed") and intent["_mandate"]:
        methods.end_mandate(account, account.find("mandate", intent["_mandate"]))
    return intent


_DEBIT_MESSAGES = {
    "insufficient_funds": "The customer's account has insufficient funds to cover this payment.",
    "account_closed": "The customer's bank account has been closed.",
    "debit_not_authorized": "The customer has notified their bank that this payment was unauthorized.",
}


def _must_process(intent: Json) -> None:
    if intent["status"] != "processing":
        raise Refused(f"The intent is {intent['status']}, not processing.", "not_processing", started=True)
