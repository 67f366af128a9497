"""The payer's pages: his details and IBAN, a look at what he agrees to, and back to where he came from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as Answer

from shared import i18n
from shared.i18n import LANGUAGES, N_
from shared.sandbox.gocardless import billing_requests, documents, flows
from shared.sandbox.gocardless.refusals import Refusal
from shared.sandbox.gocardless.store import Store, Thing

_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
_PERSON = ("company_name", "given_name", "family_name", "email")
_PLACE = ("address_line1", "postal_code", "city", "country_code")
_LABELS = {
    "company_name": N_("Company name"),
    "given_name": N_("First name"),
    "family_name": N_("Last name"),
    "email": N_("E-mail address"),
    "address_line1": N_("Address"),
    "postal_code": N_("Postcode"),
    "city": N_("City"),
    "country_code": N_("Country (two letters)"),
    "account_holder_name": N_("Account holder"),
    "iban": N_("IBAN"),
}
_DETAILS = {"collect_customer_details", "collect_bank_account"}


def make_hosted_pages(store: Store) -> Blueprint:
    """The pages behind `authorisation_url`, open to whoever knows a flow's id, as GoCardless's own are."""
    pages = Blueprint(
        "payer", __name__, url_prefix="/billing/static", template_folder="templates", static_folder="static"
    )

    @pages.after_request
    def protect(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = _POLICY
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    @pages.get("/flow")
    def flow() -> ResponseReturnValue:
        found, asked = _find(store, request.args.get("id", ""))
        if flows.is_over(store, found, asked):
            return _page("over.html", found, asked), 410 if asked["status"] != "fulfilled" else 200
        billing_requests.tell_flow(store, asked, found, "flow_visited")
        if "edit" in request.args or billing_requests.pending(store, asked) & _DETAILS:
            return _details_page(store, found, asked, _known(store, found, asked), {})
        return _page("confirm.html", found, billing_requests.render(store, asked))

    @pages.post("/flow/details")
    def details() -> ResponseReturnValue:
        found, asked = _posted(store)
        wrong = _collect(store, asked, request.form)
        if wrong:
            return _details_page(store, found, asked, request.form, wrong), 422
        return redirect(url_for(".flow", id=found["id"]), 303)

    @pages.post("/flow/confirm")
    def confirm() -> ResponseReturnValue:
        return _leave(store, _confirm, "success")

    @pages.post("/flow/refuse")
    def refuse() -> ResponseReturnValue:
        return _leave(store, _refuse, "failure")

    @pages.post("/flow/exit")
    def leave() -> ResponseReturnValue:
        return _leave(store, _exit, "exit")

    @pages.get("/mandate_pdfs/<pdf_id>")
    def mandate_pdf(pdf_id: str) -> ResponseReturnValue:
        content = documents.mandate_pdf(store, pdf_id)
        if content is None:
            abort(404)
        return Response(content, mimetype="application/pdf")

    return pages


def _find(store: Store, flow_id: str) -> tuple[Thing, Thing]:
    found = store.find("billing_request_flows", flow_id)
    asked = store.find("billing_requests", found["links"]["billing_request"]) if found else None
    if found is None or asked is None:
        abort(404)
    return found, asked


def _posted(store: Store) -> tuple[Thing, Thing]:
    """The flow a form speaks for, when it carries the flow's own token."""
    found, asked = _find(store, request.form.get("id", ""))
    if request.form.get("csrf_token") != found["session_token"]:
        abort(400)
    return found, asked


def _leave(store: Store, do: Callable[[Store, Thing, Thing], None], outcome: str) -> ResponseReturnValue:
    found, asked = _posted(store)
    if flows.is_over(store, found, asked):  # a second click, or a page kept open too long
        outcome = "success" if asked["status"] == "fulfilled" else "timeout"
    else:
        with store.transaction():
            do(store, found, asked)
    target = flows.way_back(found, outcome)
    return _away(target) if target else redirect(url_for(".flow", id=found["id"]), 303)


def _away(target: str) -> Answer:
    return redirect(target, 303)


def _confirm(store: Store, found: Thing, asked: Thing) -> None:
    waiting = billing_requests.pending(store, asked)
    if "confirm_payer_details" in waiting:
        asked = billing_requests.confirm_payer_details(store, asked, {})
    if "bank_authorisation" in waiting:
        asked = billing_requests.authorise(store, asked)
    if found["auto_fulfil"]:
        billing_requests.fulfil(store, asked, {})


def _refuse(store: Store, found: Thing, asked: Thing) -> None:
    billing_requests.deny(store, asked)


def _exit(store: Store, found: Thing, asked: Thing) -> None:
    billing_requests.tell_flow(store, asked, found, "flow_exited")


def _collect(store: Store, asked: Thing, form: Any) -> dict[str, str]:
    """Take the details as the API would; what it refuses, by field."""
    given = {name: form.get(name, "").strip() for name in _LABELS}
    customer = {name: given[name] or None for name in _PERSON}
    account = {"account_holder_name": given["account_holder_name"], "iban": given["iban"]}
    try:
        with store.transaction():
            billing = {name: given[name] or None for name in _PLACE}
            billing["country_code"] = (billing["country_code"] or "").upper()[:2] or None
            told = {"customer": customer, "customer_billing_detail": billing}
            asked = billing_requests.collect_customer_details(store, asked, told)
            billing_requests.collect_bank_account(store, asked, account)
    except Refusal as refusal:
        return {error.get("field", ""): _sentence(error) for error in refusal.errors}
    return {}


def _sentence(error: dict[str, Any]) -> str:
    if error.get("field") == "iban" and error["message"] == "is invalid":
        return N_("This IBAN is not valid: check its digits.")
    if error["message"] == "is required":
        return N_("Please fill this in.")
    return N_("This cannot be taken as it is.")


def _known(store: Store, found: Thing, asked: Thing) -> dict[str, Any]:
    customer = store.find("customers", asked["links"]["customer"]) or {}
    known = {name: value for name, value in customer.items() if value}
    return {"country_code": "FR", **found["prefilled_customer"], **known}


def _details_page(store: Store, found: Thing, asked: Thing, values: Any, wrong: dict[str, str]) -> str:
    fields = [
        {
            "name": name,
            "label": label,
            "value": values.get(name) or "",
            "wrong": wrong.get(name),
            "locked": found["lock_customer_details"] and name in (*_PERSON, *_PLACE) and values.get(name),
        }
        for name, label in _LABELS.items()
    ]
    shown = billing_requests.render(store, asked)
    return _page("details.html", found, shown, fields=fields, wrong=wrong)


def _page(name: str, found: Thing, asked: Thing, **more: Any) -> str:
    wanted = found["language"] or request.accept_languages.best_match(LANGUAGES)
    language = i18n.speaks(wanted)
    return render_template(
        f"gocardless/{name}",
        _=partial(i18n.gettext, language),
        money=partial(i18n.money, language),
        language=language,
        flow=found,
        asked=asked,
        **more,
    )
