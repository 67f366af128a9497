"""The portal: `create_app()` for the server, the demo and the tests."""

from __future__ import annotations

from flask import Flask

from portal.sign_in import routes as sign_in
from shared.identity import web
from shared.web.app import make_app


def create_app() -> Flask:
    app = make_app(
        "portal",
        title="Quittance",
        blueprints=[sign_in.blueprint],
        load_actor=web.load_actor,
        ready=web.ready("portal"),
        login="sign_in.ask",
        logout="sign_in.leave",
        person_language=web.person_language,
    )
    web.install(app, "portal")
    return app
