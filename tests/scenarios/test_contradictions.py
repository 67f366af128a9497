"""Money that contradicts what was said of it: cancelled, announced twice, paid to another, covered by credits."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM, Actor
from shared.creditors.actions import add_factor_account, by_code
from shared.errors import Conflict, DomainError, NotFound
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.ledger.rules import Status
from shared.matching import run
from shared.matching.actions import Part, assign, undo
from shared.payments import announcing
from shared.payments.models import ExpectedPayment
from shared.payments.queries import payables
from shared.payments.rules import Choice
from shared.reporting.items import items
from shared.reporting.receivables import items as office_items
from tests.make.books import FACTOR_IBAN, PAYER_IBAN, Books
from tests.make.truth import assert_books_agree


@pytest.fixture
def books(database: object) -> Books:
    return Books()


def announce(debtor: Actor, *choices: Choice) -> list[ExpectedPayment]:
    with db.writing(debtor) as session:
        return announcing.announce(session, debtor, choices, clock.today())


def cancel(debtor: Actor, payment: ExpectedPayment) -> None:
    with db.writing(debtor) as session:
        announcing.cancel(session, debtor, payment.id)


def matched() -> dict[UUID, str]:
    return {result.line.id: result.decision.outcome for result in run.run(SYSTEM)}


def by_hand(line: UUID, *parts: Part, on_account: UUID | None = None) -> UUID:
    with db.writing(SYSTEM) as session:
        return assign(session, SYSTEM, line, parts, on_account)


def ask(query: str) -> list[tuple[object, ...]]:
    with db.reading(SYSTEM) as session:
        return [tuple(row) for row in session.execute(text(query))]


def on_its_way() -> int:
    return len(ask("SELECT id FROM expected_payment WHERE cancelled_at IS NULL AND received_at IS NULL"))


def free(debtor: Actor) -> dict[UUID, int]:
    with db.reading(debtor) as session:
        return {p.item_id: p.free_minor for p in payables(session, debtor)}


# -- announcements ---------------------------------------------------------------------------------------------


def test_a_reference_that_pays_a_part_settles_once_even_when_two_transfers_come_in_one_run(
    books: Books,
) -> None:
    customer = books.customer("C1")
    invoice = books.invoice(customer, "F-1001", 10_000)
    (payment,) = announce(books.debtor(customer), Choice(invoice, 5_000))
    lines = [books.bank_line(5_000, reference=payment.reference) for _ in range(2)]
    outcomes = matched()
    assert sorted(outcomes[line] for line in lines) == ["applied", "unmatched"]
    assert books.open_minor(invoice) == 5_000
    assert_books_agree()


def test_money_for_a_cancelled_announcement_waits_for_a_person(books: Books) -> None:
    customer = books.customer("C1", iban=PAYER_IBAN)
    invoice = books.invoice(customer, "F-1001", 10_000)
    debtor = books.debtor(customer)
    (payment,) = announce(debtor, Choice(invoice, 5_000))
    cancel(debtor, payment)
    announce(debtor, Choice(invoice, 4_000))
    line = books.bank_line(5_000, reference=payment.reference, iban=PAYER_IBAN)
    assert matched() == {line: "unmatched"}
    assert "cancelled" in str(ask("SELECT why FROM match")[0][0])


def test_an_announcement_is_no_longer_on_its_way_when_its_money_was_found_by_the_number(books: Books) -> None:
    customer = books.customer("C1")
    invoice = books.invoice(customer, "F-1001", 10_000)
    announce(books.debtor(customer), Choice(invoice))
    line = books.bank_line(10_000, "F-1001")
    assert matched() == {line: "applied"}
    assert on_its_way() == 0


def test_an_announcement_is_no_longer_on_its_way_when_a_person_assigned_its_money(books: Books) -> None:
    customer = books.customer("C1")
    first, second = books.invoice(customer, "F-1001", 10_000), books.invoice(customer, "F-1002", 8_000)
    debtor = books.debtor(customer)
    announce(debtor, Choice(first, 6_000), Choice(second, 3_000))
    by_hand(books.bank_line(2_000, "acompte"), Part(first, 2_000))
    assert on_its_way() == 1, "other money does not end an announcement"
    by_hand(books.bank_line(9_000, "virement"), Part(first, 6_000), Part(second, 3_000))
    assert on_its_way() == 0
    assert free(debtor) == {first: 2_000, second: 5_000}


def test_a_part_announced_again_with_something_else_leads_to_the_same_transfer(books: Books) -> None:
    services = Books("Vernaison Services SARL", "FR1420041010050500013M02606")
    customer = books.customer("C1")
    goods, service = books.invoice(customer, "F-1001", 10_000), services.invoice(customer, "S-1", 3_000)
    debtor = books.debtor(customer)
    (first,) = announce(debtor, Choice(goods, 4_000))
    again = announce(debtor, Choice(goods, 4_000), Choice(service))
    assert first.reference in {payment.reference for payment in again} and len(again) == 2
    assert free(debtor) == {goods: 6_000}


def test_the_rest_of_an_invoice_announced_in_part_can_be_announced(books: Books) -> None:
    customer = books.customer("C1")
    invoice = books.invoice(customer, "F-1001", 10_000)
    debtor = books.debtor(customer)
    (first,) = announce(debtor, Choice(invoice, 4_000))
    (rest,) = announce(debtor, Choice(invoice))
    assert (first.amount_minor, rest.amount_minor) == (4_000, 6_000)
    assert announce(debtor, Choice(invoice))  # pressed twice
    assert free(debtor) == {}
    assert on_its_way() == 2


def test_what_was_settled_while_the_page_was_read_stops_the_announcement(books: Books) -> None:
    """Never a transfer of another amount than the one that was shown."""
    customer = books.customer("C1")
    first, second = books.invoice(customer, "F-1001", 10_000), books.invoice(customer, "F-1002", 8_000)
    by_hand(books.bank_line(10_000, "x"), Part(first, 10_000))
    with pytest.raises(Conflict):
        announce(books.debtor(customer), Choice(first, 10_000), Choice(second, 8_000))
    assert on_its_way() == 0


def test_a_subsidiary_cannot_announce_what_its_parent_announced(books: Books) -> None:
    """Its person does not see the parent's transfer, but sees that the invoice is announced; as the office does."""
    parent, child = books.customer("P", group="G"), books.customer("S", group="G")
    large, small = books.invoice(parent, "F-1001", 10_000), books.invoice(child, "F-1002", 5_000)
    announce(books.debtor(parent, child), Choice(large), Choice(small))
    alone = books.debtor(child)
    assert free(alone) == {}
    with pytest.raises(DomainError):
        announce(alone, Choice(small))
    with db.reading(alone) as session:
        (portal,) = items(session, alone).rows
    with db.reading(SYSTEM) as session:
        office = {row.item_id: row.status for row in office_items(session, SYSTEM)[0]}
    assert portal.status == office[small] == Status.ANNOUNCED
    assert on_its_way() == 1


