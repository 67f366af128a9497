"""Plans as they are lived: proposed, collected part by part, kept; or missed, and ended kindly."""

from __future__ import annotations

from threading import Thread

import pytest

from shared import clock, db
from shared.actor import SYSTEM, staff
from shared.autopay.noticing import notice_due
from shared.errors import Conflict, DomainError, NotAllowed
from shared.ids import new_id
from shared.money import Money
from shared.plans import deciding, queries
from shared.plans.collecting import collect_parts
from shared.plans.deciding import set_policy
from shared.plans.handlers import part_failed, tell_decision
from shared.plans.judging import judge_plans
from shared.plans.proposing import Proposal, propose
from shared.plans.rules import BeyondLimits, Limits
from shared.rails.snapshot import FactKind, Phase
from tests.make.rails import fact, seen, told
from tests.make.standing import HOW, MONDAY, Standing, after, on
from tests.make.truth import assert_books_agree

FINANCE = staff(new_id(), "Nadia Benali", "finance")


def day(n):
    return after(MONDAY, n)


@pytest.fixture
def world(database):
    with on(MONDAY):
        found = Standing()
        allow(found)
        return found


def allow(world, *, months=6, percent=0, total=1_000_000, late=0, needs=False, grace=5, enabled=True):
    limits = Limits(months, percent, Money(total, "EUR"), late, needs, grace)
    world.act(set_policy, world.creditor, limits, enabled=enabled, actor=FINANCE)


def planned(world, *items, parts=2, first=None, instrument=None, **named):
    wanted = Proposal(tuple(items), parts, first or day(7), instrument)
    return world.act(propose, wanted, HOW, **named)


def states(world):
    return [r.state for r in world.rows("SELECT state FROM plan ORDER BY proposed_at, reference")]


def parts(world, plan_id):
    with db.reading(SYSTEM) as session:
        return [p.state for p in queries.plan(session, SYSTEM, plan_id)[1]]


def test_a_plan_that_is_kept_with_the_card_on_file(world):
    with on(MONDAY):
        first, second = world.invoice("F-1", 10_000, day(-20)), world.invoice("F-2", 5_001, day(-10))
        plan_id = planned(world, first, second, parts=2, instrument=world.card())
        world.told(tell_decision, plan_id, "plan_accepted")
        (mail,) = world.mails("plan_accepted")
        assert (
            "€75.01" in mail.body_text and "F-1, F-2" in mail.body_text and "visa ···· 4242" in mail.body_text
        )
        with db.reading(world.person) as session:
            assert set(queries.planned_items(session, [world.customer])) == {first, second}
        collect_parts()
        assert not world.payments()
    with on(day(7)):
        collect_parts()
        collect_parts()
        (payment,) = world.payments()
        assert (payment.amount_minor, payment.origin) == (7_501, "plan")
        told(payment.id, seen(payment.id, Phase.SUCCEEDED, fact(FactKind.RECEIVED, 7_501), minor=7_501))
        assert (world.books.open_minor(first), world.books.open_minor(second)) == (2_499, 5_001)
        judge_plans()
        assert parts(world, plan_id) == ["paid", "waiting"]
    with on(day(37)):  # 9 December: the second part
        world.books.invoice(world.customer, "A-1", -1_000, due_on=day(30))
        collect_parts()
        payment = world.payments()[-1]
        assert payment.amount_minor == 6_500  # the credit was used first
        received = fact(FactKind.RECEIVED, 6_500, 9)
        told(payment.id, seen(payment.id, Phase.SUCCEEDED, received, minor=6_500))
        judge_plans()
        judge_plans()
    assert states(world) == ["finished"] and not world.rows("SELECT 1 FROM open_item WHERE open_minor <> 0")
    assert len(world.rows("SELECT 1 FROM fact WHERE name = 'plan_finished'")) == 1
    assert_books_agree()


def test_a_part_that_fails_and_is_not_paid_breaks_the_plan_after_its_grace(world):
    with on(MONDAY):
        item = world.invoice("F-1", 10_000, day(-20))
        plan_id = planned(world, item, instrument=world.card())
    with on(day(7)):
        collect_parts()
        (payment,) = world.payments()
        told(payment.id, seen(payment.id, Phase.FAILED, minor=5_000))
        world.told(part_failed, payment.id)
        world.told(part_failed, payment.id)
        (mail,) = world.mails("plan_failed")
        assert (
            "This happens" in mail.body_text and "/pay" in mail.body_text and "14 November" in mail.body_text
        )
        assert parts(world, plan_id) == ["failed", "waiting"]
    with on(day(12)):
        judge_plans()
        assert states(world) == ["active"]
    with on(day(13)):
        judge_plans()
        judge_plans()
        collect_parts()
    assert states(world) == ["broken"] and len(world.payments()) == 1
    (broken,) = world.rows("SELECT payload FROM fact WHERE name = 'plan_broken'")
    assert broken.payload["items"] == [str(item)]
    (mail,) = world.mails("plan_broken")
    assert "Things happen" in mail.body_text
    with db.reading(world.person) as session:
        assert queries.planned_items(session, [world.customer]) == {}


