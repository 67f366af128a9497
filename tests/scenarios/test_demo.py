"""The demo and the commands as programs: what they print, how they end, and that a second time changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.embedded_postgres import EmbeddedPostgres
from tests.make.books import OWN_IBAN
from tests.make.files import csv_bytes

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("--port-portal", "18380", "--port-backoffice", "18381", "--port-mailbox", "18385")


def quittance(data: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, on books of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_URL", "QUITTANCE_"))}
    given = {**kept, "QUITTANCE_DATA": str(data), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "shared.cli", *map(str, words)]
    return subprocess.run(command, env=given, cwd=ROOT, capture_output=True, text=True, timeout=120)


def told(ran: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    """The one JSON document on stdout, and nothing else there."""
    assert ran.returncode == code, ran.stderr
    return json.loads(ran.stdout)


def test_the_demo_goes_the_whole_path_once(tmp_path):
    document = told(quittance(tmp_path, "demo", "--once", "--json", *PORTS))
    tells_what_happened(document)
    holds_every_awkward_case(tmp_path)
    changes_nothing_a_second_time(tmp_path)


def rows(data: Path, sql: str) -> list[tuple[Any, ...]]:
    server = EmbeddedPostgres(data / "postgres").start()
    try:
        url = server.url("quittance").set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url) as connection:
            return connection.execute(sql).fetchall()
    finally:
        server.stop()


def tells_what_happened(document: dict[str, Any]) -> None:
    summary = document["summary"]
    assert summary["books_agree"] is True
    assert summary["customers_created"] == 60 and summary["invoices_created"] > 1000
    assert summary["lines_applied"] > 40 and summary["lines_left"] > 0 and summary["mails_sent"] > 10
    assert summary["card_minor"] > 0
    roles = [each["role"] for each in document["logins"]]
    assert roles[0] == "debtor" and len(roles) == len(set(roles)) == 8
    assert all(each["url"].startswith("http://127.0.0.1:") for each in document["logins"])


def holds_every_awkward_case(data: Path) -> None:
    (found,) = rows(
        data,
        """
        SELECT (SELECT count(*) FROM open_item WHERE kind = 'invoice' AND open_minor > 0 AND open_minor < amount_minor),
               (SELECT count(*) FROM open_item WHERE kind = 'credit_note' AND open_minor < 0),
               (SELECT count(*) FROM open_item i JOIN bank_account b ON b.id = i.payee_account_id
                WHERE b.holder_kind = 'factor'),
               (SELECT count(*) FROM bank_line WHERE party_name LIKE '%INCONNU' AND open_minor = amount_minor),
               (SELECT count(*) FROM (SELECT FROM bank_line WHERE amount_minor > 0 GROUP BY booked_on, party_iban,
                amount_minor, remittance HAVING count(*) = 2) twins),
               (SELECT count(*) FROM bank_line WHERE remittance LIKE 'POUR FILIALES%' AND open_minor = 0),
               (SELECT count(*) FROM expected_payment WHERE received_at IS NOT NULL)""",
    )
    names = (
        "part paid",
        "credit note",
        "factored",
        "stranger",
        "twins",
        "parent for subsidiaries",
        "announced",
    )
    assert {name: count for name, count in zip(names, found, strict=True) if not count} == {}


def changes_nothing_a_second_time(data: Path) -> None:
    count = "SELECT (SELECT count(*) FROM open_item), (SELECT count(*) FROM match), (SELECT count(*) FROM message)"
    before, started = rows(data, count), time.monotonic()
    again = told(quittance(data, "demo", "--once", "--json", *PORTS))
    assert time.monotonic() - started < 20
    assert again["summary"]["books_agree"] is True
    assert rows(data, count) == before


@pytest.fixture(scope="module")
def books(tmp_path_factory) -> Path:
    data = tmp_path_factory.mktemp("books")
    ran = quittance(data, "init", "--name", "Ateliers Vernaison SAS", "--iban", OWN_IBAN, "--json")
    assert told(ran) == {"creditor": "ATELIERS"}
    customers = data / "customers.csv"
    customers.write_bytes(csv_bytes(("customer_ref", "name"), [("C1", "Client Un"), ("C2", "Client Deux")]))
    assert told(quittance(data, "import", "customers", customers, "--json"))["created"] == 2
    return data


def test_files_in_match_and_report_speak_json_alone(books, tmp_path):
    invoices = tmp_path / "invoices.csv"
    columns = ("invoice_number", "customer_ref", "issue_date", "due_date", "currency", "total_incl_vat")
    invoices.write_bytes(csv_bytes(columns, [("F1", "C1", "2026-01-05", "2026-02-05", "EUR", "120.00")]))
    assert told(quittance(books, "import", "invoices", invoices, "--json"))["created"] == 1
    assert told(quittance(books, "import", "invoices", invoices, "--json"))["created"] == 0
    assert told(quittance(books, "match", "--json"))["lines"] == 0
    aged = told(quittance(books, "report", "aged", "--as-of", "2026-03-01", "--json"))
    assert aged["totals"]["d1_30"] == aged["totals"]["total"] == 12000
    statement = told(
        quittance(books, "report", "statement", "--customer", "C1", "--as-of", "2026-03-01", "--json")
    )
    assert [row["balance_minor"] for row in statement["rows"]] == [0, 12000, 12000]
    assert told(quittance(books, "check", "--json"))["ok"] is True


@pytest.mark.parametrize("form,start", [("pdf", b"%PDF-"), ("xlsx", b"PK\x03\x04")])
def test_a_statement_as_a_file(books, tmp_path, form, start):
    file = tmp_path / f"statement.{form}"
    ran = quittance(books, "report", "statement", "--customer", "C1", "--format", form, "--output", file)
    assert ran.returncode == 0 and ran.stdout == "", ran.stderr
    assert file.read_bytes().startswith(start)


def test_a_refusal_ends_with_one_and_wrong_usage_with_two(books, tmp_path):
    wrong = tmp_path / "invoices.csv"
    wrong.write_bytes(b"invoice_number,customer_ref\nF9,C1\n")
    refused = told(quittance(books, "import", "invoices", wrong, "--json"), code=1)
    assert refused["file"].endswith("invoices.csv") and refused["error"]
    unknown = told(quittance(books, "report", "statement", "--customer", "NOBODY", "--json"), code=1)
    assert "NOBODY" in unknown["error"]
    for words in (
        ("import", "invoices", tmp_path / "none.csv"),
        ("report", "aged", "--as-of", "soon"),
    ):
        ran = quittance(books, *words)
        assert ran.returncode == 2 and ran.stdout == "" and ran.stderr