def test_a_subsidiary_cannot_cancel_its_parents_announcement(
    books: Books,
) -> None:
    parent, child = books.customer("P", group="G"), books.customer("S", group="G")
    large, small = books.invoice(parent, "F-1001", 10_000), books.invoice(child, "F-1002", 5_000)
    both = books.debtor(parent, child)
    (payment,) = announce(both, Choice(large), Choice(small))
    with pytest.raises(NotFound):
        cancel(books.debtor(child), payment)
    cancel(both, payment)
    assert on_its_way() == 0


def test_a_factored_invoice_paid_to_us_is_not_settled_by_its_reference(books: Books) -> None:
    with db.writing(SYSTEM) as session:
        creditor = by_code(session, "ATELIERS")
        factor = add_factor_account(
            session, SYSTEM, creditor, FACTOR_IBAN, holder_name="Factor SA", confirmed=True
        ).id
    customer = books.customer("C1", iban=PAYER_IBAN)
    invoice = books.invoice(customer, "F-1001", 10_000, payee=factor)
    (payment,) = announce(books.debtor(customer), Choice(invoice))
    assert payment.payee_iban == FACTOR_IBAN
    named = books.bank_line(10_000, reference=payment.reference)
    silent = books.bank_line(10_000, "virement", iban=PAYER_IBAN)
    assert matched() == {named: "unmatched", silent: "unmatched"}
    assert books.open_minor(invoice) == 10_000


