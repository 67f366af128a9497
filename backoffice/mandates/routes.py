"""Mandates: the list, one with its history; suspend, resume, end, a new account, registered at the debtor's bank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from backoffice import asked
from shared import i18n
from shared.actor import Permission
from shared.db import reading, writing
from shared.errors import DomainError
from shared.i18n import N_
from shared.mandates import actions, queries
from shared.mandates.paper import TITLES
from shared.mandates.rules import State
from shared.web.access import current_actor, needs
from shared.web.forms import Form
from shared.web.language import gettext, language
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("mandates", __name__)

STATES = {
    State.PENDING: N_("Waiting"),
    State.ACTIVE: N_("Active"),
    State.SUSPENDED: N_("Suspended"),
    State.CANCELLED: N_("Cancelled"),
    State.EXPIRED: N_("Expired"),
    State.REPLACED: N_("Replaced"),
}
KINDS = {
    "signed": N_("Signed"),
    "activated": N_("In force"),
    "registered": N_("Registered with the debtor’s bank"),
    "suspended": N_("Suspended"),
    "resumed": N_("Resumed"),
    "cancelled": N_("Cancelled"),
    "expired": N_("Expired: 36 months without a collection"),
    "replaced": N_("Replaced"),
    "account_changed": N_("Account changed"),
}


class ReasonForm(Form):
    reason = StringField(N_("Reason"), [InputRequired(), Length(max=300)])


class AccountForm(ReasonForm):
    iban = StringField(N_("New IBAN"), [InputRequired(), Length(max=60)])


@blueprint.get("/mandates")
@needs(Permission.SEE_MANDATES)
def index() -> ResponseReturnValue:
    actor, page, words = current_actor(), page_number(), asked.word("q")
    state = asked.choice("state", tuple(State), "")
    with reading(actor) as session:
        found = queries.mandates(session, actor, state=state, words=words, page=page, size=PAGE_SIZE)
    return render(
        "mandates/index.html",
        mandates=found.rows,
        states=STATES,
        state=state,
        query=words,
        links=page_links(page, found.total),
    )


@blueprint.get("/mandates/<uuid:mandate_id>")
@needs(Permission.SEE_MANDATES)
def mandate(mandate_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        found = queries.mandate(session, actor, mandate_id)
        history = queries.history(session, actor, mandate_id)
    return render(
        "mandates/mandate.html",
        mandate=found,
        history=[_line(event) for event in history],
        titles=TITLES,
        may_manage=actor.may(Permission.MANAGE_MANDATES),
        sees_receivables=actor.may(Permission.SEE_RECEIVABLES),
    )


@blueprint.get("/mandates/<uuid:mandate_id>/suspend")
@needs(Permission.MANAGE_MANDATES)
def ask_suspend(mandate_id: UUID) -> ResponseReturnValue:
    return _asking(mandate_id, "suspend", ReasonForm())


@blueprint.post("/mandates/<uuid:mandate_id>/suspend")
@needs(Permission.MANAGE_MANDATES)
def suspend(mandate_id: UUID) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        return _asking(mandate_id, "suspend", form, 422)
    return _done(
        mandate_id, N_("The mandate is suspended."), actions.suspend, reason=form.reason.data.strip()
    )


@blueprint.post("/mandates/<uuid:mandate_id>/resume")
@needs(Permission.MANAGE_MANDATES)
def resume(mandate_id: UUID) -> ResponseReturnValue:
    return _done(mandate_id, N_("Collections may go on."), actions.resume)


@blueprint.post("/mandates/<uuid:mandate_id>/registered")
@needs(Permission.MANAGE_MANDATES)
def registered(mandate_id: UUID) -> ResponseReturnValue:
    told = N_("The mandate is in force: the debtor’s bank knows it.")
    return _done(mandate_id, told, actions.mark_registered)


@blueprint.get("/mandates/<uuid:mandate_id>/cancel")
@needs(Permission.MANAGE_MANDATES)
def ask_cancel(mandate_id: UUID) -> ResponseReturnValue:
    return _asking(mandate_id, "cancel", ReasonForm())


@blueprint.post("/mandates/<uuid:mandate_id>/cancel")
@needs(Permission.MANAGE_MANDATES)
def cancel(mandate_id: UUID) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        return _asking(mandate_id, "cancel", form, 422)
    told = N_("The mandate is cancelled: nothing new is collected with it.")
    return _done(mandate_id, told, actions.cancel, reason=form.reason.data.strip())


@blueprint.get("/mandates/<uuid:mandate_id>/account")
@needs(Permission.MANAGE_MANDATES)
def ask_account(mandate_id: UUID) -> ResponseReturnValue:
    return _asking(mandate_id, "change_account", AccountForm())


@blueprint.post("/mandates/<uuid:mandate_id>/account")
@needs(Permission.MANAGE_MANDATES)
def change_account(mandate_id: UUID) -> ResponseReturnValue:
    form, actor = AccountForm(), current_actor()
    if not form.validate():
        return _asking(mandate_id, "change_account", form, 422)
    try:
        with writing(actor) as session:
            actions.amend_account(session, actor, mandate_id, form.iban.data, form.reason.data.strip())
    except DomainError as refused:
        form.refuse(refused)
        return _asking(mandate_id, "change_account", form, 422)
    notice(N_("The account is changed. The next collection tells the bank."))
    return see_other(url_for("mandates.mandate", mandate_id=mandate_id))


def _line(event: queries.Event) -> tuple[str, str, str | None, None]:
    """An event as the timeline tells it."""
    title = gettext(KINDS[event.kind]) + (f" ({event.reason_code})" if event.reason_code else "")
    return f"{i18n.instant(language(), event.at)} · {event.by_whom}", title, event.reason, None


def _asking(mandate_id: UUID, deed: str, form: ReasonForm, status: int = 200) -> Response:
    actor = current_actor()
    with reading(actor) as session:
        found = queries.mandate(session, actor, mandate_id)
    return render("mandates/ask.html", mandate=found, deed=deed, form=form, status=status)


def _done(mandate_id: UUID, told: str, verb: Callable[..., None], **given: Any) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        verb(session, actor, mandate_id, **given)
    notice(told)
    return see_other(url_for("mandates.mandate", mandate_id=mandate_id))
