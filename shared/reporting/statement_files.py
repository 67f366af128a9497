"""The statement of account as a file: CSV and XLSX row by row in the same memory at any length, PDF as one document."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import xlsxwriter

from shared import clock, i18n
from shared.documents import pdf
from shared.errors import DomainError
from shared.i18n import N_, gettext
from shared.money import Money
from shared.reporting.statement import Account, Line, Period

KINDS = {
    "opening": N_("Opening balance"),
    "invoice": N_("Invoice"),
    "credit_note": N_("Credit note"),
    "receipt": N_("Payment received"),
    "receipt_undone": N_("Payment taken back"),
    "receipt_reversed": N_("Payment refunded or returned"),
    "closing": N_("Closing balance"),
}
_COLUMNS = (
    N_("Creditor"),
    N_("Customer number"),
    N_("Company"),
    N_("Currency"),
    N_("Date"),
    N_("Document"),
    N_("Number"),
    N_("Due date"),
    N_("Debit"),
    N_("Credit"),
    N_("Balance"),
)
# A spreadsheet would run what begins with one of these as a formula.
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Typst lays out some 400 lines of this table a second (measured), and nobody reads more than forty pages.
PDF_LINES = 1500
_CHUNK = 65536
_TEMPLATE = Path(__file__).parent / "templates" / "statement.typ"


class TooLong(DomainError):
    code = "statement_too_long"
    sentence = (
        "A PDF holds %(limit)s lines at most, and this period has %(count)s. Choose a shorter period, or take the "
        "CSV or XLSX file."
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file; opening and closing rows carry a balance alone."""

    account: Account
    on: date
    kind: str
    number: str
    due_on: date | None
    amount_minor: int | None
    balance_minor: int

    @property
    def debit(self) -> Decimal | None:
        minor = self.amount_minor
        return None if minor is None or minor < 0 else Money(minor, self.account.currency).decimal

    @property
    def credit(self) -> Decimal | None:
        minor = self.amount_minor
        return None if minor is None or minor > 0 else Money(-minor, self.account.currency).decimal

    @property
    def balance(self) -> Decimal:
        return Money(self.balance_minor, self.account.currency).decimal

    def as_json(self) -> dict[str, Any]:
        """A row of `report statement --format json`; minor units, a credit is negative."""
        return {
            "creditor": self.account.creditor,
            "currency": self.account.currency,
            "on": self.on.isoformat(),
            "kind": self.kind,
            "number": self.number,
            "due_on": self.due_on.isoformat() if self.due_on else None,
            "amount_minor": self.amount_minor,
            "balance_minor": self.balance_minor,
        }


def rows(accounts: Iterable[Account], lines: Iterable[Line], period: Period) -> Iterator[Row]:
    """Each account from its opening to its closing balance; `lines` come in the order of the accounts.

    A line booked between the two queries is told, and the closing balance with it: each file agrees with itself.
    """
    waiting = iter(lines)
    line = next(waiting, None)
    for account in accounts:
        balance = account.opening_minor
        yield Row(account, period.since, "opening", "", None, None, balance)
        while line is not None and _same_account(line, account):
            due = line.due_on if line.kind == "invoice" else None
            balance = line.balance_minor
            yield Row(account, line.on, line.kind, line.number, due, line.amount_minor, balance)
            line = next(waiting, None)
        yield Row(account, period.as_of, "closing", "", None, None, balance)


