"""The worker or the portal is killed at every single step of paying through Stripe: nothing is done twice or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM, staff
from shared.ids import new_id
from shared.payments.rules import Choice
from shared.rails import inbox, refunding, starting
from shared.rails.snapshot import Method
from shared.rails.working import work_waiting
from tests.hammer import dying
from tests.hammer.dying import Mortal, mortal
from tests.make.rails import KEYS, a_payment, alerts
from tests.make.stripe_rails import StripeBooks, stripe_at
from tests.make.truth import assert_books_agree
from tests.slices.stripe_sandbox import Inbox, simulator, until

ANA, BO = (staff(new_id(), name, "finance") for name in ("Ana", "Bo"))
_RUN_OUT = (
    "UPDATE payment_operation SET due_at = now() WHERE state = 'sent'",
    "UPDATE payment SET syncing_until = :now, sync_due_at = :now WHERE syncing_until IS NOT NULL",
)


@pytest.fixture(scope="module")
def dies(database_url: object) -> Iterator[Mortal]:
    with mortal() as made:
        yield made


@pytest.fixture
def world(database: object, monkeypatch: pytest.MonkeyPatch, dies: Mortal) -> Iterator[World]:
    with (
        Inbox() as heard,
        simulator(webhook=(heard.url, KEYS.webhook_secret)) as sim,
        stripe_at(monkeypatch, sim.url),
    ):
        yield World(sim, heard, dies)
    assert_books_agree()


class World:
    """A debtor with as many invoices as there are steps to die at."""

    def __init__(self, sim: Any, heard: Inbox, dies: Mortal) -> None:
        self.sim, self.heard, self.dies = sim, heard, dies
        self.books = StripeBooks()
        self.customer = self.books.customer("C001")
        self.debtor = self.books.debtor(self.customer)
        self.items: list[UUID] = []

    def invoice(self) -> UUID:
        self.items.append(self.books.invoice(self.customer, f"F-{len(self.items):04}", 12_000))
        return self.items[-1]

    def asks(self) -> UUID:
        """The debtor has pressed the button; the worker was not here yet."""
        return a_payment(self.debtor, self.books.stripe_id, [Choice(self.invoice())])

    def confirms(self, payment_id: UUID) -> None:
        ref = self.books.payment(payment_id).provider_ref
        self.sim.v1.payment_intents.confirm(
            ref, {"payment_method": "pm_card_visa", "return_url": "http://p/back"}
        )

    def paid(self, **more: Any) -> UUID:
        payment = self.books.pays(self.debtor, self.invoice(), Method.CARD, **more)
        self.confirms(payment)
        self.looks(payment)
        work_waiting()
        assert self.books.payment(payment).status == "received"
        return payment

    def looks(self, payment_id: UUID) -> None:
        with db.writing(self.debtor) as session:
            starting.look(session, self.debtor, payment_id)

    def told(self) -> list[tuple[bytes, str]]:
        """What Stripe has sent since."""
        until(lambda: all(each["state"] == "delivered" for each in self.sim.control.deliveries()))
        found, self.heard.received[:] = list(self.heard.received), []
        return found

    def each_death(
        self, make: Callable[[], Any], least: int, verb: Callable[..., None] = dying.perform
    ) -> Iterator[Any]:
        """Kill the worker at its first step, its second and so on, each time over something new; the next one finds
        the claims of the dead run out."""
        for dies_at in count(1):
            made = make()
            life = self.dies.lives(dies_at, verb)
            with db.writing(SYSTEM) as session:
                for statement in _RUN_OUT:
                    session.execute(text(statement), {"now": clock.now()} if ":now" in statement else {})
            work_waiting()
            yield made
            if not life.killed:
                assert dies_at > least, str(life)
                break

    def intents(self) -> dict[str, int]:
        """How many payments Stripe has per payment of ours."""
        found: dict[str, int] = {}
        for intent in self.sim.v1.payment_intents.list({"limit": 100}).auto_paging_iter():
            ours = intent.metadata["payment_id"]
            found[ours] = found.get(ours, 0) + 1
        return found

    def charged(self) -> dict[str, int]:
        """What Stripe has taken per payment of ours, less what it gave back."""
        found: dict[str, int] = {}
        for intent in self.sim.v1.payment_intents.list({"limit": 100}).auto_paging_iter():
            for charge in self.sim.v1.charges.list({"payment_intent": intent.id, "limit": 100}).data:
                ours = intent.metadata["payment_id"]
                found[ours] = found.get(ours, 0) + charge.amount - charge.amount_refunded
        return found

    def states(self) -> set[tuple[str, str]]:
        """Kinds and states of all commands."""
        with db.reading(SYSTEM) as session:
            return {tuple(row) for row in session.execute(text("SELECT kind, state FROM payment_operation"))}


def test_a_start_makes_one_payment_at_stripe(world: World) -> None:
    payments = []
    for payment in world.each_death(world.asks, 6):
        assert world.books.payment(payment).status == "awaiting_payer"
        payments.append(str(payment))
    assert world.intents() == dict.fromkeys(payments, 1)
    assert world.states() == {("start", "ok")} and alerts() == []


@pytest.mark.deep
def test_a_saved_card_is_charged_once(world: World) -> None:
    first = world.paid(save=True)
    with db.reading(SYSTEM) as session:
        card = session.scalars(text("SELECT id FROM saved_card")).one()
    payments = [str(first)]

    def asks() -> UUID:
        with db.writing(world.debtor) as session:
            terms = starting.Terms(
                world.books.stripe_id, Method.CARD, "fr", saved_card_id=card, origin="autopay"
            )
            return starting.pay(session, world.debtor, [Choice(world.invoice())], terms)

    for payment in world.each_death(asks, 6):
        assert world.books.payment(payment).status == "received"
        assert world.books.facts(payment) == [("received", 12_000)]
        assert world.books.open_minor(world.items[-1]) == 0
        payments.append(str(payment))
    assert world.charged() == dict.fromkeys(payments, 12_000)
    assert world.states() == {("start", "ok")} and alerts() == []


@pytest.mark.deep
def test_a_cancellation_ends_it_and_nothing_is_charged(world: World) -> None:
    def asks() -> UUID:
        payment = world.books.pays(world.debtor, world.invoice(), Method.CARD)
        with db.writing(world.debtor) as session:
            starting.cancel(session, world.debtor, payment)
        return payment

    for payment in world.each_death(asks, 6):
        assert world.books.payment(payment).status == "cancelled"
    assert world.charged() == {}
    assert world.states() == {("start", "ok"), ("cancel", "ok")} and alerts() == []


def test_a_refund_goes_back_once(world: World) -> None:
    world.sim.control.webhooks("drop")
    payment, asked = world.paid(), []

    def asks() -> UUID:
        with db.writing(ANA) as session:
            refund = refunding.ask(session, ANA, payment, 100, "paid twice")
        with db.writing(BO) as session:
            refunding.approve(session, BO, refund)
        return refund

    for refund in world.each_death(asks, 6):
        asked.append(str(refund))
        assert world.books.facts(payment) == [("received", 12_000)] + [("refunded", 100)] * len(asked)
        assert world.books.open_minor(world.items[-1]) == 100 * len(asked)
    there = world.sim.v1.refunds.list({"limit": 100}).data
    assert sorted(each.metadata["refund_id"] for each in there) == sorted(asked)
    assert world.charged() == {str(payment): 12_000 - 100 * len(asked)}
    assert world.states() == {("start", "ok"), ("refund", "ok")} and alerts() == []


def test_events_and_looks_book_the_money_once(world: World) -> None:
    def asks() -> UUID:
        payment = world.books.pays(world.debtor, world.invoice(), Method.CARD)
        world.confirms(payment)
        for raw, signature in world.told():
            inbox.accept("stripe", world.books.stripe_id, {"Stripe-Signature": signature}, raw)
        return payment

    for payment in world.each_death(asks, 8, dying.look):
        assert world.books.payment(payment).status == "received"
        assert world.books.facts(payment) == [("received", 12_000)]
        assert world.books.open_minor(world.items[-1]) == 0
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM provider_event WHERE handled_at IS NULL")) == 0
    assert alerts() == []


def test_a_webhook_whose_portal_dies_comes_again_and_is_kept_once(world: World) -> None:
    world.books.pays(world.debtor, world.invoice(), Method.CARD)
    raw, signature = world.told()[0]
    headers, stored = {"Stripe-Signature": signature}, []
    for dies_at in count(1):
        life = world.dies.lives(
            dies_at, dying.accept, provider="stripe", account_id=str(world.books.stripe_id),
            headers=headers, raw=raw.decode(),
        )  # fmt: skip
        inbox.accept("stripe", world.books.stripe_id, headers, raw)
        with db.writing(SYSTEM) as session:
            stored.append(session.scalar(text("SELECT count(*) FROM provider_event")))
        if not life.killed:
            break
    assert stored == [1] * dies_at and dies_at > 2


def test_a_portal_that_dies_has_begun_a_payment_or_not_and_a_reload_gives_the_one(world: World) -> None:
    begun = []
    for dies_at in count(1):
        item = world.invoice()
        life = world.dies.lives(
            dies_at, dying.pay, person=str(new_id()), customer_id=str(world.customer), item_id=str(item),
            account_id=str(world.books.stripe_id),
        )  # fmt: skip
        with db.reading(SYSTEM) as session:
            query = "SELECT payment_id FROM payment_item WHERE item_id = :id"
            found = session.scalars(text(query), {"id": item}).all()
        reloaded = a_payment(world.debtor, world.books.stripe_id, [Choice(item)])
        assert found in ([], [reloaded])
        begun.append(bool(found))
        if not life.killed:
            break
    assert begun == [False, True, True], "before the commit, after it, and alive"
    work_waiting()
    assert world.intents() == {str(world.books.payment(p).id): 1 for p in _payments()}
    assert len(_payments()) == 3 and world.states() == {("start", "ok")}


def _payments() -> list[UUID]:
    with db.reading(SYSTEM) as session:
        return list(session.scalars(text("SELECT id FROM payment")))
