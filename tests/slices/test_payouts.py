"""Payouts: what their lines book, what waits for a person, and the bank line they arrive as."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.errors import Conflict
from shared.jobs.checks import CHECKS, run_checks
from shared.matching import run
from shared.matching.actions import undo
from shared.matching.payouts import assign_payout, fitting_lines
from shared.rails.payout_rules import PATIENCE
from shared.rails.snapshot import FactKind, PayoutSeen
from tests.conftest import empty
from tests.make.paying import Rails, line

pytestmark = pytest.mark.usefixtures("database")
CLEARING = "51151"


@pytest.fixture
def books(database: object) -> Rails:
    return Rails()


def payout(ref: str, minor: int, *lines, state: str = "paid", complete: bool = True, **more) -> PayoutSeen:
    return PayoutSeen(ref, state, minor, "EUR", clock.today(), lines=lines, complete=complete, **more)


def one(sql: str, **params):
    with db.reading(SYSTEM) as session:
        return session.execute(text(sql), params).one()


def balance(account: str) -> int:
    found = one(
        "SELECT coalesce(sum(amount_minor), 0)::bigint AS minor FROM journal_line WHERE account = :a",
        a=account,
    )
    return found.minor


def stored(payout_id: UUID):
    return one("SELECT * FROM payout WHERE id = :id", id=payout_id)


def status(payment: UUID) -> str:
    return one("SELECT status FROM payment WHERE id = :id", id=payment).status


def alerts() -> list[str]:
    with db.reading(SYSTEM) as session:
        return list(session.scalars(text("SELECT code FROM payment_alert ORDER BY raised_at, code")))


def assert_books_agree() -> None:
    # The lines of these tests come without a statement that sums them up.
    checks = tuple(each for each in CHECKS if each[0] != "statements_equal_their_lines")
    assert not [each for each in run_checks(checks) if not each["ok"]]


def decide(line_id: UUID):
    found = {result.line.id: result.decision for result in run.run(SYSTEM)}
    return found.get(line_id)


def test_payout_books_its_fees_once_and_settles_its_payments(books: Rails) -> None:
    first, second = books.collected("1", 10_000), books.collected("2", 5_000)
    seen = payout(
        "po_1",
        14_700,
        line("txn_1", "payment", "10000", "200.5", first),
        line("txn_2", "payment", "5000", "99.5", second),
    )
    for _ in range(2):
        payout_id = books.payout(seen)
    assert (balance(CLEARING), balance("627"), balance("4718")) == (14_700, 300, 0)
    assert status(first) == status(second) == "settled"
    assert stored(payout_id).booked_at is not None
    assert_books_agree()


def test_money_that_is_not_ours_is_a_labelled_remainder(books: Rails) -> None:
    ours = books.collected("1", 10_000)
    seen = payout(
        "po_1",
        10_500,
        line("txn_1", "payment", "10000", "150", ours),
        replace(line("txn_2", "payment", "900", "30", label="Shop order 7"), payment_ref="pi_elsewhere"),
        line("txn_3", "other", "-220", label="Reserve"),
    )
    books.payout(seen)
    assert (balance(CLEARING), balance("627"), balance("4718")) == (10_500, 180, -680)
    assert_books_agree()


def test_fraction_of_a_cent_is_lost_nowhere(books: Rails) -> None:
    ours = books.collected("1", 10_000)
    books.payout(
        payout("po_1", 9_900, line("a", "payment", "10000", "33.4", ours), line("b", "fee", "-66.6"))
    )
    assert (balance(CLEARING), balance("627"), balance("4718")) == (9_900, 100, 0)
    books.payout(payout("po_2", -1, line("c", "fee", "-0.5"), line("d", "other", "-0.5")))
    assert balance(CLEARING) == 9_899
    assert_books_agree()


def test_incomplete_payout_waits(books: Rails) -> None:
    ours = books.collected("1", 10_000)
    payout_id = books.payout(payout("po_1", 9_000, state="pending", complete=False))
    assert (balance(CLEARING), status(ours), stored(payout_id).booked_at) == (10_000, "received", None)
    assert stored(payout_id).sync_due_at is not None


def test_line_without_our_fact_makes_us_look_and_waits(books: Rails) -> None:
    """The payout overtakes the webhook of a refund."""
    payment = books.collected("1", 10_000)
    seen = payout(
        "po_1", 9_000, line("a", "payment", "10000", "0", payment), line("b", "refund", "-1000", "0", payment)
    )
    payout_id = books.payout(seen)
    assert stored(payout_id).booked_at is None
    assert one("SELECT sync_due_at <= now() AS due FROM payment WHERE id = :id", id=payment).due
    books.tell(payment, FactKind.REFUNDED, "re_1", 1_000)
    books.payout(seen)
    assert stored(payout_id).booked_at is not None
    assert (balance(CLEARING), alerts()) == (9_000, [])
    assert_books_agree()


def test_difference_that_stays_calls_a_person_once_and_books_nothing(books: Rails) -> None:
    payment = books.collected("1", 10_000)
    seen = payout("po_1", 9_999, line("a", "payment", "10000", "0", payment))
    for _ in range(PATIENCE + 2):
        payout_id = books.payout(seen)
    assert alerts() == ["payout_differs"]
    assert (balance(CLEARING), stored(payout_id).booked_at) == (10_000, None)
    assert_books_agree()


def test_failed_payout_leaves_the_money_on_the_clearing_account(books: Rails) -> None:
    payment = books.collected("1", 10_000)
    paid = payout(
        "po_1", 9_800, line("a", "payment", "10000", "200", payment), statement_text="VERNAISON A1B2"
    )
    books.payout(paid)
    bank_line = books.bank_line(9_800, "VIR STRIPE VERNAISON A1B2")
    assert decide(bank_line).outcome == "applied"
    payout_id = books.payout(replace(paid, state="failed"))
    assert (balance(CLEARING), stored(payout_id).outstanding_minor, alerts()) == (
        0,
        -9_800,
        ["payout_failed"],
    )
    back = books.bank_line(-9_800, "REJET VIREMENT po_1")
    assert decide(back).rule == "payout"
    assert (balance(CLEARING), balance("512"), stored(payout_id).outstanding_minor) == (9_800, 0, 0)
    again = payout("po_2", 9_800, line("b", "payout_returned", "9800"))
    books.payout(again)
    assert decide(books.bank_line(9_800, "STRIPE")).outcome == "applied"
    assert (balance(CLEARING), balance("4718")) == (0, 0)
    assert_books_agree()


def test_bank_line_is_matched_by_its_text_undone_and_not_matched_again(books: Rails) -> None:
    payment = books.collected("1", 10_000)
    seen = payout(
        "po_1", 9_800, line("a", "payment", "10000", "200", payment), statement_text="VERNAISON-A1B2"
    )
    payout_id = books.payout(seen)
    bank_line = books.bank_line(9_800, "VIR INST VERNAISON A1B2 FRANCE")
    assert decide(bank_line).rule == "payout"
    assert (books.line_open_minor(bank_line), balance(CLEARING), balance("471")) == (0, 0, 0)
    assert_books_agree()
    match = one("SELECT id FROM match WHERE bank_line_id = :id", id=bank_line).id
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match, "wrong line")
    assert (books.line_open_minor(bank_line), balance(CLEARING)) == (9_800, 9_800)
    assert_books_agree()
    assert decide(bank_line) is None
    with db.writing(SYSTEM) as session:
        assert [each.id for each in fitting_lines(session, SYSTEM, payout_id)] == [bank_line]
        assign_payout(session, SYSTEM, bank_line, payout_id)
    assert balance(CLEARING) == 0
    with pytest.raises(Conflict), db.writing(SYSTEM) as session:
        assign_payout(session, SYSTEM, bank_line, payout_id)
    with pytest.raises(Conflict), db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match, "twice")
    assert_books_agree()


def test_amount_payer_and_day_are_enough_for_one_and_too_little_for_two(books: Rails) -> None:
    books.payout(payout("po_1", 500, line("a", "other", "500")))
    assert decide(books.bank_line(500, "STRIPE PAYMENTS EUROPE")).outcome == "applied"
    books.payout(payout("po_2", 700, line("b", "other", "700")))
    books.payout(payout("po_3", 700, line("c", "other", "700")))
    twin = decide(books.bank_line(700, "STRIPE PAYMENTS EUROPE"))
    assert (twin.outcome, twin.rule, twin.payout_id) == ("unmatched", "payout", None)
    named = decide(books.bank_line(700, "STRIPE po_3"))
    assert named.outcome == "applied"
    assert_books_agree()


@pytest.mark.parametrize("remittance", ["STRIPE F-10010", "STRIPE"])
def test_line_of_a_provider_is_never_given_to_a_customer_by_itself(books: Rails, remittance: str) -> None:
    invoice = books.invoice(books.customer("C1"), "F-10010", 10_000)
    found = decide(books.bank_line(10_000, remittance))
    assert (found.outcome, found.rule) == ("unmatched", "payout")
    assert books.open_minor(invoice) == 10_000


def test_line_of_another_day_is_not_taken_for_the_payout(books: Rails) -> None:
    late = replace(
        payout("po_1", 500, line("a", "other", "500")), arrives_on=clock.today() - timedelta(days=30)
    )
    books.payout(late)
    assert decide(books.bank_line(500, "STRIPE")).outcome == "unmatched"


def test_negative_payout_is_the_line_that_left_even_if_that_came_first(books: Rails) -> None:
    payment = books.collected("1", 10_000)
    books.payout(payout("po_1", 10_000, line("a", "payment", "10000", "0", payment)))
    assert decide(books.bank_line(10_000, "STRIPE")).outcome == "applied"
    bank_line = books.bank_line(-4_000, "STRIPE PAYMENTS EUROPE")
    assert decide(bank_line).outcome == "not_receivable"
    books.tell(payment, FactKind.REFUNDED, "re_1", 4_000)
    books.payout(payout("po_2", -4_000, line("b", "refund", "-4000", "0", payment)))
    assert one("SELECT count(*) AS n FROM fact WHERE name = 'matching_requested'").n == 1
    assert decide(bank_line).outcome == "applied"
    assert (balance(CLEARING), balance("512")) == (0, 6_000)
    assert_books_agree()
    match = one("SELECT id FROM match WHERE bank_line_id = :id AND outcome = 'applied'", id=bank_line).id
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match, "not it")
    assert (balance(CLEARING), balance("512")) == (-4_000, 10_000)
    assert_books_agree()


def test_database_refuses_a_payout_twice_or_in_another_currency(books: Rails, database) -> None:
    payout_id = books.payout(payout("po_1", 500, line("a", "other", "500")))
    bank_line = books.bank_line(500, "po_1")
    decide(bank_line)
    other = books.bank_line(500, "STRIPE")
    insert = (
        "INSERT INTO payout_arrival (id, payout_id, bank_line_id, match_id, amount_minor, arrived_on)"
        " SELECT gen_random_uuid(), %s, %s, id, 500, current_date FROM match LIMIT 1"
    )
    with psycopg.connect(db.conninfo(db.BACKOFFICE_ROLE)) as raw:
        with pytest.raises(psycopg.errors.CheckViolation, match="payout_arrives_once"):
            raw.execute(insert, [payout_id, other])
        raw.rollback()
        with pytest.raises(psycopg.errors.CheckViolation, match="not_over_assigned"):
            raw.execute(insert, [payout_id, bank_line])
        raw.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute("UPDATE payout SET arrived_minor = 0")


KINDS = {"refund": FactKind.REFUNDED, "returned": FactKind.RETURNED, "charged_back": FactKind.CHARGED_BACK}
CENTS = st.integers(-20_000, 20_000)
HUNDREDTHS = st.integers(-30_000, 30_000).map(lambda n: Decimal(n) / 100)


@st.composite
def mixes(draw):
    """Payments of ours with what came back of them, other lines with fractions, and an order to tell it in."""
    payments = draw(
        st.lists(st.tuples(st.integers(1, 50_000), st.sampled_from([None, *KINDS]), HUNDREDTHS), max_size=3)
    )
    others = draw(
        st.lists(st.tuples(st.sampled_from(["fee", "other", "payment"]), CENTS, HUNDREDTHS), max_size=4)
    )
    return payments, others, draw(st.randoms(use_true_random=False)), draw(st.integers(0, 100))


@hypothesis_settings(max_examples=25)
@given(mixes())
def test_any_mix_of_lines_keeps_the_books_equal(database, mix) -> None:
    empty(database)
    books = Rails()
    payments, others, order, share = mix
    lines, later = [], []
    for number, (minor, back, fee) in enumerate(payments):
        payment = books.collected(str(number), minor)
        lines.append(line(f"p{number}", "payment", str(minor), str(fee), payment))
        if back:
            part = max(1, minor * share // 100)
            lines.append(line(f"b{number}", back, str(-part), "0", payment))
            later.append((payment, KINDS[back], f"re_{number}", part))
    for number, (kind, gross, fee) in enumerate(others):
        lines.append(line(f"o{number}", kind, str(gross), str(fee)))
    exact = sum((Decimal(x.gross_minor) - Decimal(x.fee_minor) for x in lines), Decimal(0))
    whole = int(exact // 1)
    lines.append(line("rest", "other", str(whole - exact)))
    order.shuffle(lines)
    steps = [lambda each=each: books.tell(*each) for each in later]
    seen = payout("po_1", whole, *lines)
    told = [lambda: books.payout(seen), lambda: books.payout(seen)]
    steps = [*steps, *told]
    order.shuffle(steps)
    for step in steps:
        step()
    payout_id = books.payout(seen)
    found = stored(payout_id)
    assert found.booked_at is not None
    assert balance(CLEARING) == whole  # what the payout takes away, and nothing else
    assert_books_agree()
    if whole:
        assert decide(books.bank_line(whole, "STRIPE PO_1 po_1")).outcome == "applied"
        assert (balance(CLEARING), stored(payout_id).outstanding_minor) == (0, 0)
        assert_books_agree()