def test_a_foreign_reference_vetoes_the_payer_and_the_amount(books: Books) -> None:
    customer = books.customer("C1", iban=PAYER_IBAN)
    invoice = books.invoice(customer, "F-1001", 10_000)
    announce(books.debtor(customer), Choice(invoice))
    line = books.bank_line(10_000, reference="RF18539007547034", iban=PAYER_IBAN)
    assert matched() == {line: "unmatched"}
    assert books.open_minor(invoice) == 10_000


# -- credits ---------------------------------------------------------------------------------------------------


def test_a_group_pays_while_one_company_is_covered_by_its_own_credit(books: Books) -> None:
    parent, child = books.customer("P", group="G"), books.customer("S", group="G")
    large = books.invoice(parent, "F-1001", 10_000)
    small, credit = books.invoice(child, "F-1002", 5_000), books.invoice(child, "A-1003", -5_000)
    debtor = books.debtor(parent, child)
    (payment,) = announce(debtor, Choice(large), Choice(small), Choice(credit))
    line = books.bank_line(10_000, reference=payment.reference)
    assert matched() == {line: "applied"}
    opened = [books.open_minor(item) for item in (large, small, credit)]
    assert opened == [0, 0, 0]
    assert_books_agree()
    match = ask("SELECT id FROM match WHERE outcome = 'applied'")[0][0]
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match, "wrong")  # type: ignore[arg-type]
    assert [books.open_minor(item) for item in (large, small, credit)] == [10_000, 5_000, -5_000]
    assert books.line_open_minor(line) == 10_000
    assert_books_agree()


def test_credits_beyond_what_a_customer_pays_are_refused_even_with_money_kept_on_account(
    books: Books,
) -> None:
    """Else the match would tell of a credit that was never used."""
    customer = books.customer("C1")
    credit = books.invoice(customer, "A-1001", -8_000)
    line = books.bank_line(2_000, "x")
    with pytest.raises(DomainError, match="credits"):
        by_hand(line, Part(credit, -8_000), on_account=customer)
    assert books.line_open_minor(line) == 2_000


def test_money_kept_for_a_customer_that_does_not_exist_is_refused_in_a_sentence(books: Books) -> None:
    line = books.bank_line(2_000, "x")
    with pytest.raises(NotFound):
        by_hand(line, on_account=new_id())


def test_undoing_money_on_account_that_was_used_since_opens_what_it_paid(books: Books) -> None:
    customer = books.customer("C1")
    old = books.invoice(customer, "F-1001", 10_000)
    first = books.bank_line(15_000, "trop")
    kept = by_hand(first, Part(old, 10_000), on_account=customer)
    new = books.invoice(customer, "F-1002", 8_000)
    debtor = books.debtor(customer)
    (receipt,) = [item for item, minor in free(debtor).items() if minor == -5_000]
    (payment,) = announce(debtor, Choice(new), Choice(receipt))
    assert payment.amount_minor == 3_000
    second = books.bank_line(3_000, reference=payment.reference)
    assert matched() == {second: "applied"}
    assert (books.open_minor(new), books.open_minor(receipt)) == (0, 0)
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, kept, "another customer's money")
    assert (books.open_minor(old), books.open_minor(new), books.line_open_minor(first)) == (
        10_000,
        5_000,
        15_000,
    )
    assert_books_agree()
    later = ask("SELECT id FROM match WHERE outcome = 'applied' AND rule = 'reference+amount'")[0][0]
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, later, "this too")  # type: ignore[arg-type]
    assert (books.open_minor(new), books.line_open_minor(second)) == (8_000, 3_000)
    assert_books_agree()


def test_money_taken_back_while_it_was_announced_as_a_credit_settles_nothing_by_itself(books: Books) -> None:
    customer = books.customer("C1")
    kept = by_hand(books.bank_line(5_000, "x"), on_account=customer)
    invoice = books.invoice(customer, "F-1001", 8_000)
    debtor = books.debtor(customer)
    (payment,) = announce(debtor, *(Choice(item) for item in free(debtor)))
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, kept, "another customer's")
    line = books.bank_line(3_000, reference=payment.reference)
    assert matched()[line] == "unmatched"
    assert books.open_minor(invoice) == 8_000
    assert_books_agree()


def test_a_run_over_thousands_of_customers_holds_them_all(books: Books) -> None:
    with db.writing(SYSTEM) as session:
        ledger.lock_customers(session, (new_id() for _ in range(50_000)))