def as_csv(found: Iterable[Row], language: str) -> Iterator[bytes]:
    """In the notation spreadsheets of the language expect; days are ISO days."""
    separator, point = (";", ",") if language == "fr" else (",", ".")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    text.write("\ufeff")  # without it Excel takes UTF-8 for something else
    writer.writerow([gettext(language, column) for column in _COLUMNS])
    for row in found:
        amounts = (
            "" if n is None else str(n).replace(".", point) for n in (row.debit, row.credit, row.balance)
        )
        days = ("" if day is None else day.isoformat() for day in (row.on, row.due_on))
        on, due = days
        names = [harmless(name) for name in _names(row)]
        writer.writerow([*names, on, gettext(language, KINDS[row.kind]), harmless(row.number), due, *amounts])
        if text.tell() > _CHUNK:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def as_xlsx(found: Iterable[Row], language: str) -> IO[bytes]:
    """A workbook in a temporary file, ready to be read from its start."""
    made = tempfile.TemporaryFile()  # noqa: SIM115 - the caller sends and closes it
    safe = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(made, {**safe, "strings_to_numbers": False})
    sheet = book.add_worksheet(gettext(language, N_("Statement of account"))[:31])
    heading = book.add_format({"bold": True, "bottom": 1})
    day, amount = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "#,##0.00"})
    sheet.freeze_panes(1, 0)
    for column, (name, width) in enumerate(
        zip(_COLUMNS, (28, 14, 28, 9, 12, 20, 18, 12, 14, 14, 14), strict=True)
    ):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, gettext(language, name), heading)
    for at, row in enumerate(found, 1):
        for column, name in enumerate(_names(row)):
            sheet.write_string(at, column, name)
        sheet.write_datetime(at, 4, row.on, day)
        sheet.write_string(at, 5, gettext(language, KINDS[row.kind]))
        sheet.write_string(at, 6, row.number)
        if row.due_on is not None:
            sheet.write_datetime(at, 7, row.due_on, day)
        for column, number in ((8, row.debit), (9, row.credit), (10, row.balance)):
            if number is not None:
                sheet.write_number(at, column, number, amount)
    book.close()
    made.seek(0)
    return made


def as_pdf(accounts: list[Account], lines: Iterable[Line], period: Period, language: str) -> bytes:
    """One document with a table per account. O(lines); refused when it would be a book."""
    if (count := sum(account.lines for account in accounts)) > PDF_LINES:
        raise TooLong(limit=PDF_LINES, count=count)
    sections: dict[int, list[list[str]]] = {}
    for row in rows(accounts, lines, period):
        sections.setdefault(id(row.account), []).append(_pdf_row(row, language))
    told = {
        "title": gettext(language, N_("Statement of account")),
        "language": language,
        "period": gettext(
            language,
            N_("From %(since)s to %(as_of)s"),
            since=i18n.day(language, period.since, "long"),
            as_of=i18n.day(language, period.as_of, "long"),
        ),
        "made": gettext(language, N_("Made on %(day)s"), day=i18n.day(language, clock.today(), "long")),
        "columns": [gettext(language, _COLUMNS[n]) for n in (4, 5, 6, 7, 8, 9, 10)],
        "nothing": gettext(language, N_("Nothing was open or moved in this period.")),
        "balance": gettext(language, N_("Closing balance")),
        "accounts": [_pdf_account(account, sections[id(account)], language) for account in accounts],
    }
    return pdf.render(_TEMPLATE, told, at=clock.now())


def harmless(text: str) -> str:
    """A text no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless("F2026-1")
    ("'=1+1", 'F2026-1')
    """
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def _same_account(line: Line, account: Account) -> bool:
    of_line = (line.creditor_id, line.customer_id, line.currency)
    return of_line == (account.creditor_id, account.customer_id, account.currency)


def _names(row: Row) -> tuple[str, str, str, str]:
    return row.account.creditor, row.account.customer_ref, row.account.customer, row.account.currency


def _pdf_row(row: Row, language: str) -> list[str]:
    def told(minor: int | None) -> str:
        return "" if minor is None else i18n.amount(language, minor, row.account.currency)

    debit = row.amount_minor if row.debit is not None else None
    credit = -row.amount_minor if row.amount_minor is not None and row.credit is not None else None
    return [
        i18n.day(language, row.on, "short"),
        gettext(language, KINDS[row.kind]),
        row.number,
        i18n.day(language, row.due_on, "short") if row.due_on else "",
        told(debit),
        told(credit),
        told(row.balance_minor),
    ]


def _pdf_account(account: Account, told: list[list[str]], language: str) -> dict[str, object]:
    return {
        "creditor": account.creditor,
        "customer": account.customer,
        "reference": gettext(language, N_("Customer number %(ref)s"), ref=account.customer_ref),
        "currency": account.currency,
        "closing": i18n.money(language, account.closing_minor, account.currency),
        "rows": told,
    }
