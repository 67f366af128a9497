"""Reports as files: CSV streamed line by line, XLSX written with flat memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence

import xlsxwriter

from shared.money import Money

# A cell that begins like a formula would be run by a spreadsheet: numbers are let through, words get a quote.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def decimals(currency: str) -> Callable[[int], str]:
    """Minor units as a plain decimal number: `-12.30`."""
    return lambda minor: str(Money(minor, currency).decimal)


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a CSV file, one at a time; O(1) memory."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    yield _taken(buffer)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
        yield _taken(buffer)


def workbook(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int) -> bytes:
    """An XLSX file; cells from column `numbers_from` on are numbers. Rows go to the disk as they come."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"constant_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00"})
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, columns, bold)
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if column >= numbers_from:
                    sheet.write_number(number, column, float(cell), money)
                else:
                    sheet.write_string(number, column, cell)
    return target.getvalue()


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _harmless(cell: str) -> str:
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
