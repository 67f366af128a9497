"""The back office, with its people signed in."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from backoffice.app import create_app
from shared import db
from shared.actor import SYSTEM
from shared.identity import links
from tests.make.people import a_staff_link


def office(*, csrf: bool = False) -> Flask:
    """The app; without CSRF for clients that are no browsers."""
    app = create_app()
    app.config["WTF_CSRF_ENABLED"] = csrf
    app.testing = True
    return app


def login_path(role: str = "finance", name: str = "Nadia Benali") -> str:
    """The path of a link that signs one of the creditor's people in, once."""
    email = f"{name.lower().replace(' ', '.')}.{role}@creancier.fr"
    a_staff_link(email, role, name)
    with db.writing(SYSTEM) as session:
        user_id = session.scalar(text("SELECT id FROM staff_user WHERE email = :email"), {"email": email})
        link = links.demo_login_link(session, audience="backoffice", user_id=user_id)
    return "/" + link.split("/", 3)[3]


def signed_in(app: Flask, role: str = "finance", name: str = "Nadia Benali") -> FlaskClient:
    client = app.test_client()
    answer = client.post(login_path(role, name))
    assert answer.status_code == 303
    return client
