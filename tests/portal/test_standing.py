"""Autopay and plans in the portal: read, agreed to, skipped, ended; nobody else's."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from shared import clock, db
from shared.actor import SYSTEM, staff
from shared.autopay.noticing import notice_due
from shared.ids import new_id
from shared.money import Money
from shared.plans.deciding import set_policy
from shared.plans.rules import Limits
from tests.make.account import in_days
from tests.make.rails import an_account
from tests.make.standing import a_card
from tests.portal.conftest import counted

BUDGET = 15
FINANCE = staff(new_id(), "Nadia Benali", "finance")


@pytest.fixture
def card(account):
    return a_card(an_account(account.books), account.lyon)


@pytest.fixture
def limits(account):
    with db.writing(FINANCE) as session:
        found = Limits(6, 20, Money(500_000, "EUR"), 0, False, 5)
        set_policy(session, FINANCE, account.books.creditor_id, found, enabled=True)
    return found


def rows(query):
    from sqlalchemy import text

    with db.reading(SYSTEM) as session:
        return list(session.execute(text(query)))


def switched_on(client, card, cap="2 000,00"):
    answer = client.post("/autopay/check", data={"instrument": card, "cap": cap, "offset": "0"})
    assert answer.status_code == 303
    return rows("SELECT * FROM autopay")[0]


def test_autopay_is_read_agreed_to_followed_and_ended(account, card, client):
    assert "Autopay is off" in client.get("/autopay").text
    assert "visa ···· 4242" in client.get("/autopay/terms").text
    page = client.get(f"/autopay/check?instrument={card}&cap=2000&offset=-2").text
    assert "at most €2,000.00 per debit" in page and "2 days before it" in page
    assert page.count("button-primary") == 1
    agreed = switched_on(client, card)
    assert agreed.evidence["ip"] == "127.0.0.1" and agreed.cap_minor == 200_000
    switched_on(client, card, "3000")  # the same again changes the terms
    assert [r.cap_minor for r in rows("SELECT cap_minor FROM autopay")] == [300_000]
    notice_due()
    page = client.get("/autopay").text
    (debit,) = rows("SELECT * FROM autopay_debit")
    assert f"/autopay/debits/{debit.id}" in page and "Announced" in page
    page = client.get(f"/autopay/debits/{debit.id}").text
    assert "F2026-000101" in page and "Skip this debit" in page and "F2026-000105" not in page
    assert client.post(f"/autopay/debits/{debit.id}/skip").status_code == 303
    assert "Skipped" in client.get(f"/autopay/debits/{debit.id}").text
    for deed, state in (("pause", "paused"), ("resume", "active"), ("off", "off")):
        assert "button" in client.get(f"/autopay/{agreed.id}").text
        assert client.post(f"/autopay/{agreed.id}/{deed}").status_code == 303
        assert rows("SELECT state FROM autopay")[0].state == state


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cap": ""}, "This field is required"),
        ({"cap": "0"}, "above zero"),
        ({"cap": "12,3,4"}, "is not an amount"),
        ({"offset": "99"}, "Not a valid choice"),
        ({"instrument": str(new_id())}, "Not a valid choice"),
    ],
)
def test_terms_that_cannot_be_agreed_to_are_told_and_change_nothing(account, card, client, change, told):
    given = {"instrument": str(card), "cap": "100", "offset": "0"} | change
    assert told in client.get("/autopay/check", query_string=given).text
    answer = client.post("/autopay/check", data=given)
    assert answer.status_code == 422 and told in answer.text
    assert not rows("SELECT 1 FROM autopay")


def proposal(account, **change):
    first = clock.today() + timedelta(days=10)
    items = [str(account.items["late"]), str(account.items["part"])]
    return {"item": items, "parts": "3", "first_on": first.isoformat(), "instrument": ""} | change


def test_a_plan_is_proposed_read_agreed_to_and_shown(account, limits, client):
    assert "No plan yet" in client.get("/plans").text
    page = client.get("/plans/new").text
    assert "F2026-000101" in page and "F2026-000103" not in page  # not due yet
    page = client.get("/plans/check", query_string=proposal(account)).text
    assert "€1,700.00" in page and "I agree to this plan" in page and page.count("button-primary") == 1
    answer = client.post("/plans", data=proposal(account))
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "nobody reminds you" in page and "Léa Martin" in page
    assert "In a plan until" in client.get(f"/invoices/{account.items['late']}").text
    assert "In a plan until" not in client.get(f"/invoices/{account.items['soon']}").text
    assert "Nothing to put into a plan" in client.get("/plans/new").text
    assert client.post("/plans", data=proposal(account)).status_code == 422
    assert len(rows("SELECT 1 FROM plan")) == 1


def test_beyond_the_limits_it_says_which_and_a_person_may_be_asked(account, limits, client):
    given = proposal(account, parts="9")
    page = client.get("/plans/check", query_string=given).text
    assert "6 months at most" in page and "Ask my creditor" in page
    answer = client.post("/plans", data=given)
    assert answer.status_code == 422 and "6 months at most" in answer.text and not rows("SELECT 1 FROM plan")
    answer = client.post("/plans", data=given | {"ask_a_person": "1"})
    assert "Your creditor decides" in client.get(answer.headers["Location"]).text
    assert rows("SELECT state FROM plan")[0].state == "proposed"


def test_every_page_opens_within_its_budget_in_both_languages_and_for_its_owner_alone(
    account, card, limits, client, enter
):
    agreed = switched_on(client, card)
    notice_due()
    (debit,) = rows("SELECT id FROM autopay_debit")
    given = proposal(account, item=[str(account.items["late"])], first_on=str(in_days(20)))
    plan = client.post("/plans", data=given).headers["Location"]
    own = [f"/autopay/{agreed.id}", f"/autopay/debits/{debit.id}", plan]
    for language in ("en", "fr"):
        client.set_cookie("lang", language)
        for page in ("/autopay", "/autopay/terms", "/plans", "/plans/new", *own):
            with counted() as sent:
                answer = client.get(page)
            assert answer.status_code == 200, page
            assert len(sent) <= BUDGET, (page, len(sent))
            assert (re.search(r'<html[^>]*lang="(\w+)"', answer.text) or [""])[1] == language
    stranger = enter(account.stranger, email="other@client.fr")
    assert [stranger.get(page).status_code for page in own] == [404] * 3
    assert stranger.post(f"/autopay/{agreed.id}/off").status_code == 404
    assert stranger.post(f"/autopay/debits/{debit.id}/skip").status_code == 404
    assert "No plans here" not in stranger.get("/plans").text
