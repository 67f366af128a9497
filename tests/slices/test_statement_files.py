"""The statement of account as a file: the same numbers in each form, and nothing a spreadsheet would run."""

import csv
import io
from dataclasses import replace

import openpyxl
import pypdf
import pytest

from shared import clock, db
from shared.reporting import statement, statement_files
from shared.reporting.statement import Period
from shared.reporting.statement_files import as_csv, as_pdf, as_xlsx, rows
from tests.make.account import Account, in_days, many_items

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def account(database):
    return Account()


def told(account):
    period = Period(in_days(-30), clock.today())
    with db.reading(account.actor) as session:
        found = statement.accounts(session, account.actor, period)
        return found, list(statement.every_line(session, account.actor, period)), period


@pytest.mark.parametrize("language,separator,point", [("fr", ";", ","), ("en", ",", ".")])
def test_csv_tells_each_account_from_opening_to_closing(account, language, separator, point):
    found, lines, period = told(account)
    content = b"".join(as_csv(rows(found, lines, period), language)).decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(content), delimiter=separator))
    assert len(table) == 1 + len(lines) + 2 * len(found)
    assert {len(row) for row in table} == {11}
    closings = [row[10] for row in table if row[5] in ("Closing balance", "Solde final")]
    assert closings == [f"{a.closing_minor / 100:.2f}".replace(".", point) for a in found]


def test_xlsx_holds_numbers_and_days_and_no_formula(account):
    found, lines, period = told(account)
    first = replace(found[0], creditor='=HYPERLINK("http://x")')
    with as_xlsx(rows([first, *found[1:]], lines, period), "en") as made:
        sheet = openpyxl.load_workbook(made).active
    table = list(sheet.iter_rows(min_row=2, values_only=True))
    assert table[0][0] == '=HYPERLINK("http://x")'
    assert sheet["A2"].data_type == "s"
    assert [round(r[10] * 100) for r in table if r[5] == "Closing balance"] == [
        a.closing_minor for a in found
    ]
    assert all(isinstance(r[8], int | float | None) and isinstance(r[9], int | float | None) for r in table)
    assert sum(round((r[8] or 0) * 100) for r in table) == sum(a.debits_minor for a in found)


@pytest.mark.parametrize("sign", "=+-@")
def test_csv_disarms_formulas(account, sign):
    found, lines, period = told(account)
    wrong = [replace(lines[0], number=f"{sign}cmd|' /C calc'!A0"), *lines[1:]]
    content = b"".join(as_csv(rows(found, wrong, period), "en")).decode()
    assert f"'{sign}cmd" in content


@pytest.mark.parametrize("language,title", [("fr", "Relevé de compte"), ("en", "Statement of account")])
def test_pdf_is_tagged_in_our_typeface_and_says_the_balance(account, language, title):
    found, lines, period = told(account)
    read = pypdf.PdfReader(io.BytesIO(as_pdf(found, lines, period, language)))
    text = "\n".join(page.extract_text() for page in read.pages)
    assert title in text and "Vernaison Services SARL" in text and "F2026-000101" in text
    fonts = {f["/BaseFont"] for p in read.pages for f in p["/Resources"]["/Font"].values()}
    assert all("HankenGrotesk" in str(name) for name in fonts)
    assert read.trailer["/Root"]["/MarkInfo"]["/Marked"]


def test_a_pdf_that_would_be_a_book_is_refused_and_a_long_csv_is_not(account, monkeypatch):
    many_items(account.books, account.lyon, 500)
    found, lines, period = told(account)
    monkeypatch.setattr(statement_files, "PDF_LINES", 100)
    with pytest.raises(statement_files.TooLong):
        as_pdf(found, lines, period, "en")
    assert sum(part.count(b"\r\n") for part in as_csv(rows(found, lines, period), "en")) > 500


def test_an_account_where_nothing_happened_is_a_file_too(account):
    period = Period(in_days(-900), in_days(-800))
    assert as_pdf([], [], period, "fr").startswith(b"%PDF-1.7")
    assert b"".join(as_csv(rows([], [], period), "en")).count(b"\r\n") == 1
