"""Autopay: the agreements, their terms, and the debits that were announced."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from portal.autopay.forms import TermsForm
from shared.actor import Permission
from shared.autopay import actions, queries
from shared.db import reading, writing
from shared.errors import DomainError, NotFound
from shared.i18n import N_
from shared.identity.web import user_agent
from shared.mandates.signing import Circumstances
from shared.rails.instruments import Instrument, on_file
from shared.reporting.account import Parties, parties
from shared.web.access import current_actor, debtor_only, needs
from shared.web.language import language
from shared.web.render import notice, render, see_other

blueprint = Blueprint("autopay", __name__)


@blueprint.get("/autopay")
@debtor_only
def index() -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        found = queries.agreements(session, actor)
        debits = queries.debits(session, actor)
        possible = bool(on_file(session, actor.customers))
    several = len(actor.customers) > 1
    return render("autopay/index.html", agreements=found, debits=debits, possible=possible, several=several)


@blueprint.get("/autopay/terms")
@needs(Permission.PAY)
def ask() -> ResponseReturnValue:
    """Choose a card or mandate, the most one debit may take, and the day."""
    held, people = _on_file()
    return _asking(_form(held, people, given=bool(request.args.get("instrument"))), held)


@blueprint.get("/autopay/check")
@needs(Permission.PAY)
def check() -> ResponseReturnValue:
    """The very words that are agreed to, before they are."""
    actor = current_actor()
    held, people = _on_file()
    form = _form(held, people, given=True)
    if not form.validate():
        return _asking(form, held, 422)
    chosen, terms = _chosen(form, held), form.terms()
    try:
        with reading(actor) as session:
            told = actions.words(session, actor, chosen.customer_id, chosen.creditor_id, terms, language())
    except DomainError as refused:
        form.refuse(refused)
        return _asking(form, held, 422)
    return render("autopay/check.html", agreed=told, form=form, creditor=people.name(chosen.creditor_id))


@blueprint.post("/autopay/check")
@needs(Permission.PAY)
def confirm() -> ResponseReturnValue:
    actor = current_actor()
    held, people = _on_file()
    form = _form(held, people, posted=True)
    if not form.validate():
        return _asking(form, held, 422)
    chosen = _chosen(form, held)
    how = Circumstances(language(), request.remote_addr, user_agent())
    try:
        with writing(actor) as session:
            actions.agree(session, actor, chosen.customer_id, chosen.creditor_id, form.terms(), how)
    except DomainError as refused:
        form.refuse(refused)
        return _asking(form, held, 422)
    notice(N_("Autopay is on. You are told before each debit."))
    return see_other(url_for("autopay.index"))


@blueprint.get("/autopay/<uuid:autopay_id>")
@debtor_only
def show(autopay_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        found = queries.agreement(session, actor, autopay_id)
    return render("autopay/show.html", agreement=found)


@blueprint.post("/autopay/<uuid:autopay_id>/pause")
@needs(Permission.PAY)
def pause(autopay_id: UUID) -> ResponseReturnValue:
    return _done(autopay_id, actions.pause, N_("Autopay is paused: nothing is collected by itself."))


@blueprint.post("/autopay/<uuid:autopay_id>/resume")
@needs(Permission.PAY)
def resume(autopay_id: UUID) -> ResponseReturnValue:
    return _done(autopay_id, actions.resume, N_("Autopay goes on. You are told before each debit."))


@blueprint.post("/autopay/<uuid:autopay_id>/off")
@needs(Permission.PAY)
def switch_off(autopay_id: UUID) -> ResponseReturnValue:
    return _done(
        autopay_id, actions.switch_off, N_("Autopay is off: nothing is collected by itself any more.")
    )


@blueprint.get("/autopay/debits/<uuid:debit_id>")
@debtor_only
def debit(debit_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        found, lines = queries.debit(session, actor, debit_id)
    return render("autopay/debit.html", debit=found, lines=lines)


@blueprint.post("/autopay/debits/<uuid:debit_id>/skip")
@needs(Permission.PAY)
def skip(debit_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        actions.skip(session, actor, debit_id)
    notice(N_("This debit is skipped. Please pay its invoices another way."))
    return see_other(url_for("autopay.debit", debit_id=debit_id))


def _on_file() -> tuple[list[Instrument], Parties]:
    actor = current_actor()
    with reading(actor) as session:
        return on_file(session, actor.customers), parties(session, actor)


def _form(held: list[Instrument], people: Parties, *, given: bool = False, posted: bool = False) -> TermsForm:
    form = TermsForm(formdata=request.form if posted else request.args if given else None)
    form.offer(held, people)
    return form


def _asking(form: TermsForm, held: list[Instrument], status: int = 200) -> Response:
    return render("autopay/terms.html", form=form, possible=bool(held), status=status)


def _chosen(form: TermsForm, held: list[Instrument]) -> Instrument:
    found = next((each for each in held if str(each.id) == form.instrument.data), None)
    if found is None:
        raise NotFound
    return found


def _done(autopay_id: UUID, verb: Callable[..., None], told: str) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        verb(session, actor, autopay_id)
    notice(told)
    return see_other(url_for("autopay.index"))
