"""Receipts for accounting: a period and a legal entity in, a balanced FEC file out, to finance alone."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import ROLES, SYSTEM, Permission
from tests.make.office import office, signed_in
from tests.make.story import Story

pytestmark = pytest.mark.usefixtures("database")
SIREN = "857147961"


def asked(creditor="ATELIERS", first=None, last=None):
    today = clock.today().isoformat()
    return f"/reports/receipts/fec?creditor={creditor}&first={first or today}&last={last or today}"


def named_books():
    story = Story()
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE creditor SET siren = :siren"), {"siren": SIREN})
    return story


def test_the_file_is_named_as_the_law_says_and_balances():
    named_books()
    client = signed_in(office())
    assert client.get("/reports/receipts").status_code == 200
    answer = client.get(asked())
    name = f"{SIREN}FEC{clock.today():%Y%m%d}.txt"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")), delimiter="\t"))
    cents = [int(row[side].replace(",", "")) for row in rows for side in ("Debit", "Credit")]
    assert rows and sum(cents[::2]) == sum(cents[1::2]) > 0
    assert {row["JournalCode"] for row in rows} == {"BQ"}


@pytest.mark.parametrize(
    "address",
    [
        asked(first="2026-02-01", last="2026-01-01"),
        asked(creditor="NOBODY"),
        asked(first="soon"),
        "/reports/receipts/fec",
    ],
)
def test_what_cannot_be_asked_is_told_beside_its_field(address):
    named_books()
    answer = signed_in(office()).get(address)
    assert answer.status_code == 422 and "invalid-feedback" in answer.text


def test_a_company_without_siren_is_told_so():
    Story()
    answer = signed_in(office()).get(asked())
    assert answer.status_code == 422 and "SIREN" in answer.text


@pytest.mark.parametrize("role", [role for role, may in ROLES.items() if Permission.EXPORT_BOOKS not in may])
def test_nobody_else_takes_the_books_away(role):
    named_books()
    assert signed_in(office(), role).get(asked()).status_code == 403
