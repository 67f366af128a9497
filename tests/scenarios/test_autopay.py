"""Autopay as its debtor lives it: told, collected, skipped, failed; never more than told, never twice."""

from __future__ import annotations

from threading import Thread

import pytest
from psycopg.errors import CheckViolation, UniqueViolation
from sqlalchemy.exc import IntegrityError

from shared import db
from shared.actor import SYSTEM
from shared.autopay import actions
from shared.autopay.actions import AutopayTerms
from shared.autopay.executing import collect_due
from shared.autopay.handlers import confirm, debit_failed
from shared.autopay.noticing import notice_due
from shared.creditors import actions as creditors
from shared.creditors.models import Creditor
from shared.errors import Conflict, DomainError, NotFound
from shared.payments.announcing import announce
from shared.payments.rules import Choice
from shared.rails.snapshot import Decline, FactKind, MoneyFact, Phase
from tests.make.books import FACTOR_IBAN
from tests.make.rails import START, a_payment, fact, seen, told
from tests.make.standing import HOW, MONDAY, Standing, after, on
from tests.make.truth import assert_books_agree


@pytest.fixture
def world(database):
    with on(MONDAY):
        return Standing()


def failed(world, payment, code=None, decline="declined"):
    snapshot = seen(payment.id, Phase.FAILED, minor=payment.amount_minor)
    object.__setattr__(snapshot, "decline", Decline(decline, code or ""))
    told(payment.id, snapshot)
    world.told(debit_failed, payment.id)


def day(n):
    return after(MONDAY, n)


def test_told_three_days_before_then_collected_with_credits_deducted(world):
    with on(MONDAY):
        world.autopay()
        first = world.invoice("F-1", 10_000, day(3))
        world.invoice("F-2", 5_000, day(30))
        world.invoice("A-1", -3_000, day(-10))
        notice_due()
        notice_due()
        (debit,) = world.debits()
        assert (debit.execute_on, debit.notified_minor) == (day(3), 7_000)
        (mail,) = world.mails("autopay_notice")
        assert "€70.00" in mail.subject and "F-1" in mail.body_text and "F-2" not in mail.body_text
        assert "4242" in mail.body_text and f"/autopay/debits/{debit.id}" in mail.body_text
    with on(day(2)):
        collect_due()
        assert not world.payments()
    with on(day(3)):
        world.books.invoice(world.customer, "A-2", -1_500, due_on=day(0))  # a credit that came meanwhile
        world.invoice("F-3", 9_000, day(3))  # due too, and not told: it waits for the next run
        collect_due()
        collect_due()
        (payment,) = world.payments()
        assert (payment.amount_minor, payment.origin, payment.method) == (5_500, "autopay", "card")
        (debit,) = world.debits()
        assert (debit.outcome, debit.executed_minor) == ("started", 5_500)
        told(payment.id, seen(payment.id, Phase.SUCCEEDED, fact(FactKind.RECEIVED, 5_500), minor=5_500))
        assert world.books.open_minor(first) == 0
        notice_due()
        assert [d.notified_minor for d in world.debits()] == [7_000, 9_000]
    assert_books_agree()


def test_a_mandate_has_its_own_notice_and_is_ordered_in_time_for_the_bank(world):
    with on(MONDAY):
        world.autopay(world.mandate())
        world.invoice("F-1", 10_000, day(14))
        world.invoice("F-2", 10_000, day(15))
        notice_due()
        (debit,) = world.debits()
        assert (debit.execute_on, debit.send_on) == (day(14), day(10))  # two business days before that Monday
        assert "2266" in world.mails("autopay_notice")[0].body_text
    with on(day(10)):
        collect_due()
        (payment,) = world.payments()
        assert (payment.method, payment.collect_on, payment.amount_minor) == ("debit_core", day(14), 10_000)
        assert payment.mandate_id is not None


def test_whole_items_up_to_the_cap_and_the_rest_is_told_once(world):
    with on(MONDAY):
        autopay_id = world.autopay(cap_minor=12_000)
        for number, minor in (("F-1", 8_000), ("F-2", 7_000), ("F-3", 4_000)):
            world.invoice(number, minor, day(-1))
        notice_due()
        (debit,) = world.debits()
        assert debit.notified_minor == 12_000
        assert "F-2" in world.mails("autopay_notice")[0].body_text.split("Above your limit")[1]
    with on(day(1)):
        notice_due()
        assert len(world.debits()) == 1  # not by instalments behind the debtor's back
        (card,) = world.rows("SELECT id FROM saved_card")
        world.act(actions.change, autopay_id, AutopayTerms(card.id, 20_000), HOW)
        notice_due()
        assert [d.notified_minor for d in world.debits()] == [12_000, 7_000]


