"""The aged balance on any day equals a plain computation over the same history, the open items, and account 411."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.errors import NotFound
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.ledger.rules import CUSTOMERS, SALES, Bucket, Entry, Line, Pair, bucket
from shared.reporting import aged, open_items
from tests.make.books import Books

pytestmark = pytest.mark.usefixtures("database")
START = date(2026, 1, 1)
days = st.integers(0, 250).map(lambda n: START + timedelta(days=n))


@st.composite
def histories(draw):
    """Items (customer, amount, issued, due), and uses of credits on debits (credit, debit, share, day, undone)."""
    items = []
    for _ in range(draw(st.integers(1, 8))):
        minor = draw(st.integers(-5000, 9000).filter(bool))
        issued = draw(days)
        items.append(
            (draw(st.integers(0, 1)), minor, issued, issued + timedelta(days=draw(st.integers(0, 60))))
        )
    index = st.integers(0, len(items) - 1)
    undone = st.none() | st.integers(0, 90)
    uses = draw(st.lists(st.tuples(index, index, st.integers(1, 6000), days, undone), max_size=6))
    return items, uses


def write(books, customers, items, uses):
    """Book the history; gives the allocations that fit: (credit, debit, amount, day)."""
    ids, left, made = [], [minor for _, minor, _, _ in items], []
    with db.writing(SYSTEM) as session:
        for number, (who, minor, issued, due) in enumerate(items):
            item_id = new_id()
            ids.append(item_id)
            ledger.open_item(
                session, item_id=item_id, creditor_id=books.creditor_id, customer_id=customers[who],
                kind="invoice" if minor > 0 else "credit_note", number=f"D-{item_id.hex}-{number}", currency="EUR",
                amount_minor=minor, issued_on=issued, due_on=due,
            )  # fmt: skip
            lines = [Line(CUSTOMERS, minor, customers[who], item_id), Line(SALES, -minor)]
            ledger.post(session, [Entry(books.creditor_id, "VT", "invoice", issued, "EUR", "D", lines)])
        for credit, debit, wanted, on, undone in uses:
            minor = min(wanted, -left[credit], left[debit])
            if items[credit][0] != items[debit][0] or minor <= 0:
                continue
            who = customers[items[credit][0]]
            ledger.allocate(session, [Pair(who, ids[credit], ids[debit], minor, on, "test")])
            made.append((credit, debit, minor, on))
            if undone is None:
                left[credit] += minor
                left[debit] -= minor
            else:
                last = session.scalar(text("SELECT max(id) FROM allocation"))
                ledger.reverse_allocations(session, [last], on=on + timedelta(days=undone), reason="test")
                made.append((credit, debit, -minor, on + timedelta(days=undone)))
    return made


def expected(items, made, as_of):
    """The report as one would make it on paper."""
    found: dict[int, Counter[str]] = {0: Counter(), 1: Counter()}
    for number, (who, minor, issued, due) in enumerate(items):
        if issued > as_of:
            continue
        for credit, debit, used, on in made:
            if max(on, items[credit][2], items[debit][2]) <= as_of:
                minor += used * ((credit == number) - (debit == number))
        if minor:
            found[who][bucket(minor, due, as_of).value] += minor
    return found


@hypothesis_settings(max_examples=30)
@given(history=histories(), as_of=days)
def test_any_history_on_any_day(history, as_of):
    items, uses = history
    with db.writing(SYSTEM) as session:
        known = session.scalar(text("SELECT count(*) FROM creditor"))
    books = Books() if not known else _books()
    customers = [books.customer(f"{new_id().hex}") for _ in range(2)]
    made = write(books, customers, items, uses)
    with db.reading(SYSTEM) as session:
        refs = [session.scalar(text("SELECT ref FROM customer WHERE id = :id"), {"id": c}) for c in customers]
        for who, wanted in expected(items, made, as_of).items():
            found = aged.report(session, SYSTEM, as_of=as_of, customer=refs[who])
            told = {code: minor for code, minor in found.totals.amounts.as_dict().items() if minor}
            told.pop("total", None)
            assert told == {code: minor for code, minor in wanted.items() if minor}
            listed = list(open_items.report(session, SYSTEM, as_of=as_of, customer=refs[who]))
            assert sum(item.open_minor for item in listed) == found.totals.amounts.total
            assert Counter({i.bucket: 0 for i in listed}).keys() <= {b.value for b in Bucket}
            on_account = session.scalar(
                text(
                    "SELECT coalesce(sum(l.amount_minor), 0) FROM journal_line l JOIN journal_entry e"
                    " ON e.id = l.entry_id WHERE l.account = '411' AND l.customer_id = :id AND e.booked_on <= :day"
                ),
                {"id": customers[who], "day": as_of},
            )
            assert on_account == found.totals.amounts.total


def _books():
    """The creditor of an earlier example of the same test."""
    books = Books.__new__(Books)
    with db.reading(SYSTEM) as session:
        books.creditor_id = session.scalar(text("SELECT id FROM creditor"))
    return books


def test_pages_of_the_report_keep_the_totals_and_the_largest_debt_comes_first(database):
    books = Books()
    for number in range(5):
        books.invoice(books.customer(f"C{number}"), f"F-100{number}", 1000 + number)
    with db.reading(SYSTEM) as session:
        whole = aged.report(session, SYSTEM, as_of=clock.today())
        page = aged.report(session, SYSTEM, as_of=clock.today(), limit=2, offset=2)
        beyond = aged.report(session, SYSTEM, as_of=clock.today(), limit=2, offset=50)
    assert [row.customer_ref for row in whole.rows] == ["C4", "C3", "C2", "C1", "C0"]
    assert [row.customer_ref for row in page.rows] == ["C2", "C1"]
    assert page.totals == whole.totals == beyond.totals
    assert (page.customers, beyond.rows) == (5, [])
    assert whole.as_json()["totals"]["total"] == 5010


def test_files_hold_the_same_figures_and_no_formulas(database):
    books = Books()
    customer = books.customer("=1+1")
    books.invoice(customer, "F-1001", 123456)
    books.invoice(customer, "A-1002", -56)
    with db.reading(SYSTEM) as session:
        found = aged.report(session, SYSTEM, as_of=clock.today())
        items = list(open_items.report(session, SYSTEM, as_of=clock.today()))
    rows = list(csv.reader(io.StringIO("".join(aged.as_csv(found)))))
    assert (rows[1][0], rows[1][2], rows[-1][-1]) == ("'=1+1", "1234.56", "1234.00")
    sheet = load_workbook(io.BytesIO(aged.as_xlsx(found))).active
    assert (sheet["A2"].value, sheet["A2"].data_type, sheet["C2"].value) == ("=1+1", "s", 1234.56)
    lines = list(csv.reader(io.StringIO("".join(open_items.as_csv(items)))))
    assert sorted(line[6] for line in lines[1:]) == ["-0.56", "1234.56"]


def test_whom_nobody_knows_is_refused(database):
    Books()
    with db.reading(SYSTEM) as session:
        for asked in ({"creditor": "NOBODY"}, {"customer": "NOBODY"}):
            with pytest.raises(NotFound):
                aged.report(session, SYSTEM, as_of=clock.today(), **asked)
