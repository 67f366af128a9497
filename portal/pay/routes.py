"""Choose, check, then announce a transfer or choose how to pay. Every step is worked out from the form alone: nothing
waits on the server in between."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from portal import account_changes
from portal.pay import attempts, how, on_file, set_ups
from portal.pay.forms import DayForm
from portal.pay.selection import ALL, OVERDUE, Selection, as_shown, offered, selection, shown
from shared import clock
from shared.actor import Actor
from shared.creditors.queries import told_changes
from shared.db import reading, writing
from shared.errors import DomainError
from shared.i18n import N_
from shared.payments.announcing import announce, hold_account
from shared.payments.queries import announced_as, payables
from shared.payments.rules import Basket, Payable
from shared.rails.ways import only_by_transfer
from shared.reporting.account import Parties, parties
from shared.web.access import current_actor, debtor_only
from shared.web.errors import told
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("pay", __name__)
for _part in (how, attempts, set_ups, on_file):
    blueprint.register_blueprint(_part.blueprint)

# Credits are offered oldest first; who has more uses these first.
_CREDITS_SHOWN = 20


@blueprint.get("/pay")
@debtor_only
def index() -> ResponseReturnValue:
    """The first step: everything, what is past its due date, or these."""
    found, people = _account()
    today, page = clock.today(), page_number()
    owed = [p for p in found if p.free_minor > 0]
    return render(
        "pay/index.html",
        offers=[(how, _sums(offered(found, how, today))) for how in (ALL, OVERDUE)],
        rows=owed[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        links=page_links(page, len(owed)),
        unconfirmed=[p for p in owed if p.payee is None][:PAGE_SIZE],
        ticked=set(request.args.getlist("item")),
        parties=people,
        today=today,
    )


@blueprint.get("/pay/check")
@debtor_only
def check() -> ResponseReturnValue:
    """The second step: amounts, credits, the day, one summary per transfer. It has an address: Back leads here."""
    actor = current_actor()
    with reading(actor) as session:
        found, people = payables(session, actor), parties(session, actor)
        chosen = selection(request.args, found, clock.today())
        made = _baskets(chosen)
        by_transfer = only_by_transfer(session, actor, made)
        account_changes.known(told_changes(session, actor))
    if not chosen.debits:
        notice(N_("Choose at least one invoice to pay."), "info")
        return see_other(url_for("pay.index"))
    return _checking(chosen, people, DayForm(formdata=None), by_transfer=by_transfer)


@blueprint.post("/pay/check")
@debtor_only
def summary() -> ResponseReturnValue:
    """The second step with what was changed in it; htmx asks for the summary alone."""
    found, people = _account()
    form = DayForm() if "day" in request.form else DayForm(formdata=None)
    chosen = selection(request.form, found, clock.today())
    return _checking(chosen, people, form, by_transfer="day" in request.form)


@blueprint.get("/pay/confirm")
@debtor_only
def start_again() -> ResponseReturnValue:
    """The bare address of a form that was refused."""
    return see_other(url_for("pay.index"))


@blueprint.post("/pay/confirm")
@debtor_only
def confirm() -> ResponseReturnValue:
    """Announce exactly what was shown; the same form sent again leads to the same transfers."""
    actor, form = current_actor(), DayForm()
    if not form.validate():
        found, people = _account()
        return _checking(selection(request.form, found, clock.today()), people, form, status=422)
    try:
        with writing(actor) as session:
            hold_account(session, actor)
            made = announced_as(session, actor, shown(request.form))
            if not made:
                chosen = selection(request.form, payables(session, actor), clock.today())
                if as_shown(request.form, chosen.baskets()):
                    made = announce(session, actor, chosen.choices, form.day.data)
    except DomainError as refused:
        found, people = _account()
        return _checking(
            selection(request.form, found, clock.today()), people, form, refused=refused, status=422
        )
    if made:
        return see_other(url_for("payments.transfers", id=[str(payment.id) for payment in made]))
    found, people = _account()
    notice(N_("The amounts are not the ones shown before. Look at the totals, then confirm."), "info")
    return _checking(selection(request.form, found, clock.today()), people, form)


def _checking(
    chosen: Selection,
    people: Parties,
    form: DayForm,
    *,
    refused: DomainError | None = None,
    by_transfer: bool = True,
    status: int = 200,
) -> Response:
    """`by_transfer`: there is no other way, so that the next step is the transfer itself."""
    made: list[Basket] = []
    try:
        made = chosen.baskets()
    except DomainError as error:
        refused = refused or error
    rows = [chosen.payables[i] for i in _listed(chosen)]
    return render(
        "pay/check.html",
        fragment="_summary.html",
        chosen=chosen,
        rows=rows[:PAGE_SIZE],
        unseen=rows[PAGE_SIZE:],
        credits=chosen.credits[:_CREDITS_SHOWN],
        credits_unseen=max(len(chosen.credits) - _CREDITS_SHOWN, 0),
        baskets=made,
        refused=told(refused) if refused else None,
        wrong={item_id: told(error) for item_id, error in chosen.refused.items()},
        form=form,
        by_transfer=by_transfer,
        parties=people,
        today=clock.today(),
        status=status if refused is None else 422,
    )


def _baskets(chosen: Selection) -> list[Basket]:
    """What would be paid; a selection that cannot be is refused where it is shown."""
    try:
        return chosen.baskets()
    except DomainError:
        return []


def _account() -> tuple[list[Payable], Parties]:
    actor: Actor = current_actor()
    with reading(actor) as session:
        return payables(session, actor), parties(session, actor)


def _listed(chosen: Selection) -> list[UUID]:
    """The invoices the form lists: the chosen ones, and those it listed before and were unticked since."""
    listed = set(request.form.getlist("shown"))
    return [
        p.item_id
        for p in chosen.payables.values()
        if p.free_minor > 0 and (p.item_id in chosen.amounts or str(p.item_id) in listed)
    ]


def _sums(found: list[Payable]) -> dict[str, tuple[int, int]]:
    """How many and how much, per currency."""
    sums: dict[str, tuple[int, int]] = {}
    for payable in found:
        count, minor = sums.get(payable.currency, (0, 0))
        sums[payable.currency] = (count + 1, minor + payable.free_minor)
    return sums