def test_nothing_fits_under_the_cap_and_that_is_told_once(world):
    with on(MONDAY):
        world.autopay(cap_minor=1_000)
        world.invoice("F-1", 8_000, day(-1))
        notice_due()
    with on(day(1)):
        notice_due()
    (debit,) = world.debits()
    assert (debit.outcome, debit.notified_minor) == ("over_cap", 0)
    assert "F-1" in world.mails("autopay_over_cap")[0].body_text
    assert not world.payments()


def test_skipped_once_and_left_to_the_debtor(world):
    with on(MONDAY):
        world.autopay()
        world.invoice("F-1", 8_000, day(-1))
        notice_due()
        (debit,) = world.debits()
        with pytest.raises(NotFound):
            world.act(actions.skip, debit.id, actor=world.books.debtor(world.books.customer("C2")))
        world.act(actions.skip, debit.id)
        world.act(actions.skip, debit.id)
    with on(day(3)):
        collect_due()
        notice_due()
        world.invoice("F-2", 100, day(3))
        notice_due()
    assert not world.payments()
    assert [(d.outcome, d.notified_minor) for d in world.debits()] == [("skipped", 8_000), (None, 100)]


def test_paid_meanwhile_means_nothing_is_sent_and_that_is_told(world):
    with on(MONDAY):
        world.autopay()
        world.invoice("F-1", 8_000, day(-1))
        notice_due()
        world.invoice("A-1", -8_000, day(0))
    with on(day(3)):
        collect_due()
    assert not world.payments() and world.debits()[0].outcome == "nothing"
    assert len(world.mails("autopay_nothing")) == 1


@pytest.mark.parametrize("verb", [actions.pause, actions.switch_off])
def test_paused_or_ended_before_the_day_nothing_is_collected(world, verb):
    with on(MONDAY):
        autopay_id = world.autopay()
        world.invoice("F-1", 8_000, day(-1))
        notice_due()
        world.act(verb, autopay_id)
        world.act(verb, autopay_id)
    with on(day(3)):
        collect_due()
        notice_due()
        assert not world.payments() and [d.outcome for d in world.debits()] == ["stopped"]
        with pytest.raises(Conflict):
            world.act(actions.skip, world.debits()[0].id)
        if verb is actions.pause:
            world.act(actions.resume, autopay_id)
            notice_due()
            assert world.debits()[-1].execute_on == day(6)


def test_what_another_holds_or_a_factor_must_get_is_never_collected(world):
    with on(MONDAY):
        world.autopay()
        with db.writing(SYSTEM) as session:
            creditor = session.get_one(Creditor, world.creditor)
            factor = creditors.add_factor_account(
                session, SYSTEM, creditor, FACTOR_IBAN, holder_name="Facto Nord SA", bic="CEPAFRPP", confirmed=True
            ).id  # fmt: skip
        world.books.invoice(world.customer, "F-1", 9_000, due_on=day(-1), payee=factor)
        announced, paying = world.invoice("F-2", 8_000, day(-1)), world.invoice("F-3", 7_000, day(-1))
        contested = world.invoice("F-4", 6_000, day(-1))
        world.act(announce, [Choice(announced)], day(2))
        a_payment(world.person, world.stripe, [Choice(paying)])
        disputed = a_payment(world.person, world.stripe, [Choice(contested)])
        moved = fact(FactKind.RECEIVED, 6_000), fact(FactKind.CHARGED_BACK, 6_000, 2)
        told(disputed, seen(disputed, Phase.SUCCEEDED, *moved, minor=6_000))
        notice_due()
        assert not world.debits()
        world.invoice("F-5", 5_000, day(-1))
        notice_due()
        assert [d.notified_minor for d in world.debits()] == [5_000]


def test_insufficient_funds_is_tried_twice_more_each_time_after_a_notice(world):
    with on(MONDAY):
        world.autopay()
        world.invoice("F-1", 8_000, day(-1))
        notice_due()
    for attempt in (0, 1, 2):
        with on(day(3 * attempt + 3)):
            collect_due()
            payment = world.payments()[-1]
            failed(world, payment, decline="insufficient_funds")
            world.told(debit_failed, payment.id)  # told twice, done once
            notice_due()
    assert [d.attempt for d in world.debits()] == [0, 1, 2]
    assert [d.execute_on for d in world.debits()] == [day(3), day(6), day(9)]
    assert len(world.payments()) == 3 and len(world.mails("autopay_failed")) == 2
    (last,) = world.mails("autopay_suspended")
    assert "/pay" in last.body_text and "This happens" in last.body_text
    assert world.rows("SELECT state FROM autopay")[0].state == "suspended"
    with on(day(12)):
        notice_due()
        collect_due()
    assert len(world.debits()) == 3


