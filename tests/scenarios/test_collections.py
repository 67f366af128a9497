"""Collecting through the creditor's own bank: from the mandate to the money, and back again."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sepaxml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM, staff
from shared.errors import Conflict, DomainError, NotAllowed, RefusedFile
from shared.ids import new_id
from shared.jobs.checks import CHECKS, run_checks
from shared.mandates.actions import suspend
from shared.mandates.rules import Scheme, earliest_collection
from shared.rails import collecting_again, collection_queries, collections
from shared.rails.starting import cancel, look
from tests.conftest import empty
from tests.make.collecting import FINANCE, Collecting, came_back, camt, entry, pain002
from tests.make.mandates import state_of

pytestmark = pytest.mark.usefixtures("database")
SCHEMA = etree.XMLSchema(file=str(Path(sepaxml.__file__).parent / "schemas" / "pain.008.001.08.xsd"))
TODAY = date(2026, 11, 20)
DUE = earliest_collection(TODAY, 14)


@pytest.fixture
def books(database: object) -> Collecting:
    with clock.frozen(at(TODAY)):
        return Collecting()


def at(day: date):
    return clock.now().replace(year=day.year, month=day.month, day=day.day, hour=9)


def one(sql: str, **params):
    with db.reading(SYSTEM) as session:
        return session.execute(text(sql), params).one()


def status(payment: UUID) -> str:
    return one("SELECT status FROM payment WHERE id = :id", id=payment).status


def balance(account: str) -> int:
    sql = "SELECT coalesce(sum(amount_minor), 0)::bigint AS minor FROM journal_line WHERE account = :a"
    return one(sql, a=account).minor


def message_id(batch: UUID) -> str:
    return one("SELECT message_id FROM collection_batch WHERE id = :id", id=batch).message_id


def assert_books_agree() -> None:
    assert not [each for each in run_checks(CHECKS) if not each["ok"]]


def test_from_the_mandate_to_the_money_and_back(books: Collecting) -> None:
    with clock.frozen(at(TODAY)):
        payments = [
            books.collected(f"C{n}", minor) for n, minor in enumerate((10_000, 20_000, 30_000, 40_000))
        ]
        rejected, poor, denied, _good = payments
        books.work()
        mails = one(
            "SELECT count(*) AS n, min(body_text) AS said FROM message WHERE kind = 'debit_announced'"
        )
        assert mails.n == 4
        for said in ("FR72ZZZ123456", "QUI-M-", "3000", "4 December 2026", "F-C"):
            assert said in mails.said
        with pytest.raises(DomainError, match="nothing to collect"):
            books.make()
        batch = books.sent(DUE)
        file = books.file(batch)
        assert SCHEMA.validate(etree.fromstring(file)), SCHEMA.error_log
        assert books.file(batch) == file
        assert [status(each) for each in payments] == ["processing"] * 4
        for _ in range(2):  # read twice, it changes nothing twice
            answer = books.answer(pain002(message_id(batch), {rejected: "AC04"}))
        with db.reading(FINANCE) as session:
            (line,) = collection_queries.answer_lines(session, FINANCE, answer, limit=10)
        assert (line.outcome, line.reason_code, line.payment_id) == ("known", "AC04", rejected)
        assert status(rejected) == "failed"
    with clock.frozen(at(DUE)):
        books.statement(entry(90_000, "B1", f"<Btch><MsgId>{message_id(batch)}</MsgId></Btch>"))
        assert [status(each) for each in payments] == ["failed", "settled", "settled", "settled"]
        assert (balance("51153"), balance("471"), balance("512")) == (0, 0, 90_000)
        assert_books_agree()
    back = DUE + timedelta(days=2)
    with clock.frozen(at(back)):
        told = (came_back(poor, 20_000, "AM04"), came_back(denied, 30_000, "MD01"))
        both = entry(-50_250, "R1", "".join(told), family="UPDD")  # the bank charges 2.50
        for _ in range(2):  # the notification of the day, twice, and then the statement
            books.answer(camt("054", books.iban, "N-1", (both,)))
        books.statement(both)
        assert [status(each) for each in payments] == ["failed", "returned", "returned", "settled"]
        assert (balance("51153"), balance("512"), balance("627"), balance("471")) == (
            0,
            90_000 - 50_250,
            250,
            0,
        )
        assert one("SELECT count(*) AS n FROM payment_fact WHERE kind = 'returned'").n == 2
        assert_books_agree()
        assert state_of(mandate_of(denied)) == "suspended"
        assert state_of(mandate_of(poor)) == "active"
        again = present(poor)
        assert status(again) == "created"
        books.work()
        assert one("SELECT count(*) AS n FROM message WHERE kind = 'debit_announced'").n == 5


def mandate_of(payment: UUID) -> UUID:
    return one("SELECT mandate_id FROM payment WHERE id = :id", id=payment).mandate_id


def present(payment: UUID) -> UUID:
    with db.writing(FINANCE) as session:
        (proposal,) = collecting_again.proposals(session, FINANCE)
        assert proposal.payment_id == payment
        return collecting_again.present_again(session, FINANCE, payment)


def test_presented_at_most_twice_more(books: Collecting) -> None:
    day, tries = TODAY, []
    with clock.frozen(at(day)):
        tries.append(books.collected("C1", 10_000))
    for _ in range(3):
        with clock.frozen(at(day)):
            due = earliest_collection(day, 14)
            batch = books.sent(due)
        with clock.frozen(at(due)):
            books.answer(pain002(message_id(batch), {tries[-1]: "AM04"}))
            assert status(tries[-1]) == "failed"
            if len(tries) < 3:
                tries.append(present(tries[-1]))
            day = due
    with db.writing(FINANCE) as session:
        assert not collecting_again.proposals(session, FINANCE)
        with pytest.raises(Conflict):
            collecting_again.present_again(session, FINANCE, tries[-1])
    assert_books_agree()


def test_a_return_may_come_before_the_credit_is_seen(books: Collecting) -> None:
    with clock.frozen(at(TODAY)):
        poor, good = books.collected("C1", 10_000), books.collected("C2", 5_000)
        batch = books.sent(DUE)
    with clock.frozen(at(DUE + timedelta(days=1))):
        books.answer(camt("054", books.iban, "N-1", (entry(-10_000, "R1", came_back(poor, 10_000, "MS03")),)))
        assert (status(poor), status(good)) == ("returned", "processing")
        returned = entry(-10_000, "R1", came_back(poor, 10_000, "MS03"))
        books.statement(returned, entry(15_000, "B1", message_id(batch), on=DUE))
        assert (status(poor), status(good), balance("51153"), balance("512")) == (
            "returned",
            "settled",
            0,
            5_000,
        )
        assert_books_agree()


def test_a_whole_file_refused_leaves_everything_open(books: Collecting) -> None:
    with clock.frozen(at(TODAY)):
        payments = [books.collected(f"C{n}", 1_000) for n in range(3)]
        (batch,) = books.make(DUE)  # not marked as sent: the answer proves that the bank has it
        books.answer(pain002(message_id(batch), {}, group="RJCT"))
        assert [status(each) for each in payments] == ["failed"] * 3
        assert one("SELECT outstanding_minor AS minor FROM payout").minor == 0
        assert_books_agree()


def test_only_what_may_be_collected_goes_into_a_file(books: Collecting) -> None:
    with clock.frozen(at(TODAY)):
        usable, suspended = books.collected("C1", 1_000), books.collected("C2", 2_000)
        with db.writing(FINANCE) as session:
            suspend(session, FINANCE, mandate_of(suspended), reason="They called")
            found = {each.held: each.amount_minor for each in collections.ready(session, FINANCE, DUE)}
        assert found == {None: 1_000, "mandate": 2_000}
        books.make(DUE)
        entries = one("SELECT payment_id FROM collection_entry")
        assert entries.payment_id == usable
        with pytest.raises(DomainError, match="nothing to collect"):
            books.make(DUE)


def test_cancelled_until_it_is_in_a_file(books: Collecting) -> None:
    with clock.frozen(at(TODAY)):
        debtor = books.debtor_of("C1")
        item, mandate = books.invoice(debtor.customers[0], "F1", 1_000), books.mandate(debtor)
        first = books.debit(debtor, item, mandate)
        do(debtor, cancel, first)
        do(debtor, look, first)
        books.work()
        assert status(first) == "cancelled"
        second = books.debit(debtor, item, mandate)
        (batch,) = books.make(DUE)
        with pytest.raises(Conflict, match="on its way"):
            do(debtor, cancel, second)
        do(FINANCE, collections.withdraw, batch)
        do(debtor, cancel, second)
        books.work()
        assert status(second) == "cancelled"
        with pytest.raises(Conflict):
            do(FINANCE, collections.mark_sent, batch)


def do(actor, verb, *given):
    with db.writing(actor) as session:
        return verb(session, actor, *given)


def test_terms_the_bank_or_the_notice_forbids_are_refused(books: Collecting) -> None:
    with clock.frozen(at(TODAY)):
        debtor, other = books.debtor_of("C1"), books.debtor_of("C2")
        item, mandate = books.invoice(debtor.customers[0], "F1", 1_000), books.mandate(debtor)
        for bad in (
            {"mandate": None},
            {"mandate": books.mandate(other)},
            {"mandate": books.mandate(debtor, Scheme.B2B), "scheme": Scheme.B2B},  # not registered
            {"mandate": mandate, "scheme": Scheme.B2B},
            {"mandate": mandate, "on": DUE - timedelta(days=1)},
            {"mandate": mandate, "on": date(2026, 12, 25)},
        ):
            with pytest.raises(DomainError):
                books.debit(debtor, item, bad.pop("mandate"), **bad)
        assert one("SELECT count(*) AS n FROM payment").n == 0


def test_answers_that_are_not_ours_change_nothing(books: Collecting) -> None:
    with clock.frozen(at(TODAY)):
        payment = books.collected("C1", 1_000)
        books.sent(DUE)
        for content in (b"<Document/>", b"", pain002("SOMEBODY-1", {payment: "AM04"})):
            with pytest.raises(RefusedFile):
                books.answer(content)
        stranger = new_id()
        books.answer(camt("054", books.iban, "N-1", (entry(-500, "R1", came_back(stranger, 500, "AM04")),)))
        assert one("SELECT outcome FROM collection_answer_line").outcome == "foreign"
        assert status(payment) == "processing"


def test_only_finance_collects(books: Collecting) -> None:
    collector = staff(new_id(), "Paul", "credit_manager")
    with pytest.raises(NotAllowed), db.writing(collector) as session:
        collections.make(session, collector, DUE)


def test_a_file_that_fails_halfway_is_not_made_at_all(books: Collecting, monkeypatch) -> None:
    with clock.frozen(at(TODAY)):
        books.collected("C1", 1_000)
        monkeypatch.setattr(collections, "seal_file", _die)
        with pytest.raises(KeyboardInterrupt):
            books.make(DUE)
        assert one("SELECT count(*) AS n FROM collection_batch").n == 0
        monkeypatch.undo()
        assert books.make(DUE)


def _die(*_given: object) -> None:
    raise KeyboardInterrupt


@given(
    st.lists(
        st.tuples(st.integers(1, 50_000), st.sampled_from("ok reject return".split())), min_size=1, max_size=4
    )
)
@hypothesis_settings(max_examples=8)
def test_what_was_told_to_the_bank_is_what_it_gave_and_refused(database, told) -> None:
    empty(database)
    with clock.frozen(at(TODAY)):
        books = Collecting()
        payments = [books.collected(f"C{n}", minor) for n, (minor, _) in enumerate(told)]
        batch = books.sent(DUE)
        wrong = {p: "MS03" for p, (_, fate) in zip(payments, told, strict=True) if fate == "reject"}
        books.answer(pain002(message_id(batch), wrong))
    credit = sum(minor for minor, fate in told if fate != "reject")
    back = [(p, minor) for p, (minor, fate) in zip(payments, told, strict=True) if fate == "return"]
    with clock.frozen(at(DUE)):
        lines = [entry(credit, "B1", message_id(batch))] if credit else []
        lines += [entry(-minor, f"R{n}", came_back(p, minor, "AM04")) for n, (p, minor) in enumerate(back)]
        if lines:
            books.statement(*lines)
    rejected = sum(minor for minor, fate in told if fate == "reject")
    made = one(
        "SELECT amount_minor, (SELECT sum(amount_minor) FROM collection_entry) AS entries FROM collection_batch"
    )
    assert made.amount_minor == made.entries == credit + rejected
    assert (balance("51153"), balance("471")) == (0, 0)
    assert balance("512") == credit - sum(minor for _, minor in back)
    assert_books_agree()
