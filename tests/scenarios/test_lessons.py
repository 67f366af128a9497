"""What users of comparable systems complain about, and that it does not happen here. A test's name is the lesson."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from uuid import UUID

import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.bank_statements.importing import import_statement
from shared.errors import NotFound, RefusedFile
from shared.ledger.rules import CUSTOMERS
from shared.matching import finding, queries, run
from shared.matching.actions import Part, assign, undo
from shared.matching.by_hand import Chosen, plan
from shared.matching.rules import VERSION
from shared.money import Money
from shared.payments import announcing, epc_qr, reference
from shared.payments.queries import payables
from shared.payments.rules import Choice
from shared.reporting import aged, one_item
from shared.reporting.items import items
from shared.reporting.receivables import items as office_items
from shared.sandbox.camt_files import Camt053, Line, Statement
from tests.make.books import OWN_IBAN, PAYER_IBAN, Books
from tests.make.truth import assert_books_agree


@pytest.fixture
def books(database: object) -> Books:
    return Books()


def ask(query: str) -> list[tuple[object, ...]]:
    with db.reading(SYSTEM) as session:
        return [tuple(row) for row in session.execute(text(query))]


def outcomes() -> dict[UUID, run.Result]:
    return {result.line.id: result for result in run.run(SYSTEM)}


def by_hand(line: UUID, *parts: Part, on_account: UUID | None = None) -> UUID:
    with db.writing(SYSTEM) as session:
        return assign(session, SYSTEM, line, parts, on_account)


def announced(books: Books, customer: UUID, *choices: Choice) -> str:
    debtor = books.debtor(customer)
    with db.writing(debtor) as session:
        return announcing.announce(session, debtor, choices, clock.today())[0].reference


def suggestions(line: UUID) -> dict[str, str]:
    with db.reading(SYSTEM) as session:
        found = finding.suggestions(session, SYSTEM, queries.line(session, SYSTEM, line))
    return {each.candidate.number: each.why for each in found.suggestions}


def taken(content: bytes) -> object:
    with db.writing(SYSTEM) as session:
        return import_statement(session, SYSTEM, BytesIO(content), "bank.xml")


def statement(*lines: Line, **values: object) -> bytes:
    out = BytesIO()
    Camt053().write(out, [Statement(list(lines), account=OWN_IBAN, **values)])
    return out.getvalue()


# -- reconciliation --------------------------------------------------------------------------------------------


def test_an_equal_amount_alone_is_suggested_with_its_reason_and_never_applied(books: Books) -> None:
    invoice = books.invoice(books.customer("C1"), "F-2026-0001", 12_345)
    line = books.bank_line(12_345, "merci")
    assert outcomes()[line].decision.outcome == "unmatched"
    assert suggestions(line) == {"F-2026-0001": "The amount is the same."}
    assert books.open_minor(invoice) == 12_345


def test_an_automatic_match_leaves_no_rest_on_either_side(books: Books) -> None:
    customer = books.customer("C1")
    invoices = [books.invoice(customer, f"F-2026-000{n}", 1_000 * n) for n in (1, 2)]
    exact = books.bank_line(3_000, "F-2026-0001 F-2026-0002")
    assert outcomes()[exact].decision.outcome == "applied"
    assert [books.open_minor(i) for i in invoices] == [0, 0] and books.line_open_minor(exact) == 0
    assert_books_agree()


def test_one_payment_pays_for_several_customers_and_its_payer_stays_a_fact_of_the_line(books: Books) -> None:
    parent, child = (
        books.customer("P", group="G", iban=PAYER_IBAN),
        books.customer("S", group="G"),
    )
    mine, theirs = books.invoice(parent, "F-2026-0001", 1_000), books.invoice(child, "F-2026-0002", 2_000)
    line = books.bank_line(3_000, "F-2026-0001 / F-2026-0002", iban=PAYER_IBAN)
    assert outcomes()[line].decision.outcome == "applied"
    assert (books.open_minor(mine), books.open_minor(theirs)) == (0, 0)
    assert sorted(ask("SELECT customer_id, amount_minor, payer_iban FROM receipt")) == sorted(
        [(parent, 1_000, PAYER_IBAN), (child, 2_000, PAYER_IBAN)]
    )


def test_every_allocation_leads_to_the_rule_its_version_and_its_evidence(books: Books) -> None:
    books.invoice(books.customer("C1"), "F-2026-0001", 1_000)
    books.bank_line(1_000, "F-2026-0001")
    outcomes()
    (found,) = ask(
        'SELECT m.rule, m.version, m.confidence > 0.99, m.evidence @> \'["number", "amount"]\''
        " FROM allocation a JOIN match m ON m.id = a.match_id"
    )
    assert found == ("numbers+amount", VERSION, True, True)


def test_a_number_that_contradicts_the_reference_is_a_veto(books: Books) -> None:
    customer = books.customer("C1")
    first, second = (
        books.invoice(customer, "F-2026-0001", 1_000),
        books.invoice(customer, "F-2026-0002", 1_000),
    )
    told = announced(books, customer, Choice(first))
    line = books.bank_line(1_000, "F-2026-0002", reference=told)
    assert outcomes()[line].decision.rule == "conflict"
    assert (books.open_minor(first), books.open_minor(second)) == (1_000, 1_000)


def test_an_announced_payment_comes_before_an_open_invoice_of_the_same_amount(books: Books) -> None:
    customer = books.customer("C1", iban=PAYER_IBAN)
    older, chosen = (
        books.invoice(customer, "F-2026-0001", 1_000),
        books.invoice(customer, "F-2026-0002", 1_000),
    )
    announced(books, customer, Choice(chosen))
    line = books.bank_line(1_000, "virement", iban=PAYER_IBAN)
    assert outcomes()[line].decision.rule == "expected+account+amount"
    assert (books.open_minor(older), books.open_minor(chosen)) == (1_000, 0)


def test_two_payments_of_half_settle_half_each_and_never_close_twice(books: Books) -> None:
    invoice = books.invoice(books.customer("C1"), "F-2026-0001", 10_000)
    for left in (5_000, 0):
        line = books.bank_line(5_000, "acompte")
        shares = plan(5_000, [Chosen(invoice, "F-2026-0001", books.open_minor(invoice))])
        assert shares.parts == ((invoice, 5_000),) and shares.rest_minor == 0
        by_hand(line, *(Part(*part) for part in shares.parts))
        assert books.open_minor(invoice) == left


def test_a_status_is_worked_out_from_allocations_and_money_on_account_closes_nothing(books: Books) -> None:
    customer = books.customer("C1")
    invoice = books.invoice(customer, "F-2026-0001", 10_000, due_on=clock.today() + timedelta(days=30))
    by_hand(books.bank_line(4_000, "x"), Part(invoice, 4_000))
    by_hand(books.bank_line(9_000, "y"), on_account=customer)
    debtor = books.debtor(customer)
    with db.reading(debtor) as session:
        assert one_item.one_item(session, debtor, invoice).item.status == "partly_paid"
    assert books.open_minor(invoice) == 6_000


@pytest.mark.parametrize("written", ["F-2026-00010", "XF-2026-0001", "12026000199"])
def test_a_number_inside_of_a_longer_one_is_not_that_number(books: Books, written: str) -> None:
    invoice = books.invoice(books.customer("C1"), "F-2026-0001", 1_000)
    line = books.bank_line(1_000, written)
    assert outcomes()[line].decision.outcome == "unmatched"
    assert books.open_minor(invoice) == 1_000


def test_a_settled_invoice_is_neither_matched_nor_offered(books: Books) -> None:
    invoice = books.invoice(books.customer("C1"), "F-2026-0001", 1_000)
    by_hand(books.bank_line(1_000, "x"), Part(invoice, 1_000))
    line = books.bank_line(1_000, "F-2026-0001")
    assert outcomes()[line].decision.why == "%(numbers)s: settled before."
    assert suggestions(line) == {}


def test_a_number_without_its_leading_zeros_is_left_to_a_person(books: Books) -> None:
    invoice = books.invoice(books.customer("C1"), "FA2026-000123", 1_000)
    line = books.bank_line(1_000, "FA2026 123")
    assert outcomes()[line].decision.outcome == "unmatched"
    assert "FA2026-000123" in suggestions(line)
    assert books.open_minor(invoice) == 1_000


@pytest.mark.parametrize("amount", ["", "12,3.4", "1e3", "-", "twelve"])
def test_an_amount_that_cannot_be_read_refuses_the_file_and_is_never_zero(books: Books, amount: str) -> None:
    good = statement(Line(1_000))
    broken = good.replace(b">10.00</Amt>", f">{amount}</Amt>".encode(), 1)
    assert broken != good
    with pytest.raises(RefusedFile):
        taken(broken)
    assert ask("SELECT count(*) FROM bank_line") == [(0,)]
    assert ask("SELECT count(*) FROM message") == [(0,)]


def test_a_match_is_undone_alone_keeps_its_history_and_is_not_made_again(books: Books) -> None:
    customer = books.customer("C1")
    first, second = (
        books.invoice(customer, "F-2026-0001", 1_000),
        books.invoice(customer, "F-2026-0002", 2_000),
    )
    line = books.bank_line(1_000, "F-2026-0001")
    books.bank_line(2_000, "F-2026-0002")
    outcomes()
    with db.reading(SYSTEM) as session:
        (match,) = queries.line(session, SYSTEM, line).history
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match.id, "another customer's")
    assert outcomes() == {}
    assert (books.open_minor(first), books.open_minor(second)) == (1_000, 0)
    with db.reading(SYSTEM) as session:
        told = [each.why.outcome for each in queries.line(session, SYSTEM, line).history]
    assert told == ["undone", "applied"]


# -- bank files ------------------------------------------------------------------------------------------------


def test_equal_payments_of_one_day_are_two_and_the_same_file_twice_is_one(books: Books) -> None:
    content = statement(Line(1_000), Line(1_000))
    for _ in range(2):
        taken(content)
    assert ask("SELECT amount_minor, occurrence FROM bank_line ORDER BY 2") == [(1_000, 1), (1_000, 2)]
    assert ask("SELECT sum(amount_minor) FROM journal_line WHERE account = '512'") == [(2_000,)]


def test_a_reference_is_read_with_blanks_and_without_and_stands_in_the_qr_code(books: Books) -> None:
    customer = books.customer("C1")
    told = announced(books, customer, Choice(books.invoice(customer, "F-2026-0001", 1_000)))
    line = books.bank_line(1_000, f"paiement {reference.grouped(told).lower()}")
    assert outcomes()[line].decision.outcome == "applied"
    code = epc_qr.TransferCode("Ateliers", OWN_IBAN, Money(1_000, "EUR"), reference=told)
    assert told in epc_qr.payload(code).split("\n")


# -- portal ----------------------------------------------------------------------------------------------------


def test_a_part_paid_invoice_asks_for_what_is_left(books: Books) -> None:
    customer = books.customer("C1")
    invoice = books.invoice(customer, "F-2026-0001", 10_000)
    by_hand(books.bank_line(4_000, "x"), Part(invoice, 4_000))
    debtor = books.debtor(customer)
    with db.reading(debtor) as session:
        (asked,) = payables(session, debtor)
    assert asked.free_minor == 6_000


def test_money_paid_too_much_is_usable_on_the_next_invoice(books: Books) -> None:
    customer = books.customer("C1")
    by_hand(books.bank_line(4_000, "trop"), on_account=customer)
    invoice = books.invoice(customer, "F-2026-0001", 10_000)
    debtor = books.debtor(customer)
    with db.reading(debtor) as session:
        everything = [Choice(each.item_id) for each in payables(session, debtor)]
    told = announced(books, customer, *everything)
    line = books.bank_line(6_000, reference=told)
    assert outcomes()[line].decision.outcome == "applied"
    assert books.open_minor(invoice) == 0
    assert_books_agree()


def test_a_customer_never_sees_anothers_invoice(books: Books) -> None:
    mine, other = books.customer("C1"), books.customer("C2")
    theirs = books.invoice(other, "F-2026-0001", 10_000)
    debtor = books.debtor(mine)
    with db.reading(debtor) as session:
        assert items(session, debtor, customers=[other], state="all").rows == []
        with pytest.raises(NotFound):
            one_item.one_item(session, debtor, theirs)


def test_both_sides_show_the_same_status(books: Books) -> None:
    customer = books.customer("C1")
    for n, days in enumerate((-5, 0, 3, 40)):
        invoice = books.invoice(
            customer, f"F-2026-000{n}", 10_000, due_on=clock.today() + timedelta(days=days)
        )
        if n % 2:
            by_hand(books.bank_line(100, "x"), Part(invoice, 100))
    announced(books, customer, Choice(invoice, 5_000))
    debtor = books.debtor(customer)
    with db.reading(debtor) as session:
        portal = {row.id: row.status for row in items(session, debtor, state="all").rows}
    with db.reading(SYSTEM) as session:
        office = {row.item_id: row.status for row in office_items(session, SYSTEM, tab="all")[0]}
    assert portal == office and len(portal) == 4


# -- reports ---------------------------------------------------------------------------------------------------


def test_on_every_day_the_buckets_make_what_is_open_and_what_the_ledger_holds(books: Books) -> None:
    """Also on days before money came, before it was taken back, and for what is due later."""
    today = clock.today()
    customer = books.customer("C1")
    late = books.invoice(customer, "F-2026-0001", 10_000, due_on=today - timedelta(days=95))
    books.invoice(customer, "F-2026-0002", 7_000, due_on=today + timedelta(days=95))
    match = by_hand(books.bank_line(12_000, "x"), Part(late, 10_000), on_account=customer)
    with clock.frozen(clock.now() + timedelta(days=3)), db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match, "another customer's")
    expected = {-21: 0, -20: 17_000, -1: 17_000, 0: 5_000, 2: 5_000, 3: 17_000, 200: 17_000}
    for days, total in expected.items():
        day = today + timedelta(days=days)
        with db.reading(SYSTEM) as session:
            found = aged.report(session, SYSTEM, as_of=day).totals.amounts
            ledger = session.scalar(
                text(
                    "SELECT coalesce(sum(l.amount_minor), 0) FROM journal_line l JOIN journal_entry e"
                    " ON e.id = l.entry_id WHERE l.account = :account AND e.booked_on <= :day"
                ),
                {"account": CUSTOMERS, "day": day},
            )
        assert found.total == sum(found.of(bucket) for bucket in aged.BUCKETS) == ledger == total, days


def test_an_invoice_paid_since_is_still_in_the_balance_of_an_earlier_day(books: Books) -> None:
    invoice = books.invoice(books.customer("C1"), "F-2026-0001", 10_000)
    by_hand(books.bank_line(10_000, "x"), Part(invoice, 10_000))
    with db.reading(SYSTEM) as session:
        before = aged.report(session, SYSTEM, as_of=clock.today() - timedelta(days=1))
        after = aged.report(session, SYSTEM, as_of=clock.today())
    assert (before.totals.amounts.total, after.totals.amounts.total) == (10_000, 0)
