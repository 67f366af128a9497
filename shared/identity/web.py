"""The sign-in of both apps: flask-login over our own sessions.

app = make_app(..., load_actor=web.load_actor, person_language=web.person_language, ready=web.ready("portal"))
web.install(app, "portal")
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Request, Response, current_app, g, request
from flask import session as flask_session
from flask_login import LoginManager, UserMixin, current_user

from shared import db
from shared.actor import DOORKEEPER, VISITOR, Actor
from shared.config import settings
from shared.identity import limits, sessions
from shared.identity.rules import SESSION_LIVES
from shared.identity.secret import hash_of
from shared.identity.sessions import Visit

# Who opens the door before it is known who comes: in the portal a visitor, whom row-level security shows nothing
# but the link or session whose secret they present.
_STRANGER = {"portal": VISITOR, "backoffice": DOORKEEPER}


class Person(UserMixin):  # type: ignore[misc]
    """Whom the cookie belongs to, as flask-login wants it."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.id = str(visit.actor.id)

    @property
    def is_authenticated(self) -> bool:
        return self.visit.complete


def install(app: Flask, audience: str) -> None:
    """Recognise cookies and count attempts. After `make_app`."""
    app.extensions["audience"] = audience
    manager = LoginManager(app)
    manager.session_protection = (
        None  # the cookie is bound to a row of ours; an address may change on the way
    )
    manager.request_loader(_person_of)
    limits.install(app, audience)


def ready(audience: str) -> Callable[[], bool]:
    """Whether the database answers this app's role."""

    def answers() -> bool:
        with db.reading(_STRANGER[audience]) as session:
            return sessions.find(session, audience, "") is None

    return answers


def load_actor() -> Actor | None:
    """Who asks: nobody until the last step of the sign-in."""
    return current_user.visit.actor if current_user.is_authenticated else None


def person_language() -> str | None:
    """The language saved for who asks, if that is already known."""
    user = g.get("_login_user")
    return user.visit.language if isinstance(user, Person) else None


def half_way() -> Visit | None:
    """Whose password was right and whose code is still to come."""
    user = current_user._get_current_object()
    return user.visit if isinstance(user, Person) and not user.visit.complete else None


def stranger() -> Actor:
    """Who opens the door of this app before it is known who comes."""
    return _STRANGER[current_app.extensions["audience"]]


def cookie() -> str:
    """The session's secret that the browser presents, or nothing."""
    return request.cookies.get(_cookie_name(), "")


def user_agent() -> str | None:
    return request.headers.get("User-Agent")


def enter(response: Response, secret: str) -> Response:
    """Hand out the cookie of a new session; nothing from before the login survives it, the CSRF token included."""
    flask_session.clear()
    response.set_cookie(
        _cookie_name(),
        secret,
        max_age=int(SESSION_LIVES.total_seconds()),
        secure=settings().production,
        httponly=True,
        samesite="Lax",
    )
    return response


def leave(response: Response) -> Response:
    """End the session of this browser, and take its cookie back."""
    if secret := cookie():
        with db.writing(stranger(), presenting=hash_of(secret)) as session:
            sessions.end(session, stranger(), secret)
    return forget(response)


def forget(response: Response) -> Response:
    """Take the cookie back."""
    flask_session.clear()
    response.delete_cookie(_cookie_name(), secure=settings().production, httponly=True, samesite="Lax")
    return response


def _cookie_name() -> str:
    # Two names, because the two apps may be two ports of one host, and cookies do not tell ports apart.
    name = f"{current_app.extensions['audience']}-session"
    return f"__Host-{name}" if settings().production else name


def _person_of(_request: Request) -> Person | None:
    secret = cookie()
    if not secret:
        return None
    audience = current_app.extensions["audience"]
    with db.reading(stranger(), presenting=hash_of(secret)) as session:
        visit = sessions.find(session, audience, secret)
    if visit is None:
        return None
    if visit.unseen_for_long:
        with db.writing(stranger(), presenting=visit.secret_hash) as session:
            sessions.seen(session, visit)
    return Person(visit)
