"""Signing a mandate in the portal, seeing it, taking its paper, ending it."""

import re
from itertools import product

import pytest

from shared import db
from shared.actor import SYSTEM
from shared.mandates import queries
from tests.make.books import SECOND_IBAN
from tests.make.mandates import DEBTORS, completed, lets_collect, signed, state_of
from tests.portal.conftest import counted

BUDGET = 15


@pytest.fixture
def creditor(account):
    return lets_collect(account.books.creditor_id, account.books.iban)


def filled(account, **change):
    given = {
        "company": str(account.lyon),
        "debtor_name": "Client C0001",
        "iban": "fr76 1010 7375 8677 5321 9372 266",
        "street": "1 rue du Rhône",
        "postcode": "69001",
        "town": "Lyon",
        "country": "FR",
        "consent": "y",
    }
    return {name: value for name, value in (given | change).items() if value is not None}


def only_id():
    with db.reading(SYSTEM) as session:
        (row,) = queries.mandates(session, SYSTEM).rows
    return row.id


def test_a_debtor_signs_sees_and_takes_the_paper(account, creditor, client):
    assert "No mandate yet" in client.get("/mandates").text
    choose = client.get("/mandates/sign")
    assert "Who may collect" in choose.text and "eight weeks" in choose.text
    page = client.get(f"/mandates/sign?creditor={creditor}&scheme=core").text
    for told in (
        "FR72ZZZ123456",
        "you authorise (A)",
        "within 8 weeks",
        "at least 14 days",
        "12 rue des Écoles",
    ):
        assert told in page
    assert page.count("button-primary") == 1
    answer = client.post(f"/mandates/sign?creditor={creditor}&scheme=core", data=filled(account))
    assert answer.status_code == 303
    mandate_id = only_id()
    assert answer.headers["Location"].endswith(f"/mandates/{mandate_id}")
    waiting = client.get(f"/mandates/{mandate_id}").text
    assert "being made" in waiting and 'hx-trigger="every 2s"' in waiting
    completed(mandate_id)
    done = client.get(f"/mandates/{mandate_id}").text
    assert "in force" in done and "every 2s" not in done and DEBTORS not in done and "···· 2266" in done
    pdf = client.get(re.search(r'href="(/documents/[^"]+)"', done)[1])
    assert pdf.status_code == 200 and pdf.data.startswith(b"%PDF-")
    assert "···· 2266" in client.get("/mandates").text


def test_a_b2b_mandate_says_what_is_left_to_do(account, creditor, client):
    page = client.get(f"/mandates/sign?creditor={creditor}&scheme=b2b").text
    assert "only intended for business-to-business" in page and "Your bank must know this mandate" in page
    client.post(f"/mandates/sign?creditor={creditor}&scheme=b2b", data=filled(account))
    completed(only_id())
    assert "Give the document below to your bank" in client.get(f"/mandates/{only_id()}").text
    assert "To register with your bank" in client.get("/mandates").text


@pytest.mark.parametrize(
    "change, told",
    [
        ({"consent": None}, "This field is required."),
        ({"iban": "FR7610107375867753219372267"}, "is not a valid IBAN"),
        ({"iban": "TR330006100519786457841326"}, "take no SEPA direct debits"),
        ({"town": ""}, "This field is required."),
        ({"town": "東京"}, "needs its town"),
        ({"debtor_name": "東京"}, "cannot be a name"),
        ({"country": "US"}, "Not a valid choice"),
        ({"company": "0190a000-0000-7000-8000-000000000000"}, "Not a valid choice"),
    ],
)
def test_what_is_missing_or_wrong_is_told_and_nothing_is_signed(account, creditor, client, change, told):
    answer = client.post(f"/mandates/sign?creditor={creditor}&scheme=core", data=filled(account, **change))
    assert answer.status_code == 422 and told in answer.text
    with db.reading(SYSTEM) as session:
        assert queries.mandates(session, SYSTEM).total == 0


def test_a_company_that_is_not_the_debtors_cannot_be_named(account, creditor, client):
    data = filled(account, company=str(account.stranger))
    assert client.post(f"/mandates/sign?creditor={creditor}&scheme=core", data=data).status_code == 422


def test_signing_twice_gives_one_mandate(account, creditor, client):
    for _ in range(2):
        client.post(f"/mandates/sign?creditor={creditor}&scheme=core", data=filled(account))
    assert only_id()


def test_a_mandate_is_cancelled_after_a_question(account, creditor, client):
    client.post(f"/mandates/sign?creditor={creditor}&scheme=core", data=filled(account))
    mandate_id = only_id()
    completed(mandate_id)
    assert "Cancel this mandate?" in client.get(f"/mandates/{mandate_id}/cancel").text
    assert client.post(f"/mandates/{mandate_id}/cancel").status_code == 303
    assert state_of(mandate_id) == "cancelled"
    page = client.get(f"/mandates/{mandate_id}").text
    assert "Cancel this mandate" not in page and "Download the mandate" in page


def test_what_is_somebody_elses_is_not_there(account, creditor, enter):
    mandate_id = signed(account.actor, creditor)
    stranger = enter(account.stranger, email="x@elsewhere.fr")
    for page in (f"/mandates/{mandate_id}", f"/mandates/{mandate_id}/cancel"):
        assert stranger.get(page).status_code == 404
    assert stranger.post(f"/mandates/{mandate_id}/cancel").status_code == 404
    assert "···· 2266" not in stranger.get("/mandates").text
    assert state_of(mandate_id) == "active"


def test_where_there_is_no_choice_nobody_is_asked(account, enter):
    lets_collect(account.services.creditor_id, SECOND_IBAN, b2b=False)
    client = enter(account.lyon)
    page = client.get("/mandates/sign").text
    assert "Vernaison Services SARL" in page and 'name="iban"' in page
    assert "Client C0001" in page  # the one company's name is filled in
    wrong = client.get(f"/mandates/sign?creditor={account.services.creditor_id}&scheme=b2b")
    assert wrong.status_code == 422 and "Not a valid choice" in wrong.text


def test_a_kind_that_only_another_creditor_uses_is_told(account, creditor, client):
    lets_collect(account.services.creditor_id, SECOND_IBAN, b2b=False)
    assert "Vernaison Services SARL" in client.get("/mandates/sign").text
    wrong = client.get(f"/mandates/sign?creditor={account.services.creditor_id}&scheme=b2b")
    assert wrong.status_code == 422 and "does not use this kind" in wrong.text


def test_without_a_collecting_creditor_there_is_nothing_to_sign(account, client):
    assert "No direct debit here" in client.get("/mandates").text
    assert "No direct debit here" in client.get("/mandates/sign").text
    assert client.post("/mandates/sign", data=filled(account)).status_code == 422


def test_every_page_opens_within_its_budget(account, creditor, client):
    mandate_id = signed(account.actor, creditor)
    pages = [
        "/mandates", "/mandates/sign", f"/mandates/sign?creditor={creditor}&scheme=core",
        f"/mandates/sign?creditor={creditor}&scheme=b2b", f"/mandates/{mandate_id}", f"/mandates/{mandate_id}/cancel",
    ]  # fmt: skip
    for page, spoken in product(pages, ("en", "fr")):
        client.set_cookie("lang", spoken)
        with counted() as sent:
            answer = client.get(page)
        assert answer.status_code == 200, page
        assert len(sent) <= BUDGET, (page, len(sent))
    assert "Vous bénéficiez du droit" in client.get(pages[2]).text
