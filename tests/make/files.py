"""Write business files of any size, the way customers' systems do."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import xlsxwriter

INVOICE_COLUMNS = (
    *("invoice_number", "kind", "customer_ref", "issue_date", "due_date", "currency"),
    *("total_incl_vat", "total_excl_vat", "vat_breakdown"),
)


def csv_bytes(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ",", encoding: str = "utf-8"
) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Numbers and dates become true cells, as in a sheet that a person filled in."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"default_date_format": "dd/mm/yyyy"}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, columns)
        for number, row in enumerate(rows, 1):
            sheet.write_row(number, 0, row)
    return content.getvalue()


def invoice_rows(count: int) -> Iterable[tuple[str, ...]]:
    """Believable invoices: 2,000 customers, two years, amounts that add up."""
    start = date(2024, 9, 2)
    for i in range(count):
        net = 1000 + (i * 7919) % 900_000
        tax = net // 5
        issued = start + timedelta(i % 730)
        yield (
            f"FA{issued.year}-{i:07d}",
            "credit_note" if i % 17 == 0 else "invoice",
            f"C{i % 2000:05d}",
            issued.isoformat(),
            (issued + timedelta(30 + i % 3 * 15)).isoformat(),
            "EUR",
            _decimal(net + tax),
            _decimal(net),
            f"20:{_decimal(net)}:{_decimal(tax)}",
        )


def invoices_csv(count: int) -> bytes:
    return csv_bytes(INVOICE_COLUMNS, invoice_rows(count))


def _decimal(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