def test_a_part_paid_another_way_counts_as_kept(world):
    with on(MONDAY):
        item = world.invoice("F-1", 10_000, day(-20))
        plan_id = planned(world, item)  # nothing on file: asked for by mail
    with on(day(7)):
        collect_parts()
        assert not world.payments() and len(world.mails("plan_ask")) == 1
        world.books.invoice(world.customer, "A-1", -6_000, due_on=day(0))
        with db.writing(SYSTEM) as session:
            from shared.ledger.actions import allocate
            from shared.ledger.rules import Pair

            (credit,) = world.rows("SELECT id FROM open_item WHERE number = 'A-1'")
            allocate(session, [Pair(world.customer, credit.id, item, 6_000, clock.today(), "by hand")])
    with on(day(20)):
        judge_plans()
        assert states(world) == ["active"] and parts(world, plan_id) == ["paid", "waiting"]


def test_a_debit_that_comes_back_later_has_its_days_of_grace(world):
    with on(MONDAY):
        item = world.invoice("F-1", 10_000, day(-20))
        planned(world, item, first=day(16), instrument=world.mandate())
    with on(day(14)):
        collect_parts()
        (payment,) = world.payments()
        assert payment.collect_on == day(16)
        received = fact(FactKind.RECEIVED, 5_000)
        told(payment.id, seen(payment.id, Phase.SUCCEEDED, received, minor=5_000))
    with on(day(30)):
        back = fact(FactKind.RETURNED, 5_000, 2)
        told(payment.id, seen(payment.id, Phase.SUCCEEDED, received, back, minor=5_000))
        world.told(part_failed, payment.id, "payment_returned")
        judge_plans()
        assert states(world) == ["active"]
    with on(day(36)):
        judge_plans()
    assert states(world) == ["broken"]
    assert_books_agree()


def test_beyond_a_limit_it_is_refused_by_name_or_waits_for_finance(world):
    with on(MONDAY):
        allow(world, months=3, total=9_999)
        item = world.invoice("F-1", 10_000, day(-20))
        with pytest.raises(BeyondLimits):
            planned(world, item)
        plan_id = planned(world, item, ask_a_person=True)
        assert states(world) == ["proposed"]
        with pytest.raises(DomainError):
            planned(world, item, ask_a_person=True)  # in a plan already
        with pytest.raises(NotAllowed):
            world.act(deciding.accept, plan_id)
        world.act(deciding.accept, plan_id, actor=FINANCE)
        with pytest.raises(Conflict):
            world.act(deciding.refuse, plan_id, "no", actor=FINANCE)
        assert states(world) == ["active"]
        with pytest.raises(DomainError):
            world.act(deciding.cancel, plan_id, " ", actor=FINANCE)
        world.act(deciding.cancel, plan_id, "paid in cash", actor=FINANCE)
        world.told(tell_decision, plan_id, "plan_cancelled")
        assert "paid in cash." in world.mails("plan_cancelled")[0].body_text
        again = planned(world, item, ask_a_person=True)  # free again
        world.act(deciding.refuse, again, "Please call us", actor=FINANCE)
    assert sorted(states(world)) == ["cancelled", "refused"]
    (row,) = world.rows("SELECT beyond FROM plan WHERE state = 'refused'")
    assert row.beyond == "At most €99.99 can be put into a plan."


def test_what_no_plan_can_be_made_of_is_refused(world):
    with on(MONDAY):
        item = world.invoice("F-1", 10_000, day(-20))
        with pytest.raises(DomainError, match="at the earliest"):
            planned(world, item, first=day(-1))
        with pytest.raises(DomainError, match="at the earliest"):
            planned(world, item, first=day(2), instrument=world.card())
        with pytest.raises(DomainError, match="at least one"):
            planned(world)
        with pytest.raises(Conflict):
            planned(world, new_id())
        with pytest.raises(Conflict):
            world.act(
                propose,
                Proposal((item,), 2, day(7)),
                HOW,
                actor=world.books.debtor(world.books.customer("C2")),
            )
        allow(world, needs=True)
        with pytest.raises(DomainError, match="needs a card or a mandate"):
            planned(world, item)
        allow(world, enabled=False)
        with pytest.raises(DomainError, match="offers no plans"):
            planned(world, item)
    assert states(world) == []


def test_autopay_leaves_what_is_in_a_plan_alone(world):
    with on(MONDAY):
        card = world.card()
        world.autopay(card)
        item, other = world.invoice("F-1", 10_000, day(-20)), world.invoice("F-2", 3_000, day(-20))
        planned(world, item, instrument=card)
        notice_due()
        assert [d.notified_minor for d in world.debits()] == [3_000]
        assert world.books.open_minor(other) == 3_000


def test_never_more_than_is_open_and_a_transfer_on_its_way_is_waited_for(world):
    from shared.payments.announcing import announce
    from shared.payments.rules import Choice

    with on(MONDAY):
        item = world.invoice("F-1", 10_000, day(-20))
        planned(world, item, instrument=world.card())
        world.act(announce, [Choice(item, 9_000)], day(8))
    with on(day(7)):
        collect_parts()
        assert not world.payments()
    with on(day(37)):
        collect_parts()
        assert not world.payments()  # the first part is still on its way


def test_two_workers_collect_a_part_once_and_a_killed_one_nothing(world, monkeypatch):
    with on(MONDAY):
        item = world.invoice("F-1", 10_000, day(-20))
        planned(world, item, instrument=world.card())
    with on(day(7)), monkeypatch.context() as patched:
        patched.setattr("shared.plans.collecting.record", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            collect_parts()
        assert not world.payments()
    trouble = []

    def work():
        try:
            with on(day(7)):
                collect_parts()
                judge_plans()
        except Exception as error:
            trouble.append(error)

    workers = [Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not trouble and len(world.payments()) == 1
