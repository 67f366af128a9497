"""`make_app`: what the portal and the back office have in common, so that neither can forget a part of it.

app = make_app(
    "portal", title="Quittance", blueprints=[login, invoices], nav=[NavItem(N_("Invoices"), "invoices.index", "invoice")],
    load_actor=actor_of_session, ready=database_answers, login="login.page", logout="login.leave",
)
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Flask
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from shared.actor import Actor
from shared.config import Settings, settings
from shared.web import access, access_log, assets, errors, headers, health, language, packing, render, shell

MEGABYTE = 1024 * 1024


def make_app(
    name: str,
    *,
    title: str,
    blueprints: Sequence[Blueprint],
    load_actor: Callable[[], Actor | None],
    ready: Callable[[], bool],
    login: str,
    logout: str,
    nav: Sequence[shell.NavItem] = (),
    home: str | None = None,
    person_language: Callable[[], str | None] = lambda: None,
    max_upload: int = 256 * MEGABYTE,
    config: Mapping[str, Any] | None = None,
) -> Flask:
    """A Flask app that serves `blueprints` behind the access ring; refuses to start when one endpoint is undeclared.

    `name` is the app's package and names its cookies and keys; `login`, `logout`, `home` are endpoints;
    `load_actor` answers who is asking (None: nobody yet); `ready` whether the database answers;
    `person_language` the language saved for who has signed in; `max_upload` bounds every request's bytes.
    """
    app = Flask(name, static_folder=None)
    app.config.update(_configuration(name, settings(), max_upload), **(config or {}))
    if proxies := settings().trusted_proxies:
        # Rate limits count places: without this all visitors would come from the proxy.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_blueprint(assets.blueprint)
    app.register_blueprint(health.blueprint(ready))
    packing.install(app)  # what is installed first comes last on the way out
    # The order is the order in which each request passes: named and timed, language, who, may they, CSRF.
    access_log.install(app)
    language.install(app, person_language)
    access.install(app, load_actor, login)
    CSRFProtect(app)
    headers.install(app, settings().production)
    errors.install(app)
    render.install(app)
    shell.install(app, title=title, nav=nav, home=home, logout=logout)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    access.refuse_undeclared(app)
    return app


def _configuration(name: str, given: Settings, max_upload: int) -> dict[str, Any]:
    prefix = "__Host-" if given.production else ""
    return {
        # A key per app: a cookie signed by one means nothing to the other.
        "SECRET_KEY": hmac.new(given.secret.encode(), name.encode(), hashlib.sha256).hexdigest(),
        "SESSION_COOKIE_NAME": f"{prefix}{name}",
        "SESSION_COOKIE_PATH": "/",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": given.production,
        "MAX_CONTENT_LENGTH": max_upload,
        # A ticked list of some thousand items is a long form, but not an endless one.
        "MAX_FORM_MEMORY_SIZE": 4 * MEGABYTE,
        "MAX_FORM_PARTS": 20_000,
        # The token lives as long as the session it is bound to: a clerk may leave a form open over lunch.
        "WTF_CSRF_TIME_LIMIT": None,
        "TEMPLATES_AUTO_RELOAD": False,
    }
