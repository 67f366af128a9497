"""Sign in by a link in a mail: ask for it, follow it, press its one button."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from portal.sign_in.forms import AskForm
from shared import db
from shared.actor import VISITOR
from shared.errors import DomainError
from shared.identity import debtor_sign_in, limits, links, web
from shared.identity.secret import hash_of
from shared.web.access import public, safe_next, visitor
from shared.web.language import language
from shared.web.render import render, see_other

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
@public
def ask() -> ResponseReturnValue:
    if visitor() is not None:
        return see_other(_wanted())
    return _asking(AskForm())


@blueprint.post("/sign-in")
@public
def ask_submit() -> ResponseReturnValue:
    form = AskForm()
    if not form.validate():
        return _asking(form, 422)
    limits.spend("link_request", form.email.data)
    try:
        with db.writing(VISITOR) as session:
            debtor_sign_in.request_sign_in_link(session, form.email.data, language(), _wanted())
    except DomainError as error:
        form.refuse(error)
        return _asking(form, 422)
    return see_other(url_for("sign_in.sent"))


@blueprint.get("/sign-in/sent")
@public
def sent() -> ResponseReturnValue:
    return render("sign_in/sent.html")


@blueprint.get(f"{links.PATH}<secret>")
@public
def confirm(secret: str) -> ResponseReturnValue:
    """Changes nothing: mail scanners follow links before people do."""
    try:
        with db.reading(VISITOR, presenting=hash_of(secret)) as session:
            links.look_at(session, "portal", secret)
    except links.LinkSpent:
        return render("sign_in/spent.html", status=410)
    return render("sign_in/confirm.html", secret=secret)


@blueprint.post(f"{links.PATH}<secret>")
@public
def redeem(secret: str) -> ResponseReturnValue:
    limits.spend("link", hash_of(secret))
    try:
        with db.writing(VISITOR, presenting=hash_of(secret)) as session:
            cookie, next_path = debtor_sign_in.sign_in_by_link(
                session, secret, user_agent=web.user_agent(), replacing=web.cookie()
            )
    except links.LinkSpent:
        return render("sign_in/spent.html", status=410)
    return web.enter(see_other(safe_next(next_path, "/")), cookie)


@blueprint.post("/sign-out")
@public
def leave() -> ResponseReturnValue:
    return web.leave(see_other(url_for("sign_in.ask")))


def _asking(form: AskForm, status: int = 200) -> Response:
    return render("sign_in/ask.html", form=form, wanted=_wanted(), status=status)


def _wanted() -> str:
    return safe_next(request.values.get("next"), "/")