def test_a_returned_debit_follows_the_reason_code(world):
    with on(MONDAY):
        autopay_id = world.autopay(world.mandate())
        item = world.invoice("F-1", 8_000, day(-1))
        notice_due()
    with on(day(14)):
        collect_due()
        (payment,) = world.payments()
        received = fact(FactKind.RECEIVED, 8_000)
        back = MoneyFact(FactKind.RETURNED, "r1", 8_000, "EUR", START.replace(day=16), "MD01")
        told(payment.id, seen(payment.id, Phase.SUCCEEDED, received, back, minor=8_000))
        world.told(debit_failed, payment.id, "payment_returned")
        assert world.books.open_minor(item) == 8_000
        assert world.rows("SELECT state, state_reason FROM autopay")[0] == ("suspended", "MD01")
        world.act(actions.resume, autopay_id)
        notice_due()
        assert len(world.debits()) == 2  # chosen again by the debtor: announced anew
    assert_books_agree()


def test_a_card_its_holder_must_confirm_goes_to_the_holder_and_autopay_goes_on(world):
    with on(MONDAY):
        world.autopay()
        world.invoice("F-1", 8_000, day(-1))
        notice_due()
    with on(day(3)):
        collect_due()
        failed(world, world.payments()[0], decline="authentication_required")
        notice_due()
    assert world.rows("SELECT state FROM autopay")[0].state == "active" and len(world.debits()) == 1
    assert len(world.mails("autopay_failed")) == 1


def test_a_card_that_was_removed_ends_in_a_mail_and_no_debit(world):
    with on(MONDAY):
        world.autopay()
        world.invoice("F-1", 8_000, day(-1))
        notice_due()
        world.run("UPDATE saved_card SET removed_at = now()")
    with on(day(3)):
        collect_due()
        notice_due()
    assert not world.payments() and world.debits()[0].outcome == "refused"
    assert len(world.mails("autopay_suspended")) == 1


def test_terms_nobody_should_agree_to_are_refused_and_consent_is_kept(world):
    with on(MONDAY):
        card = world.card()
        for cap, offset, field in ((0, 0, "cap"), (1, 6, "offset"), (1, -11, "offset")):
            with pytest.raises(DomainError) as refused:
                world.act(
                    actions.switch_on, world.customer, world.creditor, AutopayTerms(card, cap, offset), HOW
                )
            assert refused.value.field == field
        autopay_id = world.autopay(card, 50_000, -2)
        with pytest.raises(Conflict):
            world.autopay(card)
        world.told(confirm, autopay_id, "autopay_switched_on")
    (row,) = world.rows("SELECT * FROM autopay")
    assert "visa ···· 4242" in row.consent and "€500.00" in row.consent and "2 days before" in row.consent
    assert row.evidence["ip"] == "192.0.2.7" and len(row.evidence["text_sha256"]) == 64
    assert row.consent in world.mails("autopay_confirmed")[0].body_text
    assert [r.verb for r in world.rows("SELECT verb FROM audit_entry WHERE subject_kind = 'autopay'")] == [
        "autopay_switched_on"
    ]


def test_two_workers_on_the_same_day_make_each_debit_once(world):
    with on(MONDAY):
        for n in range(6):
            customer = world.books.customer(f"D{n}")
            world.run("UPDATE customer SET email = ref || '@c.fr' WHERE id = :id", id=customer)
            other = Standing.__new__(Standing)
            other.books, other.customer, other.stripe = world.books, customer, world.stripe
            other.person = world.books.debtor(customer)
            other.autopay()
            other.invoice(f"F-{n}", 1_000 + n, day(-1))
    trouble = []

    def work():
        try:
            with on(MONDAY):
                notice_due()
            with on(day(3)):
                collect_due()
        except Exception as error:
            trouble.append(error)

    workers = [Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    work()
    assert not trouble
    assert len(world.debits()) == len(world.payments()) == 6
    assert len(world.rows("SELECT id FROM payment_operation WHERE kind = 'start'")) == 6
    assert len(world.mails("autopay_notice")) == 6


def test_killed_in_the_middle_nothing_is_half_done(world, monkeypatch):
    with on(MONDAY):
        world.autopay()
        world.invoice("F-1", 8_000, day(-1))
        notice_due()
    with on(day(3)):
        with monkeypatch.context() as patched:
            patched.setattr("shared.autopay.executing._end", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                collect_due()
        assert not world.payments() and world.debits()[0].outcome is None
        collect_due()
        assert len(world.payments()) == 1


def test_the_database_refuses_more_than_was_told_and_a_second_debit_that_day(world):
    with on(MONDAY):
        world.autopay()
        world.invoice("F-1", 8_000, day(-1))
        notice_due()
    with on(day(3)):
        collect_due()
    more = "UPDATE autopay_debit SET executed_minor = 8001"
    again = """INSERT INTO autopay_debit (id, autopay_id, customer_id, execute_on, send_on, noticed_at, notified_minor)
        SELECT gen_random_uuid(), autopay_id, customer_id, execute_on, send_on, noticed_at, 1 FROM autopay_debit"""
    for statement, refusal in ((more, CheckViolation), (again, UniqueViolation)):
        with pytest.raises((DomainError, IntegrityError)) as refused:
            world.run(statement)
        assert isinstance(refused.value.__cause__.orig, refusal)
