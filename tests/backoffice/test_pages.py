"""Every page of the back office: who may open it, what it costs, and that it stands on books with every case."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, event

from shared.actor import ROLES
from shared.web.access import declared
from tests.make.office import office, signed_in
from tests.make.story import Story

pytestmark = pytest.mark.usefixtures("database")

# Signing in has its own tests; an upload is its user's alone (test_imports.py); a FEC asks for a period (test_receipts.py).
ELSEWHERE = ("sign_in.", "assets.", "health.", "imports.one", "imports.refused", "reports.receipts_file")


@pytest.fixture
def app(database):
    return office()


def addresses(app, story=None):
    """Every GET page with ids of the story (or of nobody)."""
    ids = story.ids() if story else {}
    found = {}
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and not rule.endpoint.startswith(ELSEWHERE):
            values = {name: ids.get(name, "0190a000-0000-7000-8000-000000000000") for name in rule.arguments}
            values |= {"form": "csv"} if "form" in rule.arguments else {}
            with app.test_request_context():
                found[rule.endpoint] = app.url_for(rule.endpoint, **values)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_each_page_opens_to_those_who_hold_its_permission_and_to_nobody_else(app, role):
    story = Story()
    client = signed_in(app, role)
    for endpoint, address in addresses(app, story).items():
        access = declared(app, endpoint)
        allowed = access.permission is None or access.permission in ROLES[role]
        assert client.get(address).status_code == (200 if allowed else 403), endpoint


@pytest.mark.parametrize("role", ROLES)
def test_each_deed_is_refused_to_those_without_its_permission(app, role):
    client = signed_in(app, role)
    for rule in app.url_map.iter_rules():
        access = declared(app, rule.endpoint)
        if "POST" in rule.methods and access.permission and access.permission not in ROLES[role]:
            with app.test_request_context():
                nobody = {
                    name: 7 if name == "job_id" else "0190a000-0000-7000-8000-000000000000"
                    for name in rule.arguments
                }
                address = app.url_for(rule.endpoint, **nobody)
            assert client.post(address).status_code == 403, rule.endpoint


def test_without_signing_in_every_page_leads_to_the_door(app):
    client = app.test_client()
    for endpoint, address in addresses(app).items():
        answer = client.get(address)
        assert (answer.status_code, "/sign-in" in answer.headers["Location"]) == (303, True), endpoint


def test_no_page_needs_more_statements_when_the_books_are_full(app):
    story = Story()
    client = signed_in(app, "finance")
    client.get("/")
    counted = []
    event.listen(Engine, "before_cursor_execute", lambda *args: counted.append(args[2]))
    for endpoint, address in addresses(app, story).items():
        counted.clear()
        assert client.get(address).status_code in (200, 403), endpoint
        pages = [s for s in counted if "rate_window" not in s and "set_config" not in s]
        assert len(pages) <= 15, (endpoint, len(pages), pages)


def test_a_new_installation_is_told_its_first_steps(app):
    page = signed_in(app).get("/").text
    assert "quittance import customers" in page
    for address in addresses(app).values():
        assert signed_in(app, name="Paul Petit").get(address).status_code in (200, 404)
        break
    client = signed_in(app, "finance", "Zoé Zed")
    empty = ("/matching", "/matching/matched", "/customers", "/invoices", "/reports/aged", "/bank")
    assert [client.get(path).status_code for path in empty] == [200] * 6
