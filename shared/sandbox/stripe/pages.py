"""What payers see: the fake Stripe.js and its card form, the bank's 3-D Secure page, the hosted Checkout page."""

from __future__ import annotations

import hmac
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, redirect, render_template, request, send_from_directory
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from shared import i18n
from shared.sandbox.stripe import checkout
from shared.sandbox.stripe.account import Account
from shared.sandbox.stripe.refusals import Declined, Json, Refused

TEMPLATES = Path(__file__).parent / "templates"
_FILES = Path(__file__).parent / "static"
_SCRIPTS = ("/js/stripe.js", "/endive/stripe.js", "/v3/", "/v3")
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' https://api.stripe.com"

_LABELS = {
    "card": i18n.N_("Card"),
    "sepa_debit": i18n.N_("SEPA direct debit"),
    "pay_by_bank": i18n.N_("Pay by bank"),
    "customer_balance": i18n.N_("Bank transfer"),
}


def make_pages(account: Account) -> Blueprint:
    """The pages over one account."""
    pages = Blueprint("pages", __name__)
    for path in _SCRIPTS:
        pages.add_url_rule(path, "script", _script)
    pages.add_url_rule("/element/<name>", "file", _file)
    pages.add_url_rule("/element", "element", partial(_page, "element.html"))
    pages.add_url_rule("/3ds/<intent_id>", "bank", partial(_bank, account), methods=["GET", "POST"])
    pages.add_url_rule(
        "/checkout/<session_id>", "checkout", partial(_checkout, account), methods=["GET", "POST"]
    )
    pages.add_url_rule("/checkout/<session_id>/back", "back", partial(_back, account))
    return pages


def _script() -> Response:
    return _file("stripe.js")


def _file(name: str) -> Response:
    answer = send_from_directory(_FILES, name)
    answer.headers["Cache-Control"] = "no-cache"
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


def _page(template: str, status: int = 200, **values: object) -> Response:
    asked = request.args.get("locale") or request.accept_languages.best_match(i18n.LANGUAGES)
    language = i18n.speaks(asked)
    body = render_template(
        template,
        language=language,
        _=partial(i18n.gettext, language),
        money=partial(i18n.money, language),
        labels={kind: i18n.gettext(language, label) for kind, label in _LABELS.items()},
        **values,
    )
    answer = Response(body, status)
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


def _bank(account: Account, intent_id: str) -> ResponseReturnValue:
    """The bank's page: succeed or fail, then back to the merchant."""
    with account.store.writing():
        intent = _find_intent(account, intent_id)
        if request.method == "GET":
            return _page("bank.html", intent=intent)
        account.request = {"id": None, "idempotency_key": None}
        intent = checkout.acted(account, intent, request.form.get("answer") == "succeed")
    back = intent.get("_return_url")
    return redirect(_returned(back, intent), 303) if back else _page("bank_done.html", intent=intent)


def _find_intent(account: Account, intent_id: str) -> Json:
    kind = "setup_intent" if intent_id.startswith("seti_") else "payment_intent"
    intent = account.store.find(kind, intent_id)
    if intent is None or not hmac.compare_digest(
        intent["client_secret"], request.args.get("client_secret", "")
    ):
        raise NotFound
    return intent


def _returned(back: str, intent: Json) -> str:
    """The merchant's return address with what Stripe adds."""
    kind = intent["object"]
    ended = "failed" if intent["status"] == "requires_payment_method" else "succeeded"
    added = {kind: intent["id"], f"{kind}_client_secret": intent["client_secret"], "redirect_status": ended}
    parts = urlsplit(back)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *added.items()])))


def _checkout(account: Account, session_id: str) -> ResponseReturnValue:
    with account.store.writing():
        session = _find_session(account, session_id)
        if session["status"] != "open":
            return _page("checkout_over.html", 410, session=session)
        if request.method == "GET":
            return _page("checkout.html", session=session, error=None)
        account.request = {"id": None, "idempotency_key": None}
        try:
            session = checkout.pay(account, session, _method(request.form))
        except Refused as refused:
            if not isinstance(refused, Declined):
                account.store.undo()
            return _page("checkout.html", 402, session=session, error=str(refused))
        return _after_paying(account, session)


def _method(form: Json) -> Json:
    """The payment method filled in on the hosted page."""
    kind = form.get("method", "card")
    named = {"name": form.get("name") or None, "email": form.get("email") or None}
    if kind == "sepa_debit":
        return {"type": kind, "sepa_debit": {"iban": form.get("iban", "")}, "billing_details": named}
    if kind == "card":
        return {"type": kind, "card": {"number": form.get("number", "")}, "billing_details": named}
    return {"type": kind, "billing_details": named}


def _after_paying(account: Account, session: Json) -> ResponseReturnValue:
    if session["status"] == "complete":
        return redirect(checkout.success_url(session), 303)
    wanted = session["payment_intent"] or session["setup_intent"]
    kind = "payment_intent" if session["payment_intent"] else "setup_intent"
    action = account.find(kind, wanted)["next_action"] or {}
    if action.get("type") == "redirect_to_url":
        return redirect(action["redirect_to_url"]["url"], 303)
    return _page("checkout.html", session=session, error=None)


def _back(account: Account, session_id: str) -> ResponseReturnValue:
    """Where the bank's page returns to: on to the merchant, or again to the form."""
    with account.store.writing():
        session = _find_session(account, session_id)
    if session["status"] == "complete":
        return redirect(checkout.success_url(session), 303)
    return redirect(f"/checkout/{session_id}?failed=1", 303)


def _find_session(account: Account, session_id: str) -> Json:
    session = account.store.find("checkout.session", session_id)
    if session is None:
        raise NotFound
    return checkout.retrieve(account, {}, session_id)
