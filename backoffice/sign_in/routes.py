"""Sign in by password and code; choose a password by the link that was mailed."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from backoffice.sign_in.forms import ChooseForm, CodeForm, PasswordForm
from backoffice.sign_in.qr import qr_code
from shared import db
from shared.actor import DOORKEEPER, Actor
from shared.errors import DomainError
from shared.identity import limits, links, staff_sign_in, web
from shared.identity.secret import hash_of
from shared.web.access import current_actor, public, safe_next, staff_only, visitor
from shared.web.render import notice, render, see_other

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
@public
def password() -> ResponseReturnValue:
    if visitor() is not None:
        return see_other(_wanted())
    return _asking(PasswordForm())


@blueprint.post("/sign-in")
@public
def password_submit() -> ResponseReturnValue:
    form = PasswordForm()
    if not form.validate():
        return _asking(form, 422)
    limits.spend("sign_in", form.email.data)
    try:
        with db.writing(DOORKEEPER) as session:
            cookie = staff_sign_in.check_password(
                session,
                form.email.data,
                form.password.data,
                user_agent=web.user_agent(),
                replacing=web.cookie(),
            )
    except staff_sign_in.SignInRefused as error:
        form.refuse(error)
        return _asking(form, 422)
    return _to_code(cookie, _wanted())


@blueprint.get("/sign-in/code")
@public
def code() -> ResponseReturnValue:
    visit = web.half_way()
    return _asking_code(CodeForm(), visit.actor) if visit else _too_late()


@blueprint.post("/sign-in/code")
@public
def code_submit() -> ResponseReturnValue:
    form, visit = CodeForm(), web.half_way()
    if visit is None:
        return _too_late()
    if not form.validate():
        return _asking_code(form, visit.actor, 422)
    limits.spend("code", str(visit.actor.id))
    try:
        with db.writing(DOORKEEPER) as session:
            cookie = staff_sign_in.check_code(
                session,
                visit.actor,
                form.code.data,
                user_agent=web.user_agent(),
                replacing=web.cookie(),
            )
    except staff_sign_in.CodeRefused as error:
        form.refuse(error)
        return _asking_code(form, visit.actor, 422)
    return web.enter(see_other(_wanted()), cookie)


@blueprint.get(f"{links.PATH}<secret>")
@public
def link(secret: str) -> ResponseReturnValue:
    """Changes nothing: mail scanners follow links before people do."""
    try:
        with db.reading(DOORKEEPER) as session:
            opened = links.look_at(session, "backoffice", secret)
    except links.LinkSpent:
        return render("sign_in/spent.html", status=410)
    if opened.purpose == "sign_in":
        return render("sign_in/confirm.html", secret=secret)
    return render("sign_in/choose.html", secret=secret, form=ChooseForm())


@blueprint.post(f"{links.PATH}<secret>/password")
@public
def choose(secret: str) -> ResponseReturnValue:
    limits.spend("link", hash_of(secret))
    form = ChooseForm()
    try:
        with db.reading(DOORKEEPER) as session:
            links.look_at(session, "backoffice", secret)
        if not form.validate():
            return render("sign_in/choose.html", secret=secret, form=form, status=422)
        with db.writing(DOORKEEPER) as session:
            cookie = staff_sign_in.set_password(
                session, secret, form.password.data, user_agent=web.user_agent()
            )
    except links.LinkSpent:
        return render("sign_in/spent.html", status=410)
    except DomainError as error:
        form.refuse(error)
        return render("sign_in/choose.html", secret=secret, form=form, status=422)
    return _to_code(cookie, "/")


@blueprint.post(f"{links.PATH}<secret>")
@public
def redeem(secret: str) -> ResponseReturnValue:
    """The demo's one click; in production no such link exists or works."""
    limits.spend("link", hash_of(secret))
    try:
        with db.writing(DOORKEEPER) as session:
            cookie, next_path = staff_sign_in.sign_in_by_link(
                session, secret, user_agent=web.user_agent(), replacing=web.cookie()
            )
    except links.LinkSpent:
        return render("sign_in/spent.html", status=410)
    return web.enter(see_other(safe_next(next_path, "/")), cookie)


@blueprint.post("/sign-out")
@public
def leave() -> ResponseReturnValue:
    return web.leave(see_other(url_for("sign_in.password")))


@blueprint.post("/sign-out/everywhere")
@staff_only
def leave_everywhere() -> ResponseReturnValue:
    with db.writing(current_actor()) as session:
        staff_sign_in.sign_out_everywhere(session, current_actor())
    answer = web.forget(see_other(url_for("sign_in.password")))
    notice("You are signed out on all devices.")
    return answer


def _to_code(cookie: str, wanted: str) -> Response:
    return web.enter(see_other(url_for("sign_in.code", next=wanted if wanted != "/" else None)), cookie)


def _asking(form: PasswordForm, status: int = 200) -> Response:
    return render("sign_in/password.html", form=form, wanted=_wanted(), status=status)


def _asking_code(form: CodeForm, actor: Actor, status: int = 200) -> Response:
    with db.reading(DOORKEEPER) as session:
        enrolment = staff_sign_in.enrolment(session, actor)
    qr = qr_code(enrolment.uri) if enrolment else None
    return render("sign_in/code.html", form=form, wanted=_wanted(), enrolment=enrolment, qr=qr, status=status)


def _too_late() -> Response:
    notice("Start again with your password: the sign-in took too long.", "info")
    return see_other(url_for("sign_in.password"))


def _wanted() -> str:
    return safe_next(request.values.get("next"), "/")
