"""A debtor signed in to the portal, and a count of what a page asks of the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from portal.app import create_app
from tests.make.account import Account
from tests.make.people import an_invitation


@pytest.fixture
def account(database) -> Account:
    return Account()


@pytest.fixture
def enter(database) -> Callable[..., FlaskClient]:
    """Signs a debtor's person in, through the link of their invitation."""
    app = create_app()
    app.config["WTF_CSRF_ENABLED"] = False

    def entered(*customers, email: str = "lea@client.fr") -> FlaskClient:
        client = app.test_client()
        client.set_cookie("lang", "en")
        link = an_invitation(email, *customers)
        assert client.post(re.sub(r"^https?://[^/]+", "", link)).status_code == 303
        return client

    return entered


@pytest.fixture
def client(account, enter) -> FlaskClient:
    return enter(account.lyon, account.paris)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The SQL statements sent inside the block."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_):
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)
