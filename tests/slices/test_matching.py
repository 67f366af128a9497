"""The path of money: announced, received, matched, assigned by hand, undone; and what is left to a person."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.audit import checks as audit_checks
from shared.creditors.actions import add_factor_account, by_code
from shared.errors import Conflict
from shared.ledger import checks as ledger_checks
from shared.matching import checks as matching_checks
from shared.matching import run
from shared.matching.actions import Part, assign, undo
from shared.payments import announcing
from shared.payments.rules import Choice
from tests.make.books import FACTOR_IBAN, PAYER_IBAN, Books

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def books(database: object) -> Books:
    return Books()


def outcomes() -> dict[UUID, run.Result]:
    return {result.line.id: result for result in run.run(SYSTEM)}


def announce(books: Books, customer: UUID, *items: UUID) -> str:
    debtor = books.debtor(customer)
    with db.writing(debtor) as session:
        (payment,) = announcing.announce(session, debtor, [Choice(i) for i in items], clock.today())
        return payment.reference


def assert_books_agree() -> None:
    with db.reading(SYSTEM) as session:
        for check in (
            ledger_checks.items_equal_their_allocations,
            ledger_checks.entries_balance,
            ledger_checks.items_equal_the_ledger,
            matching_checks.lines_equal_their_receipts,
            matching_checks.unassigned_money_equals_the_ledger,
            audit_checks.chain,
        ):
            assert check(session) is None, check.__name__


def test_announced_transfer_is_settled_by_its_reference(books: Books) -> None:
    customer = books.customer("C1")
    invoice, credit = books.invoice(customer, "F-1001", 12000), books.invoice(customer, "A-1002", -2000)
    reference = announce(books, customer, invoice, credit)
    line = books.bank_line(10000, "paiement", reference=reference)
    result = outcomes()[line]
    assert (result.decision.outcome, result.decision.rule) == ("applied", "reference+amount")
    assert (books.open_minor(invoice), books.open_minor(credit), books.line_open_minor(line)) == (0, 0, 0)
    assert_books_agree()


def test_announcing_twice_gives_the_same_reference(books: Books) -> None:
    customer = books.customer("C1")
    invoice = books.invoice(customer, "F-1001", 12000)
    assert announce(books, customer, invoice) == announce(books, customer, invoice)


def test_reference_in_free_text_with_blanks_is_read(books: Books) -> None:
    customer = books.customer("C1")
    reference = announce(books, customer, books.invoice(customer, "F-1001", 12000))
    spaced = " ".join(reference[i : i + 4] for i in range(0, len(reference), 4))
    line = books.bank_line(12000, f"VIR {spaced} MERCI")
    assert outcomes()[line].decision.outcome == "applied"


@pytest.mark.parametrize("minor", [11999, 12001])
def test_our_reference_with_another_amount_waits_for_a_person(books: Books, minor: int) -> None:
    customer = books.customer("C1")
    invoice = books.invoice(customer, "F-1001", 12000)
    line = books.bank_line(minor, reference=announce(books, customer, invoice))
    result = outcomes()[line]
    assert (result.decision.outcome, result.decision.rule) == ("unmatched", "reference+amount")
    assert (books.open_minor(invoice), books.line_open_minor(line)) == (12000, minor)


def test_second_equal_transfer_is_left_to_a_person(books: Books) -> None:
    customer = books.customer("C1")
    reference = announce(books, customer, books.invoice(customer, "F-1001", 12000))
    lines = [books.bank_line(12000, reference=reference) for _ in range(2)]
    results = outcomes()
    assert sorted(results[line].decision.outcome for line in lines) == ["applied", "unmatched"]
    assert_books_agree()


def test_numbers_that_make_the_amount_are_applied_over_several_customers(books: Books) -> None:
    parent, child = books.customer("P", group="G"), books.customer("S", group="G")
    first, second = books.invoice(parent, "FA2026-000123", 10000), books.invoice(child, "FA2026-000124", 5000)
    line = books.bank_line(15000, "FACTURES FA2026-000123 ET FA 2026 000124")
    assert outcomes()[line].decision.rule == "numbers+amount"
    assert books.open_minor(first) == books.open_minor(second) == 0
    assert_books_agree()


@pytest.mark.parametrize(
    ("amount", "remittance", "rule"),
    [
        (9999, "F-10010", "numbers+amount"),  # a cent short: never guessed
        (10000, "merci", "nothing"),  # the amount alone proves nothing
        (10000, "F-100100", "nothing"),  # a longer number is another number
        (-500, "FRAIS", "debit"),
    ],
)
def test_what_is_not_certain_is_left_with_its_reason(
    books: Books, amount: int, remittance: str, rule: str
) -> None:
    invoice = books.invoice(books.customer("C1"), "F-10010", 10000)
    line = books.bank_line(amount, remittance)
    result = outcomes()[line]
    assert (result.decision.outcome == "applied", result.decision.rule) == (False, rule)
    assert result.decision.why
    assert books.open_minor(invoice) == 10000


def test_payer_known_as_another_customer_is_a_veto(books: Books) -> None:
    books.customer("OTHER", iban=PAYER_IBAN)
    invoice = books.invoice(books.customer("C1"), "F-10010", 10000)
    line = books.bank_line(10000, "F-10010", iban=PAYER_IBAN)
    assert outcomes()[line].decision.rule == "payer"
    assert books.open_minor(invoice) == 10000


def test_settled_number_is_a_veto(books: Books) -> None:
    customer = books.customer("C1")
    books.invoice(customer, "F-10010", 10000)
    first, again = books.bank_line(10000, "F-10010"), books.bank_line(10000, "F-10010")
    results = outcomes()
    assert {results[first].decision.outcome, results[again].decision.outcome} == {"applied", "unmatched"}
    assert_books_agree()


def test_factored_invoice_is_not_settled_on_our_account(books: Books) -> None:
    with db.writing(SYSTEM) as session:
        creditor = by_code(session, "ATELIERS")
        factor = add_factor_account(
            session, SYSTEM, creditor, FACTOR_IBAN, holder_name="Factor SA", confirmed=True
        ).id
    invoice = books.invoice(books.customer("C1"), "F-10010", 10000, payee=factor)
    line = books.bank_line(10000, "F-10010")
    assert outcomes()[line].decision.rule == "payee"
    assert books.open_minor(invoice) == 10000


def test_two_payments_of_half_settle_half_each(books: Books) -> None:
    customer = books.customer("C1")
    invoice = books.invoice(customer, "F-10010", 10000)
    for _ in range(2):
        line = books.bank_line(5000, "acompte")
        before = books.open_minor(invoice)
        with db.writing(SYSTEM) as session:
            assign(session, SYSTEM, line, [Part(invoice, 5000)])
        assert books.open_minor(invoice) == before - 5000
    assert_books_agree()


def test_undone_match_frees_everything_and_never_comes_back(books: Books) -> None:
    customer = books.customer("C1")
    invoice = books.invoice(customer, "F-10010", 10000)
    line = books.bank_line(10000, "F-10010")
    outcomes()
    with db.reading(SYSTEM) as session:
        match = session.scalar(text("SELECT id FROM match WHERE outcome = 'applied'"))
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match, "wrong customer")
    assert (books.open_minor(invoice), books.line_open_minor(line)) == (10000, 10000)
    assert outcomes() == {}
    with pytest.raises(Conflict), db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match, "again")
    with db.writing(SYSTEM) as session:
        assign(session, SYSTEM, line, [Part(invoice, 4000)], on_account=customer)
    assert (books.open_minor(invoice), books.line_open_minor(line)) == (6000, 0)
    assert_books_agree()


def test_more_than_is_open_is_refused_and_changes_nothing(books: Books) -> None:
    invoice = books.invoice(books.customer("C1"), "F-10010", 10000)
    line = books.bank_line(20000, "acompte")
    with pytest.raises(Conflict), db.writing(SYSTEM) as session:
        assign(session, SYSTEM, line, [Part(invoice, 10001)])
    assert (books.open_minor(invoice), books.line_open_minor(line)) == (10000, 20000)


def test_a_second_run_says_nothing_twice(books: Books) -> None:
    books.bank_line(777, "inconnu")
    outcomes()
    outcomes()
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM match")) == 1


def test_dry_run_changes_nothing(books: Books) -> None:
    invoice = books.invoice(books.customer("C1"), "F-10010", 10000)
    books.bank_line(10000, "F-10010")
    (result,) = run.run(SYSTEM, dry_run=True)
    assert result.decision.outcome == "applied"
    assert books.open_minor(invoice) == 10000
