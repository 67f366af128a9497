"""The third step: how to pay. Each basket is paid for itself, one after the other; transfers can go together."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from werkzeug.datastructures import MultiDict

from portal.pay.forms import DayForm
from portal.pay.leaving import keep_rest, will_leave
from portal.pay.selection import as_shown, carried, chosen_anew, fields, fingerprint, selection
from shared import clock
from shared.db import reading, writing
from shared.errors import DomainError, NotFound
from shared.i18n import N_
from shared.payments.announcing import announce, hold_account
from shared.payments.queries import announced_as, payables
from shared.payments.rules import Choice
from shared.rails import starting
from shared.rails.queries import parts_of, running
from shared.rails.ways import TRANSFER, Ways, ways_of
from shared.reporting.account import parties
from shared.web.access import current_actor, debtor_only
from shared.web.errors import told
from shared.web.language import language
from shared.web.render import notice, render, see_other

blueprint = Blueprint("how", __name__)

_CHANGED = N_("The amounts are not the ones shown before. Look at the totals, then confirm.")


@blueprint.get("/pay/how")
@debtor_only
def ask() -> ResponseReturnValue:
    """How to pay what the address names; `?again=`: what an attempt that came to nothing was to pay."""
    if "again" in request.args:
        return _asking(_chosen_before(request.args["again"]))
    return _asking(request.args)


@blueprint.post("/pay/how")
@debtor_only
def go_on() -> ResponseReturnValue:
    """From the second step: only the totals that were shown there go on unremarked."""
    return _asking(request.form, as_seen=True)


@blueprint.get("/pay/start")
@debtor_only
def start_again() -> ResponseReturnValue:
    """The bare address of a form that was refused."""
    return see_other(url_for("pay.index"))


@blueprint.post("/pay/start")
@debtor_only
def start() -> ResponseReturnValue:
    """Pay one basket, exactly as shown, the way that was chosen; the same form sent again leads to the same page."""
    day = DayForm()
    if request.form.get("way") == TRANSFER and not day.validate():
        return _asking(request.form, day, status=422)
    try:
        address = _start(day)
    except DomainError as refused:
        return _asking(request.form, day, refused=refused)
    return see_other(address) if address else _asking(request.form, day, refused=DomainError(_CHANGED))


def _start(day: DayForm) -> str | None:
    """Where the payment goes on; None: what was shown is not what would be paid now, so nothing was started."""
    actor, wanted = current_actor(), request.form.get("way", "")
    shown = fingerprint(request.form.get("basket", ""))
    with writing(actor) as session:
        hold_account(session, actor)
        if (known := running(session, actor, shown)) is not None:
            return _payment(known)
        if waiting := announced_as(session, actor, [shown]):
            return _transfer(waiting[0].id)
        chosen = selection(request.form, payables(session, actor), clock.today())
        basket = next((each for each in chosen.baskets() if each.fingerprint == shown), None)
        if basket is None:
            return None
        choices = [Choice(part.item_id, minor) for part, minor in basket.parts]
        if wanted == TRANSFER:
            made = announce(session, actor, choices, day.day.data)[0].id
        else:
            (found,) = ways_of(session, actor, [basket])
            terms = found.way(wanted).terms(language(), found.numbers, save="save" in request.form)
            made = starting.pay(session, actor, choices, terms)
    keep_rest(made, fields(chosen, without=basket))
    if wanted == TRANSFER:
        return _transfer(made)
    will_leave(made)
    return _payment(made)


def _asking(
    form: MultiDict[str, str],
    day: DayForm | None = None,
    *,
    refused: DomainError | None = None,
    as_seen: bool = False,
    status: int = 200,
) -> Response:
    """The step with what a form chose. `as_seen`: the form says which totals its reader saw before."""
    actor = current_actor()
    found: list[Ways] = []
    with reading(actor) as session:
        chosen = selection(form, payables(session, actor), clock.today())
        people = parties(session, actor)
        try:
            found = ways_of(session, actor, made := chosen.baskets())
            if as_seen and not as_shown(form, made):
                refused = DomainError(_CHANGED)
        except DomainError as error:
            refused = refused or error
    if not chosen.debits:
        notice(N_("Choose at least one invoice to pay."), "info")
        return see_other(url_for("pay.index"))
    return render(
        "pay/how.html",
        baskets=found,
        wanted=form.get("way", TRANSFER),
        pressed=form.get("basket", ""),
        carried=carried(form),
        refused=told(refused) if refused else None,
        form=day or DayForm(formdata=None),
        parties=people,
        today=clock.today(),
        status=status if refused is None else 422,
    )


def _chosen_before(text: str) -> MultiDict[str, str]:
    """The form that chooses again what an attempt was to pay, as far as it is still open."""
    try:
        payment_id = UUID(text)
    except ValueError:
        raise NotFound from None
    actor = current_actor()
    with reading(actor) as session:
        choices = parts_of(session, actor, payment_id)
        return MultiDict(fields(chosen_anew(choices, payables(session, actor))))


def _payment(payment_id: UUID) -> str:
    return url_for("pay.attempts.show", payment_id=payment_id)


def _transfer(payment_id: UUID) -> str:
    return url_for("payments.transfers", id=str(payment_id))
