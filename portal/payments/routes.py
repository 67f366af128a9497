"""Transfers that were announced, with all the bank needs to know; and payments that came in."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from portal.payments.forms import FileForm
from shared import clock
from shared.actor import Actor
from shared.db import reading, writing
from shared.errors import DomainError, NotFound
from shared.i18n import N_
from shared.money import Money
from shared.payments import announcing, epc_qr, pain001
from shared.rails.queries import live_attempts
from shared.reporting.account import parties
from shared.reporting.transfers import Announced, announced, one_received, received, waiting
from shared.web.access import current_actor, debtor_only
from shared.web.language import gettext
from shared.web.paging import page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("payments", __name__)

# A basket makes a transfer per creditor, payee and currency; no group has more of them at once.
_TRANSFERS_SHOWN = 50


@blueprint.get("/payments")
@debtor_only
def index() -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        on_its_way, attempts = waiting(session, actor), live_attempts(session, actor.customers)
        found = received(session, actor, page=page)
        people = parties(session, actor)
    links = page_links(page, found.total)
    return render(
        "payments/index.html", waiting=on_its_way, attempts=attempts, found=found, links=links, parties=people
    )


@blueprint.get("/payments/received/<uuid:receipt_id>")
@debtor_only
def show(receipt_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        found = one_received(session, actor, receipt_id)
    return render("payments/received.html", payment=found, several_customers=len(actor.customers) > 1)


@blueprint.get("/payments/transfers")
@debtor_only
def transfers() -> ResponseReturnValue:
    """How to pay what was announced: `?id=`, one per transfer."""
    return _transfers(_asked(request.args.getlist("id")), FileForm())


@blueprint.post("/payments/transfers/file")
@debtor_only
def file() -> ResponseReturnValue:
    """The transfers as pain.001 for the debtor's own bank tool. Nothing of it is kept."""
    found, form = _asked(request.form.getlist("id")), FileForm()
    if not form.validate():
        return _transfers(found, form, 422)
    try:
        content = pain001.write(_order(found, form))
    except DomainError as refused:
        form.refuse(refused)
        return _transfers(found, form, 422)
    answer = Response(content, content_type="application/xml; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{found[0].reference}.xml"'
    return answer


@blueprint.get("/payments/transfers/<uuid:payment_id>/cancel")
@debtor_only
def ask_cancel(payment_id: UUID) -> ResponseReturnValue:
    return render("payments/cancel.html", payment=_asked([str(payment_id)])[0])


@blueprint.post("/payments/transfers/<uuid:payment_id>/cancel")
@debtor_only
def cancel(payment_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        announcing.cancel(session, actor, payment_id)
    notice(N_("The announcement is cancelled. What it held can be paid again."))
    return see_other(url_for("payments.index"))


def _transfers(found: list[Announced], form: FileForm, status: int = 200) -> Response:
    actor: Actor = current_actor()
    to_pay = [payment for payment in found if payment.state == "waiting"]
    return render(
        "payments/transfers.html",
        payments=found,
        codes={payment.id: _code(payment) for payment in to_pay},
        in_file=[payment for payment in to_pay if payment.currency == "EUR"],
        form=form,
        several_customers=len(actor.customers) > 1,
        status=status,
    )


def _asked(ids: list[str]) -> list[Announced]:
    try:
        wanted = [UUID(text) for text in ids]
    except ValueError:
        raise NotFound from None
    if not 1 <= len(wanted) <= _TRANSFERS_SHOWN:
        raise NotFound
    actor = current_actor()
    with reading(actor) as session:
        return announced(session, actor, wanted)


def _code(payment: Announced) -> Markup | None:
    """The EPC QR code, where the standard has one for this payment."""
    transfer = epc_qr.TransferCode(
        payment.payee_name, payment.payee_iban, Money(payment.amount_minor, payment.currency),
        reference=payment.reference, bic=payment.payee_bic,
    )  # fmt: skip
    title = gettext(N_("QR code of the transfer to %(name)s"), name=payment.payee_name)
    try:
        return Markup(epc_qr.svg(transfer, title))  # noqa: S704 - drawn by us, its title escaped
    except epc_qr.NoQrCode:
        return None


def _order(found: list[Announced], form: FileForm) -> pain001.Order:
    to_pay = [p for p in found if p.state == "waiting" and p.currency == "EUR"]
    now = clock.now()
    return pain001.Order(
        message_id=f"{to_pay[0].reference if to_pay else 'none'}-{now:%y%m%d%H%M%S}"[:35],
        created_at=now,
        debtor_name=form.name.data,
        debtor_iban=form.iban.data,
        execute_on=max([clock.today(), *(p.expected_on for p in to_pay)]),
        transfers=tuple(
            pain001.Transfer(
                creditor_name=p.payee_name,
                creditor_iban=p.payee_iban,
                amount=Money(p.amount_minor, p.currency),
                end_to_end_id=p.reference,
                reference=p.reference,
                creditor_bic=p.payee_bic,
            )
            for p in to_pay
        ),
    )
