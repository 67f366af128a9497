"""The first ring: who may come in. Every endpoint says so with one decorator; nothing is open by accident.

A decorator only marks the view; the hook below enforces the mark before the view, and `refuse_undeclared`
makes an app with an unmarked endpoint refuse to start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from shared.actor import Actor, Permission
from shared.errors import ConfigurationError, NotAllowed

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """What a view declares: open to everybody, to one kind of actor, or to a permission."""

    public: bool = False
    kind: str | None = None
    permission: Permission | None = None

    def admits(self, actor: Actor) -> bool:
        kind_fits = self.kind is None or actor.kind == self.kind
        return kind_fits and (self.permission is None or actor.may(self.permission))


def public(view: View) -> View:
    """Open to anybody: login, health, assets. The list of these stays short."""
    return _declare(view, Access(public=True))


def debtor_only(view: View) -> View:
    """Open to a debtor's person; what they see is scoped by the queries and the database."""
    return _declare(view, Access(kind="debtor"))


def staff_only(view: View) -> View:
    """Open to each of the creditor's people, whatever their role: their own account, signing out."""
    return _declare(view, Access(kind="staff"))


def needs(permission: Permission) -> Callable[[View], View]:
    """Open to whoever holds the permission."""
    return lambda view: _declare(view, Access(permission=permission))


def _declare(view: View, access: Access) -> View:
    view.access = access  # type: ignore[attr-defined]
    return view


def declared(app: Flask, endpoint: str) -> Access | None:
    """What the endpoint declares, or None."""
    found = getattr(app.view_functions[endpoint], "access", None)
    return found if isinstance(found, Access) else None


def refuse_undeclared(app: Flask) -> None:
    """Deny by default, at start: better no app than an open door."""
    if missing := sorted(name for name in app.view_functions if declared(app, name) is None):
        raise ConfigurationError(
            "These endpoints of “%(app)s” do not declare who may come in: %(endpoints)s.",
            app=app.name,
            endpoints=", ".join(missing),
        )


def install(app: Flask, load_actor: Callable[[], Actor | None], login: str) -> None:
    """Before each view: learn who asks, and let them in only if the view's declaration does."""

    def guard() -> ResponseReturnValue | None:
        g.actor = None
        if request.endpoint is None:  # no such address: the 404 page asks nobody who they are
            return None
        access = declared(app, request.endpoint)
        if access is None:
            raise NotAllowed
        if request.blueprint not in ("assets", "health"):
            g.actor = load_actor()
        if access.public:
            return None
        if g.actor is None:
            return _to_login(login)
        if not access.admits(g.actor):
            raise NotAllowed
        return None

    app.before_request(guard)


def current_actor() -> Actor:
    """Who asks, in a view that is not public."""
    actor = visitor()
    if actor is None:
        raise NotAllowed
    return actor


def visitor() -> Actor | None:
    """Who asks, or None when nobody has signed in."""
    found = g.get("actor")
    return found if isinstance(found, Actor) else None


def safe_next(url: str | None, otherwise: str) -> str:
    """Where to go after login: a path of this app, never another site (open redirect)."""
    clean = url or ""
    if not clean.startswith("/") or clean.startswith(("//", "/\\")) or any(ord(c) < 32 for c in clean):
        return otherwise
    return clean


def _to_login(login: str) -> Response:
    if request.headers.get("HX-Request"):
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        answer = make_response("", 401)
        answer.headers["HX-Redirect"] = url_for(login, next=_wanted(page.path, page.query))
        return answer
    # What was posted is not repeated after login; the person starts again from the app's first page.
    wanted = _wanted(request.path, request.query_string.decode("ascii", "ignore")) if _reads() else None
    return make_response(redirect(url_for(login, next=wanted), 303))


def _reads() -> bool:
    return request.method in ("GET", "HEAD")


def _wanted(path: str, query: str) -> str | None:
    whole = f"{path}?{query}" if query else path
    return whole if path not in ("", "/") else None
