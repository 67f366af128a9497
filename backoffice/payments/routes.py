"""Payments over the rails: the list, one with its life, refunds by two people, and what waits for a person."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from wtforms import StringField
from wtforms.validators import DataRequired, InputRequired, Length

from backoffice import asked
from backoffice.payments.words import METHODS, PROVIDERS, dashboard
from shared.actor import Permission
from shared.db import reading, writing
from shared.errors import DomainError
from shared.i18n import N_
from shared.rails import alerts, office, refunding
from shared.rails.office import TABS, Wanted
from shared.web.access import current_actor, needs
from shared.web.forms import AmountField, Form, Positive
from shared.web.language import gettext
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("payments", __name__)


class RefundForm(Form):
    amount = AmountField(N_("Amount to refund"), [InputRequired(), Positive()])
    reason = StringField(
        N_("Reason"),
        [DataRequired(), Length(max=200)],
        description=N_("For whoever approves it: a second person does."),
    )


@blueprint.get("/payments")
@needs(Permission.SEE_PAYMENTS)
def index() -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    wanted = Wanted(
        tab=asked.choice("tab", tuple(TABS), ""),
        method=asked.choice("method", tuple(METHODS), ""),
        provider=asked.choice("provider", tuple(PROVIDERS), ""),
        words=asked.word("q"),
        first=_day("first"),
        last=_day("last"),
    )
    with reading(actor) as session:
        rows, total = office.payments(session, actor, wanted, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
        waiting = office.waiting(session, actor)
    return render(
        "payments/index.html",
        payments=rows,
        wanted=wanted,
        waiting=waiting,
        methods=[("", gettext("All methods")), *((code, gettext(word)) for code, word in METHODS.items())],
        providers=[("", gettext("All providers")), *((c, gettext(w)) for c, w in PROVIDERS.items())],
        links=page_links(page, total),
    )


@blueprint.get("/payments/<uuid:payment_id>")
@needs(Permission.SEE_PAYMENTS)
def payment(payment_id: UUID) -> ResponseReturnValue:
    return _show(payment_id, RefundForm(formdata=None))


@blueprint.post("/payments/<uuid:payment_id>/refunds")
@needs(Permission.ASK_REFUND)
def ask_refund(payment_id: UUID) -> ResponseReturnValue:
    """Ask for a refund; somebody else approves it."""
    form, actor = RefundForm(), current_actor()
    if not form.validate() or form.amount.data is None:
        return _show(payment_id, form, 422)
    try:
        with writing(actor) as session:
            refunding.ask(session, actor, payment_id, form.amount.data.minor, form.reason.data)
    except DomainError as refused:
        if refused.field is None:
            raise
        form.refuse(refused)
        return _show(payment_id, form, 422)
    notice(N_("The refund was asked for. A second person approves it."))
    return see_other(url_for("payments.payment", payment_id=payment_id))


@blueprint.post("/payments/<uuid:payment_id>/refunds/<uuid:refund_id>/approve")
@needs(Permission.APPROVE_REFUND)
def approve(payment_id: UUID, refund_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        refunding.approve(session, actor, refund_id)
    notice(N_("Approved: the refund is on its way to the provider."))
    return see_other(url_for("payments.payment", payment_id=payment_id))


@blueprint.post("/payments/<uuid:payment_id>/refunds/<uuid:refund_id>/refuse")
@needs(Permission.ASK_REFUND)
def refuse(payment_id: UUID, refund_id: UUID) -> ResponseReturnValue:
    """Refuse somebody's request, or take back one's own."""
    actor = current_actor()
    with writing(actor) as session:
        refunding.refuse(session, actor, refund_id)
    notice(N_("The refund will not be made."))
    return see_other(url_for("payments.payment", payment_id=payment_id))


@blueprint.get("/payments/look")
@needs(Permission.SEE_PAYMENTS)
def look() -> ResponseReturnValue:
    """What waits for a person: alerts, and refunds to approve."""
    actor = current_actor()
    with reading(actor) as session:
        found = office.alerts(session, actor)
        refunds = office.asked_refunds(session, actor)
    return render("payments/look.html", alerts=found, refunds=refunds, actor=actor, may=_may())


@blueprint.post("/payments/look/<uuid:alert_id>")
@needs(Permission.SEE_PAYMENTS)
def resolve(alert_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        alerts.resolve(session, actor, alert_id)
    notice(N_("Noted as looked at."))
    return see_other(url_for("payments.look"))


def _show(payment_id: UUID, form: RefundForm, status: int = 200) -> Response:
    actor = current_actor()
    with reading(actor) as session:
        one = office.one_payment(session, actor, payment_id)
        refundable = refunding.refundable_minor(session, payment_id)
    form.amount.currency = one.payment.currency
    return render(
        "payments/payment.html",
        one=one,
        payment=one.payment,
        form=form,
        refundable=refundable,
        dashboard=dashboard(one.payment.provider, one.payment.mode, one.payment.provider_ref),
        actor=actor,
        may=_may(),
        status=status,
    )


def _may() -> dict[str, bool]:
    """What the page offers to this person."""
    actor = current_actor()
    return {"ask": actor.may(Permission.ASK_REFUND), "approve": actor.may(Permission.APPROVE_REFUND)}


def _day(name: str) -> date | None:
    return asked.day(name) if request.args.get(name) else None
