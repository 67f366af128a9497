"""The worker is killed at every single step of collecting through GoCardless: nothing is done twice or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from gocardless_pro.services import base_service
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM, staff
from shared.ids import new_id
from shared.rails import refunding, starting
from shared.rails.snapshot import Method
from shared.rails.working import work_waiting
from tests.hammer import dying
from tests.hammer.dying import Mortal, mortal
from tests.make.lives import Lives, answer, lives
from tests.make.truth import assert_books_agree

ANA, BO = (staff(new_id(), name, "finance") for name in ("Ana", "Bo"))


@pytest.fixture(scope="module")
def dies(database_url: object) -> Iterator[Mortal]:
    with mortal() as made:
        yield made


@pytest.fixture
def life(database: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lives]:
    monkeypatch.setattr(base_service.time, "sleep", lambda seconds: None)
    with lives(monkeypatch) as made:
        yield made
    assert_books_agree()


def invoice(life: Lives) -> UUID:
    serial = life.value("SELECT count(*) FROM open_item")
    return life.books.invoice(life.customer, f"F-{serial:04}", 7_000)


def claims_run_out() -> None:
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE payment_operation SET due_at = now() WHERE state = 'sent'"))
        leases = "UPDATE payment SET syncing_until = :now, sync_due_at = :now WHERE syncing_until IS NOT NULL"
        session.execute(text(leases), {"now": clock.now()})


def each_death(
    life: Lives, dies: Mortal, make: Callable[[], Any], least: int, verb: Callable[..., None] = dying.perform
) -> Iterator[Any]:
    """Kill the worker at its first step, its second and so on; the next one finds its claims run out."""
    for dies_at in count(1):
        made = make()
        became = dies.lives(dies_at, verb)
        claims_run_out()
        work_waiting()
        yield made
        if not became.killed:
            assert dies_at > least, str(became)
            break


def test_a_debit_is_collected_once(life: Lives, dies: Mortal) -> None:
    mandate = life.sign()
    payments = []
    for payment in each_death(life, dies, lambda: life.pay(invoice(life), mandate=mandate), 8):
        assert life.status(payment) == "processing"
        payments.append(str(payment))
    there = [each.metadata["payment_id"] for each in life.gc.client.payments.list().records]
    assert sorted(there) == sorted(payments)
    assert life.value("SELECT count(*) FROM payment_operation WHERE state <> 'ok'") == 0
    assert life.alerts() == []


@pytest.mark.deep
def test_a_page_is_asked_for_and_its_signature_collected_on_once(life: Lives, dies: Mortal) -> None:
    payments = []
    for payment in each_death(life, dies, lambda: life.pay(invoice(life)), 6):
        assert life.status(payment) == "awaiting_payer" and life.step(payment)["data"]["url"]
        payments.append(str(payment))
    requests = [each.metadata["payment_id"] for each in life.gc.client.billing_requests.list().records]
    assert sorted(requests) == sorted(payments)
    waiting = [UUID(payment) for payment in payments]

    def signs() -> UUID:
        payment = waiting.pop()
        answer(life.step(payment)["data"]["url"])
        with db.writing(life.actor) as session:
            starting.look(session, life.actor, payment)
        return payment

    signed = []
    for dies_at in range(1, len(waiting) + 1):
        signed.append(str(signs()))
        dies.lives(dies_at, dying.look)
        claims_run_out()
        life.work()
    there = [each.metadata["payment_id"] for each in life.gc.client.payments.list().records]
    assert sorted(there) == sorted(signed), "each signature was collected on, and once"
    assert {life.status(UUID(each)) for each in signed} == {"processing"} and life.alerts() == []


@pytest.mark.deep
def test_a_refund_goes_back_once(life: Lives, dies: Mortal) -> None:
    mandate, paid = life.sign(), []

    def asks() -> UUID:
        if len(paid) % 5 == 0:  # GoCardless takes five refunds of one payment
            payment = life.pay(invoice(life), mandate=mandate)
            work_waiting()
            life.gc.control.confirm(life.ref(payment))
            life.work()
            assert life.status(payment) == "received"
        paid.append(paid[-1] if len(paid) % 5 else payment)
        with db.writing(ANA) as session:
            refund = refunding.ask(session, ANA, paid[-1], 100, "paid twice")
        with db.writing(BO) as session:
            refunding.approve(session, BO, refund)
        return refund

    asked = [str(refund) for refund in each_death(life, dies, asks, 8)]
    there = [each.metadata["refund_id"] for each in life.gc.client.refunds.list().records]
    assert sorted(there) == sorted(asked)
    assert life.value("SELECT count(*) FROM payment_operation WHERE state <> 'ok'") == 0
    assert life.alerts() == []


@pytest.mark.deep
def test_giving_up_is_told_until_it_is_heard(life: Lives, dies: Mortal) -> None:
    mandate = life.sign()

    def gives_up() -> UUID:
        payment = life.pay(invoice(life), mandate=mandate)
        work_waiting()
        with db.writing(life.actor) as session:
            starting.cancel(session, life.actor, payment)
        return payment

    for payment in each_death(life, dies, gives_up, 6):
        assert life.status(payment) == "cancelled"
    assert {each.status for each in life.gc.client.payments.list().records} == {"cancelled"}
    assert life.alerts() == []


@pytest.mark.deep
def test_an_instant_payment_is_booked_once(life: Lives, dies: Mortal) -> None:
    items = []

    def pays() -> UUID:
        items.append(invoice(life))
        payment = life.pay(items[-1], Method.PAY_BY_BANK)
        work_waiting()
        answer(life.step(payment)["data"]["url"])
        life.deliver()
        return payment

    for payment in each_death(life, dies, pays, 8, dying.look):
        assert life.status(payment) == "received" and life.books.open_minor(items[-1]) == 0
    assert life.clearing() == 7_000 * len(items)
    assert life.value("SELECT count(*) FROM payment_fact") == len(items) and life.alerts() == []
