"""The ledger's promises, asked of the database itself: as the application's own role, with raw SQL."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from shared import clock, db
from shared.actor import SYSTEM
from shared.audit.actions import record
from shared.audit.checks import chain
from shared.db import writing
from shared.errors import Conflict, DomainError
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.ledger.rules import CUSTOMERS, SALES, Entry, Line, Pair
from tests.make.books import Books


@pytest.fixture
def books(database: URL) -> Books:
    return Books()


def allocate(books: Books, customer: object, credit: object, debit: object, minor: int) -> None:
    with writing(SYSTEM) as session:
        ledger.allocate(session, [Pair(customer, credit, debit, minor, clock.today(), "test")])  # type: ignore[arg-type]


def test_audit_chain_is_sealed_and_tampering_is_found(database: URL) -> None:
    for n in range(3):
        with writing(SYSTEM) as session:
            record(session, SYSTEM, "tested", "thing", n, note="é")
    with db.reading(SYSTEM) as session:
        assert chain(session) is None
        assert session.scalar(text("SELECT count(*) FROM audit_seal")) == 3
    with as_owner(database) as owner:
        owner.execute("UPDATE audit_entry SET detail = '{}' WHERE id = 2")
    with db.reading(SYSTEM) as session:
        assert "position 2" in (chain(session) or "")


def test_an_entry_that_does_not_balance_is_refused_by_the_database(books: Books) -> None:
    with pytest.raises(Exception, match="balance"), writing(SYSTEM) as session:
        entry = session.scalar(
            text(
                "INSERT INTO journal_entry (creditor_id, journal, event, booked_on, currency, label, posted_at)"
                " VALUES (:c, 'OD', 'x', now(), 'EUR', 'x', now()) RETURNING id"
            ),
            {"c": books.creditor_id},
        )
        session.execute(
            text(
                "INSERT INTO journal_line (entry_id, account, amount_minor) VALUES (:e, '512', 5), (:e, '471', -4)"
            ),
            {"e": entry},
        )


def test_a_posted_entry_takes_no_further_lines(books: Books) -> None:
    books.invoice(books.customer("C1"), "F-1", 100)
    with pytest.raises(Exception, match="no further lines"), writing(SYSTEM) as session:
        session.execute(
            text(
                "INSERT INTO journal_line (entry_id, account, amount_minor)"
                " SELECT id, a, m FROM journal_entry, (VALUES ('512', 5), ('471', -5)) v(a, m)"
            )
        )


def test_unbalanced_lines_are_refused_before_the_database_sees_them(books: Books) -> None:
    entry = Entry(books.creditor_id, "OD", "x", clock.today(), "EUR", "x", [Line(SALES, 5), Line(SALES, -4)])
    with pytest.raises(DomainError), writing(SYSTEM) as session:
        ledger.post(session, [entry])


def test_over_allocation_is_refused_on_either_side(books: Books) -> None:
    customer = books.customer("C1")
    invoice, credit = books.invoice(customer, "F-1", 100), books.invoice(customer, "A-1", -40)
    with pytest.raises(Conflict):
        allocate(books, customer, credit, invoice, 41)
    allocate(books, customer, credit, invoice, 40)
    with pytest.raises(Conflict):
        allocate(books, customer, credit, invoice, 1)
    assert (books.open_minor(invoice), books.open_minor(credit)) == (60, 0)


def test_a_credit_never_settles_another_customers_invoice(books: Books) -> None:
    one, other = books.customer("C1"), books.customer("C2")
    invoice, credit = books.invoice(one, "F-1", 100), books.invoice(other, "A-1", -40)
    for customer in (one, other):
        with pytest.raises(DomainError, match="same customer"):
            allocate(books, customer, credit, invoice, 40)


def test_a_reversal_undoes_once_and_exactly(books: Books) -> None:
    customer = books.customer("C1")
    invoice, credit = books.invoice(customer, "F-1", 100), books.invoice(customer, "A-1", -40)
    allocate(books, customer, credit, invoice, 40)
    with db.reading(SYSTEM) as session:
        allocation = session.scalar(text("SELECT id FROM allocation"))
    with writing(SYSTEM) as session:
        ledger.reverse_allocations(session, [allocation], on=clock.today(), reason="test")
    assert (books.open_minor(invoice), books.open_minor(credit)) == (100, -40)
    with pytest.raises(Conflict), writing(SYSTEM) as session:
        ledger.reverse_allocations(session, [allocation], on=clock.today(), reason="test")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE open_item SET open_minor = 0",
        "UPDATE open_item SET amount_minor = 1, open_minor = 1",
        "DELETE FROM open_item",
        "UPDATE allocation SET amount_minor = 1",
        "DELETE FROM allocation",
        "UPDATE journal_line SET amount_minor = 1",
        "DELETE FROM journal_entry",
        "UPDATE bank_line SET open_minor = 0",
        "DELETE FROM receipt",
        "UPDATE audit_entry SET verb = 'x'",
        "DELETE FROM audit_entry",
        "INSERT INTO audit_seal VALUES (1, 1, '')",
        "UPDATE match SET outcome = 'applied'",
    ],
)
def test_the_back_offices_role_cannot_rewrite_the_books(books: Books, statement: str) -> None:
    with pytest.raises(Exception, match="permission denied"), writing(SYSTEM) as session:
        session.execute(text(statement))


def test_reading_refuses_to_write(books: Books) -> None:
    with pytest.raises(Exception, match="read-only"), db.reading(SYSTEM) as session:
        record(session, SYSTEM, "tested", "thing", 1)


def test_an_item_starts_with_its_whole_amount_open(books: Books) -> None:
    customer = books.customer("C1")
    with pytest.raises(Exception, match="whole amount"), writing(SYSTEM) as session:
        session.execute(
            text(
                "INSERT INTO open_item (id, creditor_id, customer_id, kind, number, number_key, currency,"
                " amount_minor, open_minor, issued_on, due_on, created_at)"
                " VALUES (:id, :c, :k, 'invoice', 'F', 'F', 'EUR', 100, 50, now(), now(), now())"
            ),
            {"id": new_id(), "c": books.creditor_id, "k": customer},
        )


def test_a_customers_line_names_the_customer_and_the_item(books: Books) -> None:
    with pytest.raises(Exception, match="check constraint"), writing(SYSTEM) as session:
        entry = Entry(
            books.creditor_id, "OD", "x", clock.today(), "EUR", "x", [Line(CUSTOMERS, 5), Line(SALES, -5)]
        )
        ledger.post(session, [entry])


def as_owner(url: URL) -> psycopg.Connection:
    return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        (
            "INSERT INTO open_item (id, creditor_id, customer_id, kind, number, number_key, currency, amount_minor,"
            " open_minor, issued_on, due_on, created_at) SELECT gen_random_uuid(), gen_random_uuid(), customer_id,"
            " kind, 'X', 'X', currency, 1, 1, issued_on, due_on, created_at FROM open_item",
            "creditor and a customer that exist",
        ),
        (
            "INSERT INTO open_item (id, creditor_id, customer_id, kind, number, number_key, currency, amount_minor,"
            " open_minor, issued_on, due_on, created_at) SELECT gen_random_uuid(), creditor_id, gen_random_uuid(),"
            " kind, 'X', 'X', currency, 1, 1, issued_on, due_on, created_at FROM open_item",
            "creditor and a customer that exist",
        ),
        (
            "INSERT INTO invoice (id, customer_id, type_code, source_format)"
            " SELECT gen_random_uuid(), customer_id, '380', 'csv' FROM open_item",
            "open item of the same customer",
        ),
        (
            "INSERT INTO invoice (id, customer_id, type_code, source_format)"
            " SELECT i.id, c.id, '380', 'csv' FROM open_item i JOIN customer c ON c.id <> i.customer_id",
            "open item of the same customer",
        ),
        (
            "INSERT INTO journal_line (entry_id, account, amount_minor) VALUES (-1, '512', 5)",
            "no further lines",
        ),
    ],
)
def test_rows_refer_only_to_rows_that_exist(books: Books, statement: str, refused: str) -> None:
    books.invoice(books.customer("C1"), "F-1", 100)
    books.customer("C2")
    with pytest.raises(Exception, match=refused), writing(SYSTEM) as session:
        session.execute(text(statement))


@pytest.mark.parametrize("table", ["creditor", "customer", "open_item", "journal_entry"])
def test_what_is_referred_to_is_not_even_removed_by_the_owner(
    books: Books, database: URL, table: str
) -> None:
    books.invoice(books.customer("C1"), "F-1", 100)
    with as_owner(database) as owner, pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute(f"DELETE FROM {table}")
