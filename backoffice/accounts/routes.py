"""The accounts debtors are shown: the list, asking for a change, and the second person's yes or no."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from backoffice import asked
from backoffice.accounts.forms import KIND_NAMES, ApproveForm, AskForm, EndForm
from shared.actor import Permission
from shared.creditors import actions, changes, queries
from shared.db import reading, writing
from shared.errors import DomainError
from shared.i18n import N_
from shared.web.access import current_actor, needs
from shared.web.render import notice, render, see_other

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/accounts")
@needs(Permission.SEE_BANK)
def index() -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        return render(
            "accounts/index.html",
            accounts=queries.accounts(session, actor),
            changes=queries.changes(session, actor),
            kinds=KIND_NAMES,
            may_ask=actor.may(Permission.ASK_ACCOUNT_CHANGE),
        )


@blueprint.get("/accounts/ask")
@needs(Permission.ASK_ACCOUNT_CHANGE)
def ask() -> ResponseReturnValue:
    """The empty form; `?account=` fills in what is known of one, `?kind=` what is wanted with it."""
    actor, given = current_actor(), {"currency": "EUR"}
    known = asked.optional_uuid(request.args.get("account"))
    if known is not None:
        with reading(actor) as session:
            account = queries.account(session, actor, known)
        given = {
            "creditor": account.creditor_code, "iban": account.iban, "holder_kind": account.holder_kind,
            "holder_name": account.holder_name, "bic": account.bic or "", "currency": account.currency,
        }  # fmt: skip
    given["kind"] = asked.choice("kind", changes.KINDS, "receive")
    return _asking(AskForm(data=given))


@blueprint.post("/accounts/ask")
@needs(Permission.ASK_ACCOUNT_CHANGE)
def send() -> ResponseReturnValue:
    actor, form = current_actor(), AskForm()
    form.creditor.choices = _creditors()
    if not form.validate():
        return _asking(form, 422)
    wanted = {name: value for name, value in form.data.items() if name not in ("creditor", "csrf_token")}
    wanted["currency"] = wanted["currency"].upper()
    try:
        with writing(actor) as session:
            change = changes.ask(session, actor, actions.by_code(session, form.creditor.data), **wanted)
    except DomainError as refused:
        form.refuse(refused)
        return _asking(form, 422)
    notice(N_("The change is asked for. Nothing changes before another person approves it."))
    return see_other(url_for("accounts.change", change_id=change))


@blueprint.get("/accounts/changes/<uuid:change_id>")
@needs(Permission.SEE_BANK)
def change(change_id: UUID) -> ResponseReturnValue:
    return _showing(change_id, ApproveForm(formdata=None))


@blueprint.post("/accounts/changes/<uuid:change_id>/approve")
@needs(Permission.APPROVE_ACCOUNT_CHANGE)
def approve(change_id: UUID) -> ResponseReturnValue:
    actor, form = current_actor(), ApproveForm()
    if not form.validate():
        return _showing(change_id, form, 422)
    try:
        with writing(actor) as session:
            changes.approve(session, actor, change_id, call_back=form.call_back.data)
    except DomainError as refused:
        form.refuse(refused)
        return _showing(change_id, form, 422)
    notice(
        N_("Approved. The debtors concerned are told by mail; until the day comes it can still be cancelled.")
    )
    return see_other(url_for("accounts.change", change_id=change_id))


@blueprint.get("/accounts/changes/<uuid:change_id>/refuse")
@needs(Permission.APPROVE_ACCOUNT_CHANGE)
def ask_refuse(change_id: UUID) -> ResponseReturnValue:
    return _ending(change_id, "refuse", EndForm(formdata=None))


@blueprint.post("/accounts/changes/<uuid:change_id>/refuse")
@needs(Permission.APPROVE_ACCOUNT_CHANGE)
def refuse(change_id: UUID) -> ResponseReturnValue:
    return _end(change_id, "refuse", changes.refuse)


@blueprint.get("/accounts/changes/<uuid:change_id>/cancel")
@needs(Permission.SEE_BANK)
def ask_cancel(change_id: UUID) -> ResponseReturnValue:
    return _ending(change_id, "cancel", EndForm(formdata=None))


@blueprint.post("/accounts/changes/<uuid:change_id>/cancel")
@needs(Permission.SEE_BANK)
def cancel(change_id: UUID) -> ResponseReturnValue:
    """Whoever may ask or approve may stop it; the verb knows."""
    return _end(change_id, "cancel", changes.cancel)


def _end(change_id: UUID, how: str, verb: Callable[..., None]) -> ResponseReturnValue:
    actor, form = current_actor(), EndForm()
    if not form.validate():
        return _ending(change_id, how, form, 422)
    try:
        with writing(actor) as session:
            verb(session, actor, change_id, form.reason.data)
    except DomainError as refused:
        form.refuse(refused)
        return _ending(change_id, how, form, 422)
    notice(N_("The change is stopped. Debtors are shown what they were shown before."))
    return see_other(url_for("accounts.change", change_id=change_id))


def _asking(form: AskForm, status: int = 200) -> Response:
    form.creditor.choices = _creditors()
    return render("accounts/ask.html", form=form, status=status)


def _showing(change_id: UUID, form: ApproveForm, status: int = 200) -> Response:
    actor = current_actor()
    with reading(actor) as session:
        found = queries.change(session, actor, change_id)
    may_end = actor.may(Permission.ASK_ACCOUNT_CHANGE) or actor.may(Permission.APPROVE_ACCOUNT_CHANGE)
    return render(
        "accounts/change.html",
        change=found,
        kinds=KIND_NAMES,
        form=form,
        may_approve=actor.may(Permission.APPROVE_ACCOUNT_CHANGE),
        mine=found.asked_by is not None and found.asked_by == actor.id,
        may_end=may_end,
        status=status,
    )


def _ending(change_id: UUID, how: str, form: EndForm, status: int = 200) -> Response:
    actor = current_actor()
    with reading(actor) as session:
        found = queries.change(session, actor, change_id)
    return render("accounts/end.html", change=found, how=how, form=form, status=status)


def _creditors() -> list[tuple[str, str]]:
    with reading(current_actor()) as session:
        return [(each.code, each.name) for each in queries.creditor_names(session)]
