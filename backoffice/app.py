"""The back office: `create_app()` for the server, the demo and the tests."""

from __future__ import annotations

from flask import Flask

from backoffice.sign_in import routes as sign_in
from shared.identity import web
from shared.web.app import make_app


def create_app() -> Flask:
    app = make_app(
        "backoffice",
        title="Quittance",
        blueprints=[sign_in.blueprint],
        load_actor=web.load_actor,
        ready=web.ready("backoffice"),
        login="sign_in.password",
        logout="sign_in.leave",
        person_language=web.person_language,
    )
    web.install(app, "backoffice")
    return app
