"""Mandates in the back office: found, understood, suspended, resumed, ended."""

import pytest

from shared import db
from shared.actor import SYSTEM
from shared.mandates.models import Mandate
from shared.mandates.rules import Scheme
from shared.mandates.signing import debtor_account
from tests.make.mandates import DEBTORS, OTHER, OWN, a_collecting_creditor, a_person, signed, state_of
from tests.make.office import office, signed_in
from tests.make.people import a_customer


@pytest.fixture
def creditor(database):
    return a_collecting_creditor()


@pytest.fixture
def lea(creditor):
    return a_person(a_customer("C1", "Bois du Rhône"))


@pytest.fixture
def client(creditor):
    found = signed_in(office(), "finance")
    found.set_cookie("lang", "en")
    return found


def test_mandates_are_found_by_customer_reference_and_state(creditor, lea, client):
    core, b2b = signed(lea, creditor), signed(lea, creditor, Scheme.B2B)
    page = client.get("/mandates").text
    assert page.count("···· 2266") == 2 and "To be registered" in page and DEBTORS not in page
    assert client.get("/mandates?state=active").text.count("···· 2266") == 1
    assert client.get("/mandates?q=bois du").text.count("···· 2266") == 2
    with db.reading(SYSTEM) as session:
        reference = session.get_one(Mandate, b2b).reference
    assert client.get(f"/mandates?q={reference.lower()}").text.count("···· 2266") == 1
    assert "No mandate fits" in client.get("/mandates?q=nobody").text
    assert client.get(f"/mandates/{core}").status_code == 200


def test_suspended_with_a_reason_and_resumed(creditor, lea, client):
    mandate_id = signed(lea, creditor)
    assert client.post(f"/mandates/{mandate_id}/suspend", data={"reason": ""}).status_code == 422
    assert client.post(f"/mandates/{mandate_id}/suspend", data={"reason": "call of 3 May"}).status_code == 303
    page = client.get(f"/mandates/{mandate_id}").text
    assert state_of(mandate_id) == "suspended" and page.count("call of 3 May") == 2
    assert page.count("button-primary") == 1 and "Resume" in page
    assert client.post(f"/mandates/{mandate_id}/resume").status_code == 303
    assert client.post(f"/mandates/{mandate_id}/resume").status_code == 409
    assert state_of(mandate_id) == "active"


def test_a_b2b_mandate_is_marked_as_registered(creditor, lea, client):
    mandate_id = signed(lea, creditor, Scheme.B2B)
    assert "Registered with the debtor’s bank" in client.get(f"/mandates/{mandate_id}").text
    client.post(f"/mandates/{mandate_id}/registered")
    assert state_of(mandate_id) == "active"


def test_a_new_account_is_checked_and_told(creditor, lea, client):
    mandate_id = signed(lea, creditor)
    address = f"/mandates/{mandate_id}/account"
    wrong = client.post(address, data={"iban": OTHER[:-1] + "1", "reason": "letter"})
    assert wrong.status_code == 422 and "is not a valid IBAN" in wrong.text
    assert client.post(address, data={"iban": OTHER, "reason": "letter"}).status_code == 303
    with db.reading(SYSTEM) as session:
        assert debtor_account(session.get_one(Mandate, mandate_id)) == OTHER
    assert OTHER not in client.get(f"/mandates/{mandate_id}").text and OWN != OTHER


def test_ended_with_a_reason_and_for_good(creditor, lea, client):
    mandate_id = signed(lea, creditor)
    assert "signs a new one" in client.get(f"/mandates/{mandate_id}/cancel").text
    assert client.post(f"/mandates/{mandate_id}/cancel", data={"reason": "closed"}).status_code == 303
    assert state_of(mandate_id) == "cancelled"
    assert client.post(f"/mandates/{mandate_id}/suspend", data={"reason": "x"}).status_code == 409
