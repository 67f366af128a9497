"""What was settled elsewhere: open amounts are then what an independent computation from the files says."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from shared import db
from shared.actor import SYSTEM
from shared.customers.importing import import_customers
from shared.importing.invoices import import_invoices
from shared.importing.payments import import_payments, preview_payments
from shared.tabular.imported import RefusedRows
from tests.conftest import SAMPLES
from tests.make.books import Books
from tests.make.files import csv_bytes
from tests.slices.test_import_invoices import assert_books_hold, counts, one

COLUMNS = ("payment_ref", "customer_ref", "received_on", "amount", "currency", "invoice_number", "payer_iban")


@pytest.fixture
def books(database: URL) -> Books:
    made = Books()
    customer = made.customer("C1")
    made.customer("C2")
    made.invoice(customer, "F1", 10000)
    made.invoice(customer, "A1", -5000)
    return made


def row(**changes: str) -> list[str]:
    told = {
        "payment_ref": "P1",
        "customer_ref": "C1",
        "received_on": "2026-01-15",
        "amount": "60",
        "invoice_number": "F1",
    }
    return [{**told, **changes}.get(column, "") for column in COLUMNS]


def take(*rows: list[str], **options: Any) -> Any:
    with db.writing(SYSTEM) as session:
        result = import_payments(session, SYSTEM, io.BytesIO(csv_bytes(COLUMNS, rows)), "p.csv", **options)
    assert_books_hold()
    return result


def test_a_payment_settles_its_invoice_once(books: Books) -> None:
    assert counts(take(row())) == (1, 1, 0, 0, 0)
    assert one("SELECT open_minor FROM open_item WHERE number = 'F1'")[0] == 4000
    assert str(one("SELECT allocated_on FROM allocation")[0]) == "2026-01-15"
    assert counts(take(row())) == (1, 0, 0, 1, 0)
    assert counts(take(row(), row())) == (2, 0, 0, 1, 1)
    assert one("SELECT open_minor FROM open_item WHERE number = 'F1'")[0] == 4000


def test_what_is_too_much_stands_on_account(books: Books) -> None:
    result = take(
        row(), row(payment_ref="P2", amount="60"), row(payment_ref="P3", invoice_number="", amount="7")
    )
    assert counts(result) == (3, 3, 0, 0, 0)
    assert "more than their invoice" in str(result.remarks[0])
    assert one("SELECT open_minor FROM open_item WHERE number = 'F1'")[0] == 0
    assert one("SELECT sum(open_minor) FROM open_item WHERE kind = 'receipt'")[0] == -2700


def test_two_payments_alike_without_a_reference_are_two(books: Books) -> None:
    twice = [row(payment_ref="", amount="10"), row(payment_ref="", amount="10")]
    assert counts(take(*twice)) == (2, 2, 0, 0, 0)
    assert counts(take(*twice)) == (2, 0, 0, 2, 0)


@pytest.mark.parametrize(
    ("change", "column", "sentence"),
    [
        ({"payment_ref": "P1", "amount": "70"}, "amount", "another amount or day"),
        ({"invoice_number": "F9"}, "invoice_number", "no invoice “F9”"),
        ({"invoice_number": "A1"}, "invoice_number", "a credit note"),
        ({"customer_ref": "C2"}, "invoice_number", "an invoice of customer C1"),
        ({"customer_ref": "C9"}, "customer_ref", "no customer “C9”"),
        ({"currency": "USD"}, "currency", "The invoice is in EUR"),
    ],
)
def test_what_does_not_fit_is_refused(
    books: Books, change: dict[str, str], column: str, sentence: str
) -> None:
    take(row())
    with pytest.raises(RefusedRows) as refused:
        take(row(payment_ref="P7", amount="1"), row(**{"payment_ref": "P8", **change}))
    (error,) = refused.value.rejected
    assert (error.line, error.column) == (3, column)
    assert sentence in str(error)
    assert one("SELECT count(*) FROM receipt")[0] == 1


def test_a_preview_changes_nothing(books: Books) -> None:
    with db.writing(SYSTEM) as session:
        preview = preview_payments(session, SYSTEM, io.BytesIO(csv_bytes(COLUMNS, [row(), row(amount="x")])))
    assert counts(preview.result) == (2, 1, 0, 0, 0)
    assert (preview.rows[0].name, preview.result.rejected[0].line) == ("C1 F1", 3)
    assert one("SELECT count(*) FROM receipt")[0] == 0


@pytest.mark.skipif(not SAMPLES.exists(), reason="the real samples are not here")
@pytest.mark.parametrize("name", ["recon", "recon-large"])
def test_a_whole_company(database: URL, name: str) -> None:
    Books()
    folder = SAMPLES / name
    for _ in range(2):  # the second time nothing changes
        with db.writing(SYSTEM) as session:
            customers = import_customers(
                session, SYSTEM, io.BytesIO((folder / "customers.csv").read_bytes()), "c.csv"
            )
        with db.writing(SYSTEM) as session:
            invoices = import_invoices(
                session, SYSTEM, io.BytesIO((folder / "invoices.csv").read_bytes()), "i.csv"
            )
        with db.writing(SYSTEM) as session:
            payments = import_payments(
                session, SYSTEM, io.BytesIO((folder / "payments.csv").read_bytes()), "p.csv"
            )
    assert (customers.created, invoices.created, payments.created) == (0, 0, 0)
    assert_books_hold()
    with db.reading(SYSTEM) as session:
        found = session.execute(
            text("SELECT number, open_minor FROM open_item WHERE kind IN ('invoice', 'credit_note')")
        )
        assert {each.number: each.open_minor for each in found} == open_amounts(folder)


def open_amounts(folder: Path) -> dict[str, int]:
    owed: dict[str, Decimal] = defaultdict(Decimal)
    with (folder / "invoices.csv").open() as file:
        for each in csv.DictReader(file):
            sign = -1 if each["kind"] == "credit_note" else 1
            owed[each["invoice_number"]] = sign * Decimal(each["total_incl_vat"])
    with (folder / "payments.csv").open() as file:
        for each in csv.DictReader(file):
            owed[each["invoice_number"]] -= Decimal(each["amount"])
    return {number: int(amount * 100) for number, amount in owed.items()}


@pytest.mark.skipif(not SAMPLES.exists(), reason="the real samples are not here")
@pytest.mark.parametrize("path", sorted((SAMPLES / "fec").glob("*.txt")), ids=lambda path: path.stem)
def test_a_fec_brings_customers_invoices_and_payments(database: URL, path: Path) -> None:
    Books()
    with db.writing(SYSTEM) as session:
        result = import_invoices(session, SYSTEM, io.BytesIO(path.read_bytes()), path.name)
    assert result.format == "fec" and result.created == result.rows > 0
    assert_books_hold()
    with db.writing(SYSTEM) as session:
        again = import_invoices(session, SYSTEM, io.BytesIO(path.read_bytes()), path.name)
    assert counts(again) == (result.rows, 0, 0, result.rows, 0)
    assert one("SELECT sum(open_minor) FROM open_item")[0] == fec_balance(path)


def fec_balance(path: Path) -> int:
    """What the customers' accounts make, read with nothing of ours."""
    with path.open(encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, delimiter="|" if "pipe" in path.name else "\t")
        total = Decimal(0)
        for each in rows:
            if each["CompteNum"].startswith("411"):
                if "Sens" in each:
                    amount = Decimal(each["Montant"].replace(",", "."))
                    total += amount if each["Sens"] == "D" else -amount
                else:
                    total += Decimal(each["Debit"].replace(",", ".")) - Decimal(
                        each["Credit"].replace(",", ".")
                    )
    return int(total * 100)
