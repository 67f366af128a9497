"""The pages of account changes: one asks, another compares and approves, and either may stop it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from tests.make.account_changes import TOLD, ask_change, put_in_force
from tests.make.books import OWN_IBAN, PAYER_IBAN, SECOND_IBAN, Books
from tests.make.office import office
from tests.make.office import signed_in as signed_in_french

pytestmark = pytest.mark.usefixtures("database")


def signed_in(*who):
    client = signed_in_french(*who)
    client.set_cookie("lang", "en")
    return client


def form(**changed):
    given = {
        "creditor": "ATELIERS", "kind": "receive", "iban": SECOND_IBAN, "holder_kind": "creditor",
        "holder_name": "Ateliers Vernaison SAS", "bic": "", "currency": "eur", **TOLD,
    }  # fmt: skip
    return given | changed


@pytest.fixture
def books():
    made = Books()
    made.invoice(made.customer("C1"), "F-1", 10000)
    return made


@pytest.fixture
def app(books):
    return office()


def change_of(answer):
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_one_asks_another_approves_and_the_list_tells_it(app):
    finance, manager = signed_in(app), signed_in(app, "credit_manager", "Marc Leroy")
    page = change_of(finance.post("/accounts/ask", data=form()))
    assert f'action="{page}/approve"' not in finance.get(page).text
    shown = manager.get(page).text
    for told in ("FR76 1010 7375", "FR14 2004 1010", TOLD["call_back"], "Whoever asked cannot approve"):
        assert told in shown, told
    assert manager.post(f"{page}/approve").status_code == 303
    assert "Approved by Marc Leroy" in finance.get(page).text
    assert "Approved, not yet in force" in finance.get("/accounts").text
    assert manager.post(f"{page}/approve").status_code == 422
    put_in_force()
    listed = finance.get("/accounts").text
    assert "In force" in listed and "Replaced" in listed


def test_an_administrator_may_do_both_but_not_for_the_same_change(app):
    boss = signed_in(app, "administrator", "Ada Min")
    page = change_of(boss.post("/accounts/ask", data=form()))
    shown = boss.get(page).text
    assert "somebody else has to approve it" in shown and 'action="' + page + '/approve"' not in shown
    answer = boss.post(f"{page}/approve")
    assert answer.status_code == 422 and "somebody else has to approve it" in answer.text


def test_a_change_asked_without_a_call_back_is_approved_with_one(app, books):
    manager = signed_in(app, "credit_manager", "Marc Leroy")
    page = f"/accounts/changes/{ask_change(books.creditor_id, by=SYSTEM, iban=PAYER_IBAN, call_back=None)}"
    assert 'name="call_back"' in manager.get(page).text
    assert manager.post(f"{page}/approve").status_code == 422
    assert manager.post(f"{page}/approve", data={"call_back": "+33 1, Mrs Roux"}).status_code == 303


@pytest.mark.parametrize("how", ["refuse", "cancel"])
def test_it_is_stopped_with_a_reason(app, books, how):
    manager = signed_in(app, "credit_manager", "Marc Leroy")
    page = f"/accounts/changes/{ask_change(books.creditor_id, iban=SECOND_IBAN)}"
    assert "Debtors stay with the details" in manager.get(f"{page}/{how}").text
    assert manager.post(f"{page}/{how}", data={"reason": ""}).status_code == 422
    assert manager.post(f"{page}/{how}", data={"reason": "The bank knows nothing"}).status_code == 303
    assert "The bank knows nothing" in manager.get(page).text
    assert manager.post(f"{page}/{how}", data={"reason": "again"}).status_code == 422


def test_who_may_neither_ask_nor_approve_stops_nothing(app, books):
    page = f"/accounts/changes/{ask_change(books.creditor_id, iban=SECOND_IBAN)}"
    assert signed_in(app, "sales").post(f"{page}/cancel", data={"reason": "x"}).status_code == 403


@pytest.mark.parametrize(
    "wrong", [{"iban": "FR76"}, {"call_back": ""}, {"creditor": "NOBODY"}, {"bic": "X"}, {"currency": "EURO"}]
)
def test_what_is_wrong_is_told_beside_its_field(app, wrong):
    answer = signed_in(app).post("/accounts/ask", data=form(**wrong))
    assert answer.status_code == 422 and "invalid-feedback" in answer.text
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM account_change")) == 0


def test_the_form_knows_the_account_it_is_about(app, books):
    client = signed_in(app)
    page = client.get(f"/accounts/ask?account={books.account_id}&kind=correct").text
    assert OWN_IBAN in page and 'value="correct" selected' in page
    assert client.get("/accounts/ask?account=nonsense").status_code == 404


@pytest.mark.parametrize("language,told", [("fr", "Attend une approbation"), ("en", "Waits for approval")])
def test_the_pages_speak_both_languages(app, books, language, told):
    client = signed_in(app, "credit_manager", "Marc Leroy")
    client.set_cookie("lang", language)
    page = f"/accounts/changes/{ask_change(books.creditor_id, iban=SECOND_IBAN)}"
    assert told in client.get(page).text and told in client.get("/accounts").text
