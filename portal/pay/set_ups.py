"""A card or a mandate being kept with a provider, without paying: the form's own page, and the way back from it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from portal.pay.away import leaving_for, provider_page
from portal.pay.leaving import leaves_now
from portal.pay.polling import delay_after, tries
from shared.db import reading, writing
from shared.rails import setting_up
from shared.rails.on_file import Form, form
from shared.web.access import current_actor, debtor_only
from shared.web.render import render, see_other, wants_fragment

blueprint = Blueprint("set_ups", __name__)

_PATIENCE = 10


@blueprint.get("/pay/set-ups/<uuid:set_up_id>")
@debtor_only
def show(set_up_id: UUID) -> ResponseReturnValue:
    found = _found(set_up_id)
    page = _page(found)
    if (away := provider_page(found.step)) and leaves_now(set_up_id):
        return leaving_for(page, away)
    return page


@blueprint.get("/pay/set-ups/<uuid:set_up_id>/live")
@debtor_only
def live(set_up_id: UUID) -> ResponseReturnValue:
    found = _found(set_up_id)
    if not wants_fragment():
        return see_other(url_for(".show", set_up_id=set_up_id))
    if (away := provider_page(found.step)) and leaves_now(set_up_id):
        return see_other(away)
    return _page(found, fragment="_set_up_live.html")


@blueprint.get("/pay/set-ups/<uuid:set_up_id>/back")
@debtor_only
def back(set_up_id: UUID) -> ResponseReturnValue:
    """Where the provider sends whoever finished its form."""
    return _page(_found(set_up_id), returned=True)


@blueprint.get("/pay/set-ups/<uuid:set_up_id>/left")
@debtor_only
def left(set_up_id: UUID) -> ResponseReturnValue:
    """Where the provider sends whoever left its form; perhaps they had finished it before."""
    return _page(_found(set_up_id), returned=True)


@blueprint.post("/pay/set-ups/<uuid:set_up_id>/look")
@debtor_only
def look(set_up_id: UUID) -> ResponseReturnValue:
    actor, address = current_actor(), url_for(".show", set_up_id=set_up_id)
    with writing(actor) as session:
        setting_up.look(session, actor, set_up_id)
    if not wants_fragment():
        return see_other(address)
    answer = _page(_found(set_up_id), fragment="_set_up_live.html")
    answer.headers["HX-Replace-Url"] = address
    return answer


def _found(set_up_id: UUID) -> Form:
    actor = current_actor()
    with reading(actor) as session:
        return form(session, actor, set_up_id)


def _page(found: Form, *, returned: bool = False, fragment: str | None = None) -> Response:
    asked, before = tries(request), request.values.get("seen", "")
    here = f"{found.state}-{found.step['kind'] if found.step else ''}"
    # Who came back waits for news; when there is none, the page offers the form again.
    waiting = found.live and (returned or (before == f"back-{here}" and asked < _PATIENCE))
    seen = f"back-{here}" if waiting else here
    return render(
        "pay/set_up.html",
        fragment=fragment,
        form=found,
        seen=seen,
        changed=before != seen,
        tries=asked + 1,
        delay=delay_after(asked),
        returned=waiting,
        asks_for_look=returned,
        provider_page=provider_page(found.step),
    )
