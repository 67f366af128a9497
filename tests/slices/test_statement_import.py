"""Importing statements: every line once, every cent posted, and nothing at all when a file is refused."""

from __future__ import annotations

from datetime import date
from io import BytesIO

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from shared import db
from shared.actor import SYSTEM
from shared.audit.checks import chain
from shared.bank_statements import checks
from shared.bank_statements.imported import ImportedFile
from shared.bank_statements.importing import import_statement
from shared.bench.camt_files import ACCOUNT, Camt053, Line, Statement
from shared.creditors import actions as creditors
from shared.ledger import checks as ledger_checks
from shared.matching import checks as matching_checks

PAYER = "FR7630006000011234567890189"


@pytest.fixture
def creditor(database: URL):
    with db.writing(SYSTEM) as session:
        creditor = creditors.add_creditor(session, SYSTEM, name="Ateliers Vernaison SAS", code="AV")
        creditors.add_account(session, SYSTEM, creditor, ACCOUNT)
    return creditor


def take(document: bytes, file: str = "bank.xml", **options: object) -> ImportedFile:
    with db.writing(SYSTEM) as session:
        return import_statement(session, SYSTEM, BytesIO(document), file, **options)


def ask(query: str, **params: object) -> list[tuple]:
    with db.reading(SYSTEM) as session:
        return [tuple(row) for row in session.execute(text(query), params)]


def one(query: str, **params: object) -> object:
    ((value,),) = ask(query, **params)
    return value


def everything_is_true() -> None:
    with db.reading(SYSTEM) as session:
        for check in (
            checks.statements_equal_their_lines,
            ledger_checks.entries_balance,
            matching_checks.lines_equal_their_receipts,
            matching_checks.unassigned_money_equals_the_ledger,
            chain,
        ):
            assert check(session) is None


def test_a_statement_becomes_lines_and_one_journal_entry(creditor):
    lines = [
        Line(
            12000,
            entry_ref="A1",
            name="SANDOLAND",
            iban=PAYER,
            texts=("FACT 2026-", "019"),
            reference="RF18539007547034",
        ),
        Line(8050, entry_ref="A2"),
        Line(-500, entry_ref="A3", info="FRAIS"),
    ]
    done = take(Camt053().bytes(Statement(lines, opening_minor=100_000)))
    assert done.as_json() == {
        "format": "camt.053", "rows": 3, "created": 3, "updated": 0, "unchanged": 0, "duplicates": 0, "rejected": [],
        "statements": [{
            "id": "A3260901", "account": ACCOUNT, "currency": "EUR", "opening_minor": 100_000,
            "closing_minor": 119_550, "entries": 3, "credits_minor": 20_050, "debits_minor": 500, "balance_ok": True,
            "created": 3, "duplicates": 0, "not_booked": 0, "remarks": [],
        }],
    }  # fmt: skip
    assert ask(
        "SELECT position, amount_minor, open_minor, remittance, creditor_ref, party_name FROM bank_line ORDER BY position"
    ) == [
        (1, 12000, 12000, "FACT 2026-019", "RF18539007547034", "SANDOLAND"),
        (2, 8050, 8050, "", None, None),
        (3, -500, 0, "FRAIS", None, None),
    ]
    assert ask(
        "SELECT e.journal, e.event, e.booked_on, l.account, l.amount_minor FROM journal_entry e JOIN journal_line l ON l.entry_id = e.id ORDER BY l.id"
    ) == [
        ("BQ", "statement", date(2026, 9, 1), "512", 20_050),
        ("BQ", "statement", date(2026, 9, 1), "471", -20_050),
    ]
    assert ask("SELECT name, payload->>'created' FROM fact") == [("statement_imported", "3")]
    assert one("SELECT count(*) FROM audit_entry WHERE verb = 'import_statement'") == 1
    everything_is_true()
