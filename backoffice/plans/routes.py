"""Plans and autopay of the debtors: the lists, one plan, deciding on it, and a creditor's limits."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from wtforms import BooleanField, IntegerField, StringField
from wtforms.validators import InputRequired, Length

from backoffice import asked
from shared.actor import Permission
from shared.autopay.queries import agreements
from shared.db import reading, writing
from shared.errors import DomainError, NotFound
from shared.i18n import N_
from shared.money import Money
from shared.plans import deciding, queries
from shared.plans.rules import Limits
from shared.web.access import current_actor, needs
from shared.web.forms import AmountField, Form, Positive
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("plans", __name__)

STATES = {
    "proposed": N_("To decide"),
    "active": N_("Being kept"),
    "finished": N_("Finished"),
    "broken": N_("Broken"),
    "refused": N_("Refused"),
    "cancelled": N_("Cancelled"),
}
# What a creditor that set nothing is shown first.
_USUAL = {"max_months": 6, "first_part_percent": 20, "min_days_late": 0, "grace_days": 5}


class ReasonForm(Form):
    reason = StringField(N_("Reason"), [InputRequired(), Length(max=300)])


class PolicyForm(Form):
    enabled = BooleanField(N_("Accept plans within these limits at once"))
    max_months = IntegerField(N_("At most, in months"), [InputRequired()])
    first_part_percent = IntegerField(N_("First part at least, in per cent"), [InputRequired()])
    max_total = AmountField(N_("Highest total"), [InputRequired(), Positive()])
    min_days_late = IntegerField(N_("Only invoices so many days past due"), [InputRequired()])
    needs_instrument = BooleanField(N_("Only with a card or mandate on file"))
    grace_days = IntegerField(N_("Days of grace for a missed part"), [InputRequired()])

    def limits(self) -> Limits:
        assert isinstance(self.max_total.data, Money)  # validated
        return Limits(
            self.max_months.data,
            self.first_part_percent.data,
            self.max_total.data,
            self.min_days_late.data,
            self.needs_instrument.data,
            self.grace_days.data,
        )


@blueprint.get("/plans")
@needs(Permission.SEE_PLANS)
def index() -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    state = asked.choice("state", tuple(STATES), "")
    with reading(actor) as session:
        found = queries.plans(session, actor, state=state, page=page, size=PAGE_SIZE)
        standing = agreements(session, actor)
        policies = queries.policies(session)
    return render(
        "plans/index.html",
        plans=found.rows,
        agreements=standing,
        policies=policies,
        states=STATES,
        state=state,
        may_manage=actor.may(Permission.MANAGE_PLANS),
        links=page_links(page, found.total),
    )


@blueprint.get("/plans/<uuid:plan_id>")
@needs(Permission.SEE_PLANS)
def plan(plan_id: UUID) -> ResponseReturnValue:
    return _showing(plan_id, ReasonForm())


@blueprint.post("/plans/<uuid:plan_id>/accept")
@needs(Permission.MANAGE_PLANS)
def accept(plan_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        deciding.accept(session, actor, plan_id)
    notice(N_("The plan is agreed; the debtor is told."))
    return see_other(url_for("plans.plan", plan_id=plan_id))


@blueprint.post("/plans/<uuid:plan_id>/refuse")
@needs(Permission.MANAGE_PLANS)
def refuse(plan_id: UUID) -> ResponseReturnValue:
    return _ended(plan_id, deciding.refuse, N_("The plan is refused; the debtor reads your reason."))


@blueprint.post("/plans/<uuid:plan_id>/cancel")
@needs(Permission.MANAGE_PLANS)
def cancel(plan_id: UUID) -> ResponseReturnValue:
    return _ended(plan_id, deciding.cancel, N_("The plan is ended; the debtor reads your reason."))


@blueprint.get("/plans/limits/<uuid:creditor_id>")
@needs(Permission.MANAGE_PLANS)
def ask_policy(creditor_id: UUID) -> ResponseReturnValue:
    found = _policy(creditor_id)
    given = {name: getattr(found, name) for name in PolicyForm()._fields if hasattr(found, name)}
    if found.enabled is None or found.max_total_minor is None:
        given = dict(_USUAL)
    else:
        given["max_total"] = Money(found.max_total_minor, found.currency or "EUR")
    return _setting(found, PolicyForm(data=given))


@blueprint.post("/plans/limits/<uuid:creditor_id>")
@needs(Permission.MANAGE_PLANS)
def set_policy(creditor_id: UUID) -> ResponseReturnValue:
    actor, form = current_actor(), PolicyForm()
    found = _policy(creditor_id)
    if not form.validate():
        return _setting(found, form, 422)
    try:
        with writing(actor) as session:
            deciding.set_policy(session, actor, creditor_id, form.limits(), enabled=form.enabled.data)
    except DomainError as refused:
        form.refuse(refused)
        return _setting(found, form, 422)
    notice(N_("The limits are saved. Plans that were agreed to stay as they are."))
    return see_other(url_for("plans.index"))


def _policy(creditor_id: UUID) -> queries.Policy:
    with reading(current_actor()) as session:
        found = [each for each in queries.policies(session) if each.creditor_id == creditor_id]
    if not found:
        raise NotFound
    return found[0]


def _setting(policy: queries.Policy, form: PolicyForm, status: int = 200) -> Response:
    return render("plans/limits.html", policy=policy, form=form, status=status)


def _showing(plan_id: UUID, form: ReasonForm, status: int = 200) -> Response:
    actor = current_actor()
    with reading(actor) as session:
        found, parts, items = queries.plan(session, actor, plan_id)
    return render(
        "plans/plan.html",
        plan=found,
        parts=parts,
        items=items,
        form=form,
        may_manage=actor.may(Permission.MANAGE_PLANS),
        status=status,
    )


def _ended(plan_id: UUID, verb: Callable[..., None], told: str) -> ResponseReturnValue:
    actor, form = current_actor(), ReasonForm()
    if not form.validate():
        return _showing(plan_id, form, 422)
    with writing(actor) as session:
        verb(session, actor, plan_id, form.reason.data)
    notice(told)
    return see_other(url_for("plans.plan", plan_id=plan_id))
