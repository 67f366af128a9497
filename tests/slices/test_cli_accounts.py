"""`quittance account add`: at once while nobody pays yet, a question to a second person afterwards."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from shared import db
from shared.actor import SYSTEM
from shared.cli.app import app
from tests.make.books import FACTOR_IBAN, OWN_IBAN, PAYER_IBAN, SECOND_IBAN, Books

pytestmark = pytest.mark.usefixtures("database")


def told(*words):
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def accounts():
    with db.reading(SYSTEM) as session:
        rows = session.execute(text("SELECT iban, receives, confirmed_at IS NOT NULL FROM bank_account"))
        return {iban: (receives, confirmed) for iban, receives, confirmed in rows}


def test_a_company_is_set_up_with_several_accounts():
    told("init", "--name", "Vernaison", "--iban", OWN_IBAN, "--iban", SECOND_IBAN)
    told("account", "add", FACTOR_IBAN, "--creditor", "VERNAISON", "--factor", "--holder", "Facto Nord")
    assert accounts() == {OWN_IBAN: (True, True), SECOND_IBAN: (False, True), FACTOR_IBAN: (False, True)}


def test_once_debtors_pay_it_asks_and_says_who_approves():
    books = Books()
    books.invoice(books.customer("C1"), "F-1", 10000)
    answer = told("account", "add", PAYER_IBAN, "--creditor", "ATELIERS")
    assert (answer["creditor"], answer["iban"], answer["change"]["state"]) == (
        "ATELIERS",
        PAYER_IBAN,
        "waiting",
    )
    assert answer["change"]["approved_by_role"] == ["credit_manager", "administrator"]
    factor = ("account", "add", FACTOR_IBAN, "--creditor", "ATELIERS", "--factor", "--holder", "Facto Nord")
    assert told(*factor)["change"]["state"] == "waiting"
    assert accounts() == {OWN_IBAN: (True, True), PAYER_IBAN: (False, False), FACTOR_IBAN: (False, False)}
    again = CliRunner().invoke(app, ["account", "add", PAYER_IBAN, "--creditor", "ATELIERS"])
    assert again.exit_code == 1
    assert told("creditor", "wait", "ATELIERS", "5") == {"creditor": "ATELIERS", "account_change_days": 5}
