"""Plans: the list, one with its parts, and proposing one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from portal.plans.forms import ProposalForm, ids
from shared import clock
from shared.actor import Permission
from shared.db import reading, writing
from shared.errors import DomainError
from shared.i18n import N_
from shared.identity.web import user_agent
from shared.mandates.signing import Circumstances
from shared.payments.queries import payables
from shared.payments.rules import Payable
from shared.plans import queries
from shared.plans.proposing import propose, quote
from shared.rails.instruments import Instrument, on_file
from shared.reporting.account import Parties, parties
from shared.web.access import current_actor, debtor_only, needs
from shared.web.errors import told
from shared.web.language import language
from shared.web.paging import page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("plans", __name__)

# Most plans start within the month; what is on file needs up to two weeks' notice.
_FIRST_AFTER = timedelta(days=15)
_SHOWN = 200


@blueprint.get("/plans")
@debtor_only
def index() -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        found = queries.plans(session, actor, page=page)
        offered = any(policy.enabled for policy in queries.policies(session))
    return render("plans/index.html", found=found, links=page_links(page, found.total), offered=offered)


@blueprint.get("/plans/new")
@needs(Permission.PAY)
def ask() -> ResponseReturnValue:
    return _asking(None)


@blueprint.get("/plans/check")
@needs(Permission.PAY)
def check() -> ResponseReturnValue:
    """The parts and the very words, before they are agreed to."""
    actor = current_actor()
    form = _form(request.args)
    if not form.validate():
        return _asking(form, 422)
    try:
        with reading(actor) as session:
            made = quote(session, actor, form.proposal(), language())
    except DomainError as refused:
        return _refused(form, refused)
    beyond = told(made.beyond) if made.beyond else None
    return render("plans/check.html", quote=made, form=form, beyond=beyond)


@blueprint.post("/plans")
@needs(Permission.PAY)
def confirm() -> ResponseReturnValue:
    actor = current_actor()
    form = _form(request.form)
    if not form.validate():
        return _asking(form, 422)
    how = Circumstances(language(), request.remote_addr, user_agent())
    try:
        with writing(actor) as session:
            asks = bool(request.form.get("ask_a_person"))
            plan_id = propose(session, actor, form.proposal(), how, ask_a_person=asks)
    except DomainError as refused:
        return _refused(form, refused)
    notice(N_("Your proposal is sent: your creditor decides.") if asks else N_("Your plan is agreed."))
    return see_other(url_for("plans.show", plan_id=plan_id))


@blueprint.get("/plans/<uuid:plan_id>")
@debtor_only
def show(plan_id: UUID) -> ResponseReturnValue:
    """The agreement, to be read and printed."""
    actor = current_actor()
    with reading(actor) as session:
        found, parts, items = queries.plan(session, actor, plan_id)
    return render("plans/show.html", plan=found, parts=parts, items=items)


def _form(given: object) -> ProposalForm:
    actor = current_actor()
    with reading(actor) as session:
        held, people = on_file(session, actor.customers), parties(session, actor)
    form = ProposalForm(formdata=given)
    form.offer(held, people)
    return form


def _refused(form: ProposalForm, refused: DomainError) -> Response:
    form.refuse(refused)
    return _asking(form, 422)


def _asking(form: ProposalForm | None, status: int = 200) -> Response:
    actor = current_actor()
    with reading(actor) as session:
        people, held = parties(session, actor), on_file(session, actor.customers)
        offering = {policy.creditor_id for policy in queries.policies(session) if policy.enabled}
        planned = queries.planned_items(session, actor.customers)
        rows = [
            p for p in payables(session, actor) if _may_be_planned(p, offering) and p.item_id not in planned
        ]
    if form is None:
        form = _first_form(held, people)
    return render(
        "plans/new.html",
        form=form,
        rows=rows[:_SHOWN],
        parties=people,
        chosen=set(ids(form.item.data or [])) or set(ids(request.args.getlist("item"))),
        today=clock.today(),
        status=status,
    )


def _first_form(held: list[Instrument], people: Parties) -> ProposalForm:
    form = ProposalForm(formdata=None, data={"first_on": clock.today() + _FIRST_AFTER})
    form.offer(held, people)
    form.instrument.data = form.instrument.choices[0][0]
    return form


def _may_be_planned(payable: Payable, offering: set[UUID]) -> bool:
    own = payable.payee is not None and payable.payee.is_own
    due = payable.due_on <= clock.today()
    return payable.free_minor > 0 and due and own and payable.creditor_id in offering
