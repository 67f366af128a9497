"""Invoices and payments files: amounts, dates and totals are right, or the row is refused."""

import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from shared.customers.files import read_customers
from shared.invoices.files import InvoiceRow, VatShare, read_invoices
from shared.payments.history_file import PaymentRow, read_payments
from shared.tabular.rows import RowError
from tests.make import files

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "samples"
COLUMNS = ("invoice_number", "customer_ref", "issue_date", "total_incl_vat")


def rows(content: bytes) -> list[InvoiceRow | RowError]:
    return list(read_invoices(io.BytesIO(content)).rows)


def one(**cells: str) -> list[InvoiceRow | RowError]:
    whole = {
        "invoice_number": "F1",
        "customer_ref": "C1",
        "issue_date": "2026-03-31",
        "total_incl_vat": "120.00",
    }
    whole |= cells
    return rows(files.csv_bytes(list(whole), [list(whole.values())], delimiter=";"))


def test_a_full_invoice() -> None:
    (row,) = one(
        kind="credit_note",
        customer_name="Dupont",
        issue_date="01/02/2026",
        due_date="03/03/2026",
        currency="usd",
        total_incl_vat="1 311,00",
        total_excl_vat="1.100,00",
        order_ref="BC-1",
        creditor="K1",
        payee_iban="FR76 3000 6000 0112 3456 7890 189",
        vat_breakdown="20:1000,00:200,00|5.5%:100:11",
        document="pdf/F1.pdf",
    )
    assert row == InvoiceRow(
        2, "F1", "credit_note", "C1", "Dupont", date(2026, 2, 1), date(2026, 3, 3), "USD", 131100, 110000,
        "BC-1", "K1", "FR7630006000011234567890189",
        (VatShare(Decimal(20), 100000, 20000), VatShare(Decimal("5.5"), 10000, 1100)), "pdf/F1.pdf",
    )  # fmt: skip


def test_what_a_file_leaves_out() -> None:
    (row,) = one(vat_breakdown="20:100.00:20.00")
    assert isinstance(row, InvoiceRow)
    assert (row.kind, row.currency, row.due_on, row.total_excl_minor) == ("invoice", "EUR", None, 10000)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("total_incl_vat", "twelve"),
        ("total_incl_vat", ""),
        ("total_incl_vat", "1.234"),
        ("total_incl_vat", "12,345"),
        ("total_incl_vat", "-120.00"),
        ("total_incl_vat", "1e3"),
        ("total_incl_vat", "NaN"),
        ("total_incl_vat", "99999999999999999"),
        ("currency", "EURO"),
        ("currency", "XXX"),
        ("issue_date", "2026-02-30"),
        ("issue_date", "03/31/2026"),
        ("issue_date", "0206-03-31"),
        ("due_date", "2026-03-30"),
        ("kind", "proforma"),
        ("payee_iban", "FR7630006000011234567890188"),
        ("total_excl_vat", "120.01"),
        ("vat_breakdown", "20:100.00:20.01"),
        ("vat_breakdown", "20:100.00"),
        ("vat_breakdown", "20:100.00:x"),
        ("vat_breakdown", "120:100.00:20.00"),
        ("document", "../F1.pdf"),
        ("document", "/etc/passwd"),
        ("document", "C:\\F1.pdf"),
        ("document", "..\\F1.pdf"),
        ("invoice_number", ""),
        ("customer_ref", ""),
    ],
)
def test_a_doubtful_value_is_refused_never_guessed(column: str, value: str) -> None:
    found = one(**{column: value})
    assert [(error.line, error.column) for error in found if isinstance(error, RowError)] == [(2, column)]
    assert len(found) == 1


def test_an_amount_is_read_in_its_currency() -> None:
    assert isinstance(one(currency="JPY", total_incl_vat="120.50")[0], RowError)
    (row,) = one(currency="JPY", total_incl_vat="120")
    assert isinstance(row, InvoiceRow)
    assert row.total_incl_minor == 120


def test_a_payment_is_more_than_zero() -> None:
    content = b"customer_ref,received_on,amount,method,invoice_number\nC1,2026-01-02,10.00,Transfer,F1\nC1,2026-01-02,0,,\n"
    good, bad = read_payments(io.BytesIO(content)).rows
    assert good == PaymentRow(2, "", "C1", date(2026, 1, 2), 1000, "EUR", "F1", "transfer")
    assert isinstance(bad, RowError)
    assert bad.column == "amount"


@pytest.mark.parametrize("folder", ["recon", "recon-large"])
def test_the_sample_company(folder: str) -> None:
    place = SAMPLES / folder
    if not place.exists():
        pytest.skip("the sample files are not here")
    for name, reader, total in (
        ("invoices", read_invoices, "total_incl_vat"),
        ("payments", read_payments, "amount"),
        ("customers", read_customers, None),
    ):
        with (place / f"{name}.csv").open("rb") as source:
            found = list(reader(source).rows)
        with (place / f"{name}.csv").open(encoding="utf-8", newline="") as source:
            expected = list(csv.DictReader(source))
        assert len(found) == len(expected)
        assert not [row for row in found if isinstance(row, RowError)]
        if total:
            place_of = {"total_incl_vat": "total_incl_minor", "amount": "amount_minor"}[total]
            assert [getattr(row, place_of) for row in found] == [
                int(row[total].replace(".", "")) for row in expected
            ]


def test_truth_of_the_samples_names_invoices_we_read() -> None:
    place = SAMPLES / "recon"
    if not place.exists():
        pytest.skip("the sample files are not here")
    with (place / "invoices.csv").open("rb") as source:
        numbers = {row.invoice_number for row in read_invoices(source).rows if isinstance(row, InvoiceRow)}
    truth = json.loads((place / "truth.json").read_text())
    assert {part["item"] for line in truth["lines"] for part in line["allocations"]} <= numbers
