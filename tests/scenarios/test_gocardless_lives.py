"""Whole lives of payments over GoCardless: page, worker, webhooks and books, over the real SDK and the simulator.

Every life ends with all promises of the books checked (`tests.make.lives`).
"""

from __future__ import annotations

import pytest
from gocardless_pro.services import base_service
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM, staff
from shared.ids import new_id
from shared.mandates import actions as mandates
from shared.rails import inbox, refunding, starting
from shared.rails.snapshot import Method
from tests.make.lives import answer, lives

ANA, BO = (staff(new_id(), name, "finance") for name in ("Ana", "Bo"))


@pytest.fixture
def life(database, monkeypatch):
    monkeypatch.setattr(base_service.time, "sleep", lambda seconds: None)
    with lives(monkeypatch) as made:
        yield made


def received(life, item):
    """A debit that came."""
    payment = life.pay(item, mandate=life.sign())
    life.work()
    life.gc.control.confirm(life.ref(payment))
    life.work()
    assert life.status(payment) == "received"
    return payment


def test_a_mandate_signed_there_is_kept_here_and_debited(life):
    item = life.books.invoice(life.customer, "F-1", 12_345)
    mandate = life.sign()
    with db.reading(SYSTEM) as session:
        kept = session.execute(text("SELECT * FROM mandate")).one()
    assert (kept.state, kept.provider, kept.iban_last4) == ("active", "gocardless", "89")
    assert kept.evidence == {"ip": "192.0.2.1"} and kept.reference != kept.provider_ref
    payment = life.pay(item, mandate=mandate)
    life.work()
    assert life.status(payment) == "processing" and life.books.open_minor(item) == 12_345
    there = life.gc.client.payments.get(life.ref(payment))
    assert there.description == there.reference == life.value("SELECT reference FROM payment")
    life.gc.control.confirm(life.ref(payment))
    life.work()
    assert life.status(payment) == "received"
    assert (life.books.open_minor(item), life.clearing()) == (0, 12_345)
    assert life.alerts() == []


def test_a_debit_that_fails_leaves_everything_open(life):
    item = life.books.invoice(life.customer, "F-1", 5_000)
    payment = life.pay(item, mandate=life.sign())
    life.work()
    life.gc.control.step(life.ref(payment), "submitted")
    life.gc.control.step(life.ref(payment), "failed", "AM04")
    life.work()
    assert life.status(payment) == "failed" and life.books.open_minor(item) == 5_000
    assert life.value("SELECT decline FROM payment WHERE id = :id", id=payment) == "insufficient_funds"
    assert life.clearing() == 0
    assert life.pay(item, mandate=life.value("SELECT id FROM mandate")) != payment  # free to be paid again


def test_a_late_failure_opens_the_invoice_again_and_a_retry_settles_it(life):
    item = life.books.invoice(life.customer, "F-1", 5_000)
    payment = received(life, item)
    life.gc.control.pay_out()
    life.gc.control.step(life.ref(payment), "failed", "AM04")
    life.work()
    assert life.status(payment) == "returned"
    fee = -life.clearing()  # of the payout it was in: it stays to be paid
    assert life.books.open_minor(item) == 5_000 and 0 < fee < 200
    assert life.alerts() == ["came_back"]
    life.gc.client.payments.retry(life.ref(payment))
    life.gc.control.confirm(life.ref(payment))
    life.work()
    assert life.status(payment) == "settled"  # it was in a payout before
    assert (life.books.open_minor(item), life.clearing()) == (0, 5_000 - fee)


def test_a_chargeback_and_its_cancellation_twice(life):
    item = life.books.invoice(life.customer, "F-1", 5_000)
    payment = received(life, item)
    for _ in range(2):
        life.gc.control.step(life.ref(payment), "charged_back", "MD06")
        life.work()
        assert life.status(payment) == "charged_back" and life.books.open_minor(item) == 5_000
        life.gc.control.step(life.ref(payment), "chargeback_cancelled")
        life.work()
        assert life.status(payment) == "received" and life.books.open_minor(item) == 0
    assert life.clearing() == 5_000
    assert life.value("SELECT count(*) FROM payment_fact") == 5


def refund(life, payment, minor):
    """Asked for by one, approved by another."""
    with db.writing(ANA) as session:
        made = refunding.ask(session, ANA, payment, minor, "paid twice")
    with db.writing(BO) as session:
        refunding.approve(session, BO, made)
    life.work()
    return made


def test_refunds_on_their_way_paid_and_come_back(life):
    item = life.books.invoice(life.customer, "F-1", 5_000)
    payment = received(life, item)
    first, second = refund(life, payment, 1_000), refund(life, payment, 500)
    refs = [life.value("SELECT ref FROM refund WHERE id = :id", id=each) for each in (first, second)]
    assert all(refs) and life.status(payment) == "received"
    for ref in refs:
        life.gc.control.step(ref, "paid")
    life.work()
    assert life.status(payment) == "partly_refunded"
    assert (life.books.open_minor(item), life.clearing()) == (1_500, 3_500)
    life.gc.control.step(refs[1], "funds_returned")
    life.work()
    assert life.value("SELECT state FROM refund WHERE id = :id", id=second) == "failed"
    assert life.clearing() == 4_000 and "refund_failed" in life.alerts()
    rest = refund(life, payment, 4_000)
    assert life.value("SELECT state FROM refund WHERE id = :id", id=rest) == "pending"


