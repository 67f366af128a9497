"""Lives of payments over a rail, told by snapshots in any order, repeated or lost: the books end the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.errors import Conflict, DomainError
from shared.matching.actions import Part, assign
from shared.payments import announcing
from shared.payments.queries import payables
from shared.payments.rules import Choice
from shared.rails.snapshot import FactKind, Method, Phase
from tests.conftest import DEEP, empty
from tests.make.books import Books
from tests.make.rails import a_payment, alerts, an_account, fact, seen, status, told
from tests.make.truth import assert_books_agree

F = FactKind


@pytest.fixture
def books(database):
    return Books()


def paid_card(books, minor=10_000):
    customer = books.customer("C1")
    item = books.invoice(customer, "F-1", minor)
    debtor = books.debtor(customer)
    return debtor, item, a_payment(debtor, an_account(books), [Choice(item)])


def test_money_pays_the_invoice_and_its_return_opens_it_again(books):
    _, item, payment = paid_card(books)
    received = fact(F.RECEIVED, 10_000)
    assert told(payment, seen(payment, Phase.SUCCEEDED, received, minor=10_000)) == "received"
    assert books.open_minor(item) == 0
    back = fact(F.RETURNED, 10_000, 2)
    assert told(payment, seen(payment, Phase.SUCCEEDED, received, back, minor=10_000)) == "returned"
    assert books.open_minor(item) == 10_000
    assert_books_agree()


def test_a_part_that_goes_back_opens_as_much_and_no_more(books):
    _, item, payment = paid_card(books)
    received, part = fact(F.RECEIVED, 10_000), fact(F.REFUNDED, 2_500, 2)
    told(payment, seen(payment, Phase.SUCCEEDED, received, minor=10_000))
    assert told(payment, seen(payment, Phase.SUCCEEDED, received, part, minor=10_000)) == "partly_refunded"
    assert books.open_minor(item) == 2_500
    rest = fact(F.CHARGED_BACK, 7_500, 3)
    assert told(payment, seen(payment, Phase.SUCCEEDED, received, part, rest, minor=10_000)) == "charged_back"
    assert books.open_minor(item) == 10_000
    won = fact(F.CHARGEBACK_REVERSED, 7_500, 4)
    assert (
        told(payment, seen(payment, Phase.SUCCEEDED, received, part, rest, won, minor=10_000))
        == "partly_refunded"
    )
    assert books.open_minor(item) == 2_500
    assert_books_agree()


def test_credits_of_the_basket_are_used_and_stay_used_when_money_goes_back(books):
    customer = books.customer("C1")
    item, credit = books.invoice(customer, "F-1", 10_000), books.invoice(customer, "A-1", -3_000)
    debtor = books.debtor(customer)
    payment = a_payment(debtor, an_account(books), [Choice(item), Choice(credit)])
    received = fact(F.RECEIVED, 7_000)
    told(payment, seen(payment, Phase.SUCCEEDED, received, minor=7_000))
    assert (books.open_minor(item), books.open_minor(credit)) == (0, 0)
    told(payment, seen(payment, Phase.SUCCEEDED, received, fact(F.RETURNED, 7_000, 2), minor=7_000))
    assert (books.open_minor(item), books.open_minor(credit)) == (7_000, 0)
    assert_books_agree()


@pytest.mark.parametrize(("minor", "currency"), [(9_999, "EUR"), (10_000, "USD"), (1_000_000, "EUR")])
def test_another_amount_or_currency_is_never_booked(books, minor, currency):
    _, item, payment = paid_card(books)
    received = fact(F.RECEIVED, minor, currency=currency)
    told(payment, seen(payment, Phase.SUCCEEDED, received, minor=minor, currency=currency))
    assert status(payment) == "created" and books.open_minor(item) == 10_000
    assert alerts() == ["amount_differs"]


def test_a_fact_of_another_currency_is_refused_whole(books):
    _, item, payment = paid_card(books)
    received = fact(F.RECEIVED, 10_000, currency="USD")
    told(payment, seen(payment, Phase.SUCCEEDED, received, minor=10_000))
    assert books.open_minor(item) == 10_000 and alerts() == ["facts_refused"]


def test_more_going_back_than_came_in_is_refused_whole(books):
    _, item, payment = paid_card(books)
    facts = fact(F.RECEIVED, 10_000), fact(F.REFUNDED, 10_000, 2), fact(F.CHARGED_BACK, 10_000, 3)
    told(payment, seen(payment, Phase.SUCCEEDED, *facts, minor=10_000))
    assert books.open_minor(item) == 10_000 and alerts() == ["facts_refused"]
    assert_books_agree()


def test_a_status_we_do_not_know_changes_nothing_and_calls_a_person(books):
    _, _, payment = paid_card(books)
    told(payment, seen(payment, Phase.PROCESSING, minor=10_000))
    assert told(payment, seen(payment, None, minor=10_000)) == "processing"
    assert told(payment, seen(payment, None, minor=10_000)) == "processing"
    assert alerts() == ["unknown_status"]


def test_an_attempt_that_ended_does_not_come_alive_without_money(books):
    _, item, payment = paid_card(books)
    told(payment, seen(payment, Phase.CANCELLED, minor=10_000))
    assert told(payment, seen(payment, Phase.PROCESSING, minor=10_000)) == "cancelled"
    assert alerts() == ["impossible_move"]
    received = fact(F.RECEIVED, 10_000)
    assert told(payment, seen(payment, Phase.SUCCEEDED, received, minor=10_000)) == "received"
    assert books.open_minor(item) == 0 and sorted(alerts()) == ["impossible_move", "money_after_end"]


def test_money_for_what_was_settled_meanwhile_stays_on_account(books):
    debtor, item, payment = paid_card(books)
    line = books.bank_line(10_000)
    with db.writing(SYSTEM) as session:
        assign(session, SYSTEM, line, [Part(item, 4_000)])
    told(payment, seen(payment, Phase.SUCCEEDED, fact(F.RECEIVED, 10_000), minor=10_000))
    assert books.open_minor(item) == 0
    with db.reading(debtor) as session:
        free = [p.free_minor for p in payables(session, debtor)]
    assert free == [-4_000]
    assert_books_agree()


def test_what_is_in_process_can_be_paid_in_no_other_way(books):
    debtor, item, payment = paid_card(books)
    with pytest.raises(Conflict), db.writing(debtor) as session:
        announcing.announce(session, debtor, [Choice(item)], clock.today())
    other = an_account(books, "gocardless")
    with pytest.raises(Conflict):
        a_payment(debtor, other, [Choice(item)], method=Method.DEBIT_CORE)
    told(payment, seen(payment, Phase.PROCESSING, minor=10_000))
    with db.reading(debtor) as session:
        assert payables(session, debtor) == []
    told(payment, seen(payment, Phase.FAILED, minor=10_000))
    with db.reading(debtor) as session:
        assert [p.item_id for p in payables(session, debtor)] == [item]
    with db.writing(debtor) as session:
        assert announcing.announce(session, debtor, [Choice(item)], clock.today())


def test_the_same_basket_is_one_attempt_and_a_stranger_has_none(books):
    debtor, item, payment = paid_card(books)
    with db.reading(SYSTEM) as session:
        account = session.scalar(text("SELECT account_id FROM payment"))
    assert a_payment(debtor, account, [Choice(item)]) == payment
    assert a_payment(debtor, account, [Choice(item, 10_000)]) == payment
    stranger = books.debtor(books.customer("C2"))
    with pytest.raises(DomainError):
        a_payment(stranger, account, [Choice(item)])


# -- any order, any repetition, any loss ---------------------------------------------------------------------

MINOR = 10_000


@st.composite
def lives(draw):
    """What a provider says of one payment over time: phases, then movements of money that its rules allow."""
    phases = draw(st.lists(st.sampled_from([Phase.AWAITING_PAYER, Phase.PROCESSING]), max_size=3))
    steps = [(phase, ()) for phase in phases]
    facts = [fact(F.RECEIVED, MINOR)]
    steps.append((Phase.SUCCEEDED, tuple(facts)))
    out = {F.REFUNDED: 0, F.CHARGED_BACK: 0}
    for number in range(2, 2 + draw(st.integers(0, 5))):
        kept = sum(f.amount_minor if f.kind in IN else -f.amount_minor for f in facts)
        kinds = [
            k
            for k, ok in (
                (F.REFUNDED, kept),
                (F.CHARGED_BACK, kept),
                (F.RETURNED, kept == MINOR),
                (F.REFUND_RETURNED, out[F.REFUNDED]),
                (F.CHARGEBACK_REVERSED, out[F.CHARGED_BACK]),
            )
            if ok
        ]
        if not kinds:
            break
        kind = draw(st.sampled_from(kinds))
        most = {F.REFUND_RETURNED: out[F.REFUNDED], F.CHARGEBACK_REVERSED: out[F.CHARGED_BACK]}.get(
            kind, kept
        )
        minor = most if kind is F.RETURNED else draw(st.integers(1, most))
        back = {F.REFUND_RETURNED: F.REFUNDED, F.CHARGEBACK_REVERSED: F.CHARGED_BACK}
        if kind in back:
            out[back[kind]] -= minor
        elif kind in out:
            out[kind] += minor
        facts.append(fact(kind, minor, number))
        steps.append((Phase.SUCCEEDED, tuple(facts)))
    return steps


IN = {F.RECEIVED, F.REFUND_RETURNED, F.CHARGEBACK_REVERSED}


@st.composite
def deliveries(draw):
    """A life, and two ways in which its messages reach us: lost, repeated, late; both end with a look at the truth."""
    life = draw(lives())
    index = st.integers(0, len(life) - 1)
    return life, [draw(st.lists(index, max_size=6)) for _ in range(2)]


def end_of(database, life, heard):
    empty(database)
    books = Books()
    customers = [books.customer("C1"), books.customer("C2")]
    items = [
        books.invoice(c, f"F-{n}", minor)
        for n, (c, minor) in enumerate(zip(customers, (6_000, 5_000), strict=True))
    ]
    items.append(books.invoice(customers[0], "A-1", -1_000))
    debtor = books.debtor(*customers)
    payment = a_payment(debtor, an_account(books), [Choice(i) for i in items])
    for number in [*heard, len(life) - 1]:
        phase, facts = life[number]
        told(payment, seen(payment, phase, *facts, minor=MINOR))
    assert_books_agree()
    with db.reading(SYSTEM) as session:
        ledger = session.execute(
            text("SELECT account, sum(amount_minor)::bigint FROM journal_line GROUP BY 1 ORDER BY 1")
        ).all()
    return status(payment), [books.open_minor(i) for i in items], [tuple(row) for row in ledger]


@settings(max_examples=3000 if DEEP else 25)
@given(given_life=deliveries())
def test_lost_repeated_and_late_messages_end_in_the_same_books(database_url, given_life):
    life, (one, other) = given_life
    assert end_of(database_url, life, one) == end_of(database_url, life, other)
