"""Whatever the order in which files come, and however often: the books end the same, and agree with themselves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import URL

from shared import db
from shared.actor import SYSTEM
from shared.tabular.imported import RefusedRows
from tests.conftest import DEEP
from tests.make.books import Books
from tests.slices.test_import_history import row as payment
from tests.slices.test_import_history import take as take_payments
from tests.slices.test_import_invoices import row, take

numbers = st.sampled_from([f"F{n}" for n in range(6)])
invoices = st.dictionaries(
    numbers,
    st.tuples(
        st.sampled_from(["C1", "C2"]), st.integers(1, 10**6), st.sampled_from(["invoice", "credit_note"])
    ),
    min_size=1,
)


def fresh(database: URL) -> None:
    address = database.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as owner:
        owner.execute(
            "TRUNCATE creditor, customer, open_item, journal_entry, audit_entry, fact RESTART IDENTITY CASCADE"
        )
    made = Books()
    made.customer("C1")
    made.customer("C2")


def line(number: str, told: tuple[str, int, str]) -> list[str]:
    customer, minor, kind = told
    amount = str(Decimal(minor) / 100)
    return row(
        number, kind=kind, customer_ref=customer, total_incl_vat=amount, total_excl_vat="", vat_breakdown=""
    )  # fmt: skip


def books_now() -> list[Any]:
    with db.reading(SYSTEM) as session:
        items = "SELECT c.ref, i.number, i.kind, i.amount_minor, i.open_minor FROM open_item i JOIN customer c ON c.id = i.customer_id"
        found = session.execute(text(f"{items} WHERE i.kind <> 'receipt' ORDER BY i.number"))
        return [tuple(each) for each in found]


@settings(max_examples=200 if DEEP else 12)
@given(invoices, st.data())
def test_files_in_any_order_and_number_end_in_the_same_books(
    database: URL, told: dict[str, tuple[str, int, str]], data: st.DataObject
) -> None:
    fresh(database)
    parts = data.draw(st.lists(st.lists(st.sampled_from(sorted(told)), min_size=1), max_size=4))
    for part in [*parts, sorted(told)]:
        take(*(line(number, told[number]) for number in part))
    expected = [
        (
            customer,
            number,
            kind,
            minor if kind == "invoice" else -minor,
            minor if kind == "invoice" else -minor,
        )
        for number, (customer, minor, kind) in sorted(told.items())
    ]
    assert books_now() == expected


@settings(max_examples=200 if DEEP else 12)
@given(invoices, numbers, st.integers(1, 10**6))
def test_a_changed_amount_never_enters_the_books(
    database: URL, told: dict[str, tuple[str, int, str]], number: str, minor: int
) -> None:
    fresh(database)
    take(*(line(each, told[each]) for each in told))
    before = books_now()
    if number in told and minor != told[number][1]:
        customer, _, kind = told[number]
        try:
            take(line(number, (customer, minor, kind)), line("F99", ("C1", 5, "invoice")))
            raise AssertionError("it was taken")
        except RefusedRows as refused:
            assert refused.column == "total_incl_vat"
    assert books_now() == before


@settings(max_examples=200 if DEEP else 12)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 20000)), max_size=6), st.integers(1, 3))
def test_payments_repeated_settle_once(database: URL, paid: list[tuple[int, int]], times: int) -> None:
    fresh(database)
    take(line("F1", ("C1", 50000, "invoice")))
    told = dict(paid)
    rows = [payment(payment_ref=f"P{ref}", amount=str(Decimal(minor) / 100)) for ref, minor in told.items()]
    for _ in range(times):
        if rows:
            take_payments(*rows)
    assert books_now()[0][4] == max(0, 50000 - sum(told.values()))