def test_a_refund_gocardless_refuses_is_told_and_moves_nothing(life):
    payment = received(life, life.books.invoice(life.customer, "F-1", 5_000))
    life.gc.control.settings(refund_lock_days=7)
    made = refund(life, payment, 1_000)
    assert life.value("SELECT state FROM refund WHERE id = :id", id=made) == "failed"
    assert "refund_is_locked" in life.value("SELECT error FROM refund WHERE id = :id", id=made)
    assert life.status(payment) == "received" and life.alerts() == ["refund_failed"]


def test_an_instant_payment_from_the_page_to_the_books(life):
    item = life.books.invoice(life.customer, "F-1", 7_000)
    payment = life.pay(item, Method.PAY_BY_BANK)
    life.work()
    assert life.status(payment) == "awaiting_payer"
    url = life.step(payment)["data"]["url"]
    life.look_again()
    assert life.step(payment)["data"]["url"] == url  # it is told once; a look does not lose it
    assert answer(url).startswith(f"http://127.0.0.1:8000/pay/payments/{payment}/back")
    with db.writing(life.actor) as session:
        starting.look(session, life.actor, payment)
    life.work()
    assert life.status(payment) == "received" and life.step(payment) is None
    assert (life.books.open_minor(item), life.clearing()) == (0, 7_000)


def test_a_debit_for_which_the_mandate_is_signed_first(life):
    item = life.books.invoice(life.customer, "F-1", 7_000)
    payment = life.pay(item)
    life.work()
    assert life.status(payment) == "awaiting_payer"
    answer(life.step(payment)["data"]["url"])
    life.work()
    assert life.status(payment) == "processing"
    assert life.value("SELECT state FROM mandate") == "active"
    life.gc.control.confirm(life.ref(payment))
    life.work()
    assert life.status(payment) == "received" and life.books.open_minor(item) == 0
    assert life.value("SELECT count(*) FROM mandate") == 1


def test_giving_up_before_signing_and_after(life):
    first, second = (life.books.invoice(life.customer, f"F-{n}", 7_000) for n in (1, 2))
    early, late = life.pay(first), life.pay(second)
    life.work()
    answer(life.step(late)["data"]["url"])
    for payment in (early, late):
        with db.writing(life.actor) as session:
            starting.cancel(session, life.actor, payment)
    life.work()
    life.look_again()
    assert [life.status(each) for each in (early, late)] == ["cancelled", "cancelled"]
    assert {each.status for each in life.gc.client.payments.list().records} <= {"cancelled"}


@pytest.mark.parametrize("fault", ["error_after_commit", "reset_after_commit", "bad_gateway_before_commit"])
def test_an_answer_that_is_lost_leads_to_one_payment(life, fault):
    item, mandate = life.books.invoice(life.customer, "F-1", 7_000), life.sign()
    payment = life.pay(item, mandate=mandate)
    life.gc.control.fault(fault, times=3, path="/payments")
    life.work()
    assert life.status(payment) in ("unknown", "processing")
    life.gc.control.clear_faults()
    life.look_again()
    assert life.status(payment) == "processing" and len(life.gc.client.payments.list().records) == 1


@pytest.mark.parametrize("order", ["created", "reversed", "shuffled"])
def test_webhooks_late_doubled_and_in_any_order_end_the_same(life, order):
    item = life.books.invoice(life.customer, "F-1", 5_000)
    payment = life.pay(item, mandate=life.sign())
    life.work()
    life.gc.control.hold()
    ref = life.ref(payment)
    life.gc.control.confirm(ref)
    life.gc.control.step(ref, "charged_back", "MD06")
    life.gc.control.step(ref, "chargeback_cancelled")
    life.gc.control.step(ref, "failed", "MD01")
    life.gc.control.release(order=order, times=2)
    life.work()
    assert life.status(payment) == "returned" and life.books.open_minor(item) == 5_000
    assert life.value("SELECT count(*) FROM payment_fact") == 4
    assert life.value("SELECT state FROM mandate") == "cancelled"


def test_webhooks_that_never_come_are_missed_by_nobody(life):
    item = life.books.invoice(life.customer, "F-1", 5_000)
    payment = life.pay(item, mandate=life.sign())
    life.work()
    life.gc.control.hold()
    life.gc.control.confirm(life.ref(payment))
    life.gc.client.mandates.cancel(life.gc.client.mandates.list().records[0].id)
    life.gc.control.drop()
    life.work()
    assert life.status(payment) == "processing"
    inbox.fill_gaps()
    life.work()
    assert life.status(payment) == "received" and life.value("SELECT state FROM mandate") == "cancelled"


def test_a_mandate_ended_here_ends_there(life):
    mandate = life.sign()
    with db.writing(life.actor) as session:
        mandates.cancel(session, life.actor, mandate)
    life.work()
    assert life.gc.client.mandates.list().records[0].status == "cancelled"


def test_one_wrong_token_does_not_stop_the_others(life):
    item = life.books.invoice(life.customer, "F-1", 5_000)
    payment = life.pay(item, mandate=life.sign())
    life.work()
    life.gc.control.confirm(life.ref(payment))
    life.deliver()
    with db.writing(SYSTEM) as session:
        sealed = session.scalar(text("SELECT credentials FROM provider_account"))
        session.execute(text("UPDATE provider_account SET credentials = NULL"))
    life.work()
    inbox.fill_gaps()
    assert life.status(payment) == "processing"
    waiting = life.pay(
        life.books.invoice(life.customer, "F-2", 900), mandate=life.value("SELECT id FROM mandate")
    )
    life.work()
    assert life.status(waiting) == "created" and life.alerts() == ["rejected"]
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE provider_account SET credentials = :sealed"), {"sealed": sealed})
    life.look_again()
    assert (life.status(payment), life.status(waiting)) == ("received", "processing")
