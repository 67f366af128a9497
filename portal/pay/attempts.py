"""One payment over a rail, followed live: one address for all its states.

Nothing is asked of a provider here. The worker speaks to it and writes what it says; this page shows that, and on the
payer's return asks for a look. What the provider put into the return address is never believed.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from portal.pay import bank_details, card_form
from portal.pay.away import leaving_for, provider_page
from portal.pay.leaving import leaves_now, rest_after, will_leave
from portal.pay.polling import delay_after, tries
from shared.db import reading, writing
from shared.rails import starting
from shared.rails.queries import Attempt, attempt, receipt_of
from shared.rails.rules import declined
from shared.rails.snapshot import Method
from shared.web.access import current_actor, debtor_only
from shared.web.language import gettext, language
from shared.web.render import render, see_other, wants_fragment

blueprint = Blueprint("attempts", __name__)

# So many questions, about 15 s, until we no longer wait for the provider's news of a payer who came back.
_PATIENCE = 10


@blueprint.get("/pay/payments/<uuid:payment_id>")
@debtor_only
def show(payment_id: UUID) -> ResponseReturnValue:
    found, receipt = _found(payment_id)
    page = _page(found, receipt)
    if (away := provider_page(found.step)) and leaves_now(payment_id):
        return leaving_for(page, away)
    return page


@blueprint.get("/pay/payments/<uuid:payment_id>/live")
@debtor_only
def live(payment_id: UUID) -> ResponseReturnValue:
    """Asked again and again by the open page; the state comes along only when it is another one than `seen`."""
    found, receipt = _found(payment_id)
    if not wants_fragment():
        return see_other(url_for(".show", payment_id=payment_id))
    if (away := provider_page(found.step)) and leaves_now(payment_id):
        return see_other(away)
    return _page(found, receipt, fragment="_live.html")


@blueprint.get("/pay/payments/<uuid:payment_id>/back")
@debtor_only
def back(payment_id: UUID) -> ResponseReturnValue:
    """Where the provider sends the payer: shows what we know, and has the page ask for a look."""
    found, receipt = _found(payment_id)
    return _page(found, receipt, returned=True)


@blueprint.post("/pay/payments/<uuid:payment_id>/look")
@debtor_only
def look(payment_id: UUID) -> ResponseReturnValue:
    actor, address = current_actor(), url_for(".show", payment_id=payment_id)
    with writing(actor) as session:
        starting.look(session, actor, payment_id)
    if not wants_fragment():
        return see_other(address)
    found, receipt = _found(payment_id)
    answer = _page(found, receipt, fragment="_live.html")
    # The provider's return address holds a secret of the payment: it does not stay in the address bar.
    answer.headers["HX-Replace-Url"] = address
    return answer


@blueprint.get("/pay/payments/<uuid:payment_id>/cancel")
@debtor_only
def ask_cancel(payment_id: UUID) -> ResponseReturnValue:
    """The question, where no script asks it."""
    return render("pay/cancel.html", payment=_found(payment_id)[0])


@blueprint.post("/pay/payments/<uuid:payment_id>/cancel")
@debtor_only
def cancel(payment_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        starting.cancel(session, actor, payment_id)
    return see_other(url_for(".show", payment_id=payment_id))


@blueprint.post("/pay/payments/<uuid:payment_id>/again")
@debtor_only
def again(payment_id: UUID) -> ResponseReturnValue:
    """A new attempt over the same, the same way."""
    actor = current_actor()
    with writing(actor) as session:
        made = starting.again(session, actor, payment_id, language())
    will_leave(made)
    return see_other(url_for(".show", payment_id=made))


def _found(payment_id: UUID) -> tuple[Attempt, UUID | None]:
    actor = current_actor()
    with reading(actor) as session:
        found = attempt(session, actor, payment_id)
        return found, None if found.live else receipt_of(session, payment_id)


def _page(
    found: Attempt, receipt: UUID | None, *, returned: bool = False, fragment: str | None = None
) -> Response:
    asked, before = tries(request), request.values.get("seen", "")
    # Who came back waits for news; when there is none, the page says again what can be done.
    waiting = returned or (before == _just_back(found) and asked < _PATIENCE)
    seen = _just_back(found) if waiting and found.live else _seen(found)
    answer = render(
        "pay/attempt.html",
        fragment=fragment,
        payment=found,
        seen=seen,
        changed=before != seen,
        tries=asked + 1,
        delay=delay_after(asked),
        returned=waiting and found.live,
        asks_for_look=returned,
        receipt=receipt,
        rest=rest_after(found.id),
        provider_page=provider_page(found.step),
        bank=bank_details.read(found),
        declined=gettext(declined(found.decline)) if found.decline else None,
        script=card_form.script(),
        with_card_form=_takes_form(found),
    )
    return card_form.admit(answer) if _takes_form(found) else answer


def _takes_form(found: Attempt) -> bool:
    """Whether the provider's form is on this page now, or will be swapped into it."""
    elsewhere = found.method in (Method.CARD_PAGE, Method.VIRTUAL_IBAN)
    return found.live and found.provider == "stripe" and not elsewhere


def _seen(found: Attempt) -> str:
    """What stands on the page. A card form is left alone while somebody fills it in: it tells refusals itself."""
    if found.step and found.step["kind"] == "client_secret" and not found.cancelling:
        return "form"
    return f"{found.version}{'-cancelling' if found.cancelling else ''}"


def _just_back(found: Attempt) -> str:
    return f"back-{found.version}"
