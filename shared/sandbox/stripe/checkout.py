"""Checkout sessions: the page that Stripe hosts, and what it makes when the payer is done."""

from __future__ import annotations

from shared.sandbox.stripe import attempts, intents, setup_intents
from shared.sandbox.stripe.account import Account
from shared.sandbox.stripe.refusals import Json, Refused, missing_parameter, wrong_parameter

_DAY = 86_400


def create(account: Account, params: Json) -> Json:
    mode = params.get("mode")
    if mode not in ("payment", "setup"):
        raise wrong_parameter("mode", "You must provide `payment` or `setup` as the mode (sandbox).")
    if not params.get("success_url"):
        raise missing_parameter("success_url")
    currency, total = _total(params) if mode == "payment" else (params.get("currency"), None)
    expires = params.get("expires_at") or account.now() + _DAY
    if not account.now() + 1_790 <= expires <= account.now() + _DAY + 10:
        raise wrong_parameter("expires_at", "`expires_at` must be between 30 minutes and 24 hours from now.")
    session = account.new(
        "checkout.session",
        "cs_test",
        allowed_payment_method_types=params.get("allowed_payment_method_types"),
        amount_subtotal=total,
        amount_total=total,
        cancel_url=params.get("cancel_url"),
        client_reference_id=params.get("client_reference_id"),
        currency=currency,
        customer=params.get("customer"),
        customer_email=params.get("customer_email"),
        expires_at=expires,
        locale=params.get("locale"),
        metadata=params.get("metadata") or {},
        mode=mode,
        payment_intent=None,
        payment_method_options=params.get("payment_method_options") or {},
        payment_method_types=intents.method_types(account, params, currency),
        payment_status="unpaid" if mode == "payment" else "no_payment_required",
        setup_intent=None,
        status="open",
        success_url=params["success_url"],
        ui_mode=params.get("ui_mode") or "hosted_page",
        _payment=params.get("payment_intent_data") or {},
        _setup=params.get("setup_intent_data") or {},
    )
    account.save(session, url=f"{account.url}/checkout/{session['id']}")
    return session


def _total(params: Json) -> tuple[str, int]:
    items = params.get("line_items") or []
    if not items:
        raise missing_parameter("line_items")
    total, currencies = 0, set()
    for number, item in enumerate(items):
        price = item.get("price_data")
        if not price or "unit_amount" not in price:
            raise missing_parameter(f"line_items[{number}][price_data][unit_amount]")
        total += price["unit_amount"] * item.get("quantity", 1)
        currencies.add(price["currency"].lower())
    if len(currencies) > 1:
        raise wrong_parameter("line_items", "All line items must have the same currency.")
    return currencies.pop(), total


def retrieve(account: Account, params: Json, session_id: str) -> Json:
    session = account.find("checkout.session", session_id, "session")
    if session["status"] == "open" and session["expires_at"] <= account.now():
        return _expired(account, session)
    return session


def expire(account: Account, params: Json, session_id: str) -> Json:
    session = retrieve(account, params, session_id)
    if session["status"] != "open":
        raise Refused(
            f"Only Checkout Sessions with a status in [open] can be expired. "
            f"This Checkout Session has a status of {session['status']}.",
            "checkout_session_not_open",
            started=True,
        )
    return _expired(account, session)


def _expired(account: Account, session: Json) -> Json:
    account.save(session, status="expired", url=None)
    account.tell("checkout.session.expired", session)
    return session


def pay(account: Account, session: Json, method: Json) -> Json:
    """The payer gave a payment method on the hosted page; a decline leaves the session open."""
    if session["status"] != "open":
        return session
    shared = {"customer": session["customer"], "metadata": {}}
    if session["mode"] == "setup":
        intent = setup_intents.create(account, {**shared, **session["_setup"]})
        agreed: Json = {"customer_acceptance": {"type": "online", "online": {}}}
        asked = {"payment_method_data": method, "mandate_data": agreed, "return_url": _back(session)}
        session["setup_intent"] = intent["id"]
        intent = setup_intents.confirm(account, asked, intent["id"])
    else:
        intent = _intent(account, session, shared)
        agreed = {"customer_acceptance": {"type": "online", "online": {}}}
        asked = {"payment_method_data": method, "mandate_data": agreed, "return_url": _back(session)}
        intent = intents.confirm(account, asked, intent["id"])
    account.save(session)
    return after(account, session, intent)


def _intent(account: Account, session: Json, shared: Json) -> Json:
    if session["payment_intent"]:
        return account.find("payment_intent", session["payment_intent"])
    made = intents.create(
        account,
        {
            **shared,
            "amount": session["amount_total"],
            "currency": session["currency"],
            "allowed_payment_method_types": session["payment_method_types"],
            "payment_method_options": session["payment_method_options"],
            **session["_payment"],
        },
    )
    account.save(made, _session=session["id"])
    account.save(session, payment_intent=made["id"])
    return made


def _back(session: Json) -> str:
    return str(session["url"]) + "/back"


def after(account: Account, session: Json, intent: Json) -> Json:
    """Follow what became of the session's intent."""
    if session["status"] == "open" and intent["status"] in ("succeeded", "processing", "requires_capture"):
        account.save(session, status="complete", url=None)
        if intent["status"] == "succeeded" and session["mode"] == "payment":
            account.save(session, payment_status="paid")
        account.tell("checkout.session.completed", session)
    return session


def debit_ended(account: Account, intent: Json) -> None:
    """A debit started by a session was answered days later."""
    if not intent.get("_session"):
        return
    session = account.find("checkout.session", intent["_session"])
    if intent["status"] == "succeeded":
        account.save(session, payment_status="paid")
        account.tell("checkout.session.async_payment_succeeded", session)
    else:
        account.tell("checkout.session.async_payment_failed", session)


def acted(account: Account, intent: Json, agreed: bool) -> Json:
    """The payer answered on the bank's page, in a session or not."""
    if intent["object"] == "setup_intent":
        return setup_intents.acted(account, intent, agreed)
    attempts.acted(account, intent, agreed)
    if intent.get("_session"):
        after(account, account.find("checkout.session", intent["_session"]), intent)
    return intent


def success_url(session: Json) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
