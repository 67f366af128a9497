"""Many at the same moment over one invoice paid by a rail: one attempt, one charge, and never a cent too much back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import stripe
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared import clock, db
from shared.actor import SYSTEM, staff
from shared.errors import Conflict, DomainError
from shared.ids import new_id
from shared.matching import run
from shared.matching.actions import Part, assign
from shared.payments import announcing
from shared.payments.rules import Choice
from shared.rails import inbox, performing, refunding, starting, syncing
from shared.rails.models import Refund
from shared.rails.performing import perform_waiting
from shared.rails.providers.protocols import Unclear
from shared.rails.snapshot import Method
from shared.rails.syncing import sync_due
from tests.conftest import DEEP
from tests.make.at_once import at_once, refused
from tests.make.rails import KEYS, a_payment, alerts
from tests.make.stripe_rails import StripeBooks, stripe_at
from tests.make.truth import assert_books_agree
from tests.slices.stripe_sandbox import Inbox, simulator, until

ANA, BO, CHI = (staff(new_id(), name, "finance") for name in ("Ana", "Bo", "Chi"))
ROUNDS = 25 if DEEP else 3


@pytest.fixture
def world(database: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with (
        Inbox() as heard,
        simulator(webhook=(heard.url, KEYS.webhook_secret)) as sim,
        stripe_at(monkeypatch, sim.url),
    ):
        yield World(sim, heard)
    assert_books_agree()


class World:
    def __init__(self, sim: Any, heard: Inbox) -> None:
        self.sim, self.heard = sim, heard
        self.books = StripeBooks()
        self.customer = self.books.customer("C001")
        self.serial = 0

    def invoice(self, minor: int = 12_000) -> UUID:
        self.serial += 1
        return self.books.invoice(self.customer, f"F-2026-{self.serial:04}", minor)

    def payer(self, item: UUID, method: Method = Method.CARD) -> Callable[[], UUID]:
        """Somebody of the customer's, who presses the button."""
        person = self.books.debtor(self.customer)
        return lambda: a_payment(person, self.books.stripe_id, [Choice(item)], method)

    def confirms(self, payment_id: UUID) -> None:
        ref = self.books.payment(payment_id).provider_ref
        self.sim.v1.payment_intents.confirm(
            ref, {"payment_method": "pm_card_visa", "return_url": "http://p/b"}
        )

    def hears(self) -> None:
        until(lambda: all(each["state"] == "delivered" for each in self.sim.control.deliveries()))
        self.books.hears(self.heard.received)

    def paid(self) -> UUID:
        payment = self.payer(self.invoice())()
        perform_waiting()
        self.confirms(payment)
        self.hears()
        assert self.books.payment(payment).status == "received"
        return payment

    def charged(self) -> int:
        return sum(
            each.amount - each.amount_refunded for each in self.sim.v1.charges.list({"limit": 100}).data
        )

    def intents(self) -> int:
        return len(self.sim.v1.payment_intents.list({"limit": 100}).data)


def value(query: str, **of: Any) -> Any:
    with db.reading(SYSTEM) as session:
        return session.scalar(text(query), of)


def test_fifty_payers_of_one_invoice_are_one_attempt_and_one_charge(world: World) -> None:
    item = world.invoice()
    line = world.books.bank_line(12_000)
    announcer = world.books.debtor(world.customer)

    def announces() -> None:
        with db.writing(announcer) as session:
            announcing.announce(session, announcer, [Choice(item)], clock.today())

    def assigns() -> None:
        with db.writing(SYSTEM) as session:
            assign(session, SYSTEM, line, [Part(item, 2_000)], world.customer)

    tab = world.payer(item)
    cards = [world.payer(item) for _ in range(48)] + [tab, tab]
    others = [world.payer(item, Method.VIRTUAL_IBAN), world.payer(item, Method.CARD_PAGE), announces, assigns]
    answers = at_once(*cards, *others)
    assert not isinstance(answers[-1], Exception), "money that is there is always booked"
    begun = {answer for answer in answers if isinstance(answer, UUID)}
    no = [answer for answer in answers if isinstance(answer, DomainError)]
    announced = value("SELECT count(*) FROM expected_payment WHERE cancelled_at IS NULL")
    live = value("SELECT count(*) FROM payment")
    assert len(begun) == live <= 1 and live + announced == 1
    assert all(isinstance(each, Conflict) for each in no), {repr(each) for each in no}
    assert value("SELECT count(*) FROM payment_operation") == live
    at_once(*[perform_waiting] * 3)
    assert world.intents() == live
    if live:
        (payment,) = begun
        if world.books.payment(payment).method == "card":
            world.confirms(payment)
            world.hears()
            row = world.books.payment(payment)
            assert row.status == "received" and world.charged() == row.amount_minor
    assert_books_agree()


def test_paying_and_giving_up_at_once_ends_in_one_state(world: World) -> None:
    for _ in range(ROUNDS):
        item, person = world.invoice(), world.books.debtor(world.customer)
        payment = world.payer(item)()

        def gives_up(payment: UUID = payment, person: Any = person) -> None:
            with db.writing(person) as session:
                starting.cancel(session, person, payment)

        again = at_once(gives_up, gives_up, perform_waiting, perform_waiting, world.payer(item))[-1]
        assert isinstance(again, UUID)
        perform_waiting()
        assert world.books.payment(payment).status == "cancelled"
        asked = "SELECT count(*) FROM payment_operation WHERE kind = 'cancel' AND payment_id = :id"
        assert value(asked, id=payment) in (1, 2), "a second time only after the first was answered"
        if again == payment:
            again = world.payer(item)()
        assert again != payment and world.books.payment(again).status in ("created", "awaiting_payer")
    assert world.charged() == 0 and alerts() == []


def test_a_cancellation_that_meets_the_payer_has_one_end(world: World) -> None:
    for _ in range(ROUNDS * 2):
        payment = world.payer(world.invoice())()
        person = world.books.debtor(world.customer)
        perform_waiting()
        with db.writing(person) as session:
            starting.cancel(session, person, payment)

        def confirms(payment: UUID = payment) -> None:
            try:
                world.confirms(payment)
            except stripe.StripeError as error:
                raise Conflict(str(error)) from error  # cancelled already

        def looks(payment: UUID = payment, person: Any = person) -> None:
            with db.writing(person) as session:
                starting.look(session, person, payment)
            sync_due()

        at_once(confirms, perform_waiting, looks, looks)
        world.hears()
        there = world.sim.v1.payment_intents.retrieve(world.books.payment(payment).provider_ref).status
        ended = {"succeeded": "received", "canceled": "cancelled"}[there]
        assert world.books.payment(payment).status == ended
    assert alerts() == []


def test_three_workers_do_each_thing_once(world: World) -> None:
    payments = [world.payer(world.invoice())() for _ in range(8)]
    at_once(*[perform_waiting] * 3)
    assert world.intents() == 8
    assert value("SELECT count(*) FROM payment_operation WHERE state = 'ok' AND attempts = 1") == 8
    for payment in payments:
        world.confirms(payment)
    until(lambda: all(each["state"] == "delivered" for each in world.sim.control.deliveries()))
    hooks = list(world.heard.received)

    def hear() -> None:
        for raw, signature in hooks:
            inbox.accept("stripe", world.books.stripe_id, {"Stripe-Signature": signature}, raw)

    at_once(*[hear] * 3)
    assert value("SELECT count(*) FROM provider_event") == len(hooks)
    at_once(*[inbox.read_waiting] * 3)
    assert value("SELECT count(*) FROM provider_event WHERE handled_at IS NULL") == 0
    at_once(*[sync_due] * 3)
    assert all(world.books.facts(payment) == [("received", 12_000)] for payment in payments)
    assert alerts() == []


def test_card_money_and_a_bank_line_for_the_same_invoice_are_both_kept(world: World) -> None:
    for _ in range(ROUNDS):
        item = world.invoice()
        payment = world.payer(item)()
        number = f"F-2026-{world.serial:04}"
        perform_waiting()
        world.books.bank_line(12_000, number)
        world.confirms(payment)
        at_once(world.hears, lambda: list(run.run(SYSTEM)), sync_due)
        world.hears()
        list(run.run(SYSTEM))
        assert world.books.payment(payment).status == "received" and world.books.open_minor(item) == 0
        came = value("SELECT sum(amount_minor) FROM journal_line WHERE account IN ('512', '51151')")
        assert came == 24_000 * world.serial
        assert_books_agree()
    owed = value("SELECT coalesce(sum(open_minor), 0) FROM open_item")
    waiting = value("SELECT sum(open_minor) FROM bank_line")
    assert owed - waiting == -12_000 * ROUNDS, "what was paid twice is on account, or on its line"


# -- refunds -------------------------------------------------------------------------------------------------


def ask(payment: UUID, minor: int, who: Any = ANA) -> UUID:
    with db.writing(who) as session:
        return refunding.ask(session, who, payment, minor, "paid twice")


def approve(refund: UUID, who: Any = BO) -> None:
    with db.writing(who) as session:
        refunding.approve(session, who, refund)


def test_two_who_approve_send_it_once(world: World) -> None:
    payment = world.paid()
    refund = ask(payment, 5_000)
    answers = at_once(lambda: approve(refund, BO), lambda: approve(refund, CHI), lambda: approve(refund, BO))
    assert refused(answers) == 2
    at_once(*[perform_waiting] * 3)
    assert world.charged() == 7_000 and world.books.facts(payment)[1:] == [("refunded", 5_000)]


def test_refunds_at_once_never_exceed_what_came(world: World) -> None:
    payment = world.paid()
    answers = at_once(*[lambda: ask(payment, 7_000)] * 4)
    assert refused(answers) == 3
    for refund in answers:
        if isinstance(refund, UUID):
            approve(refund)
    perform_waiting()
    assert world.charged() == 5_000
    with pytest.raises(DomainError):
        ask(payment, 5_001)
    with pytest.raises(DomainError), db.writing(SYSTEM) as session:  # past all rules: the database says no
        session.add(
            Refund(
                id=new_id(), payment_id=payment, customer_id=world.customer, amount_minor=5_001, reason="x",
                asked_by_id=new_id(), asked_by="Nobody", asked_at=clock.now(),
            )
        )  # fmt: skip
    facts = (
        "INSERT INTO payment_fact (account_id, payment_id, customer_id, kind, ref, amount_minor, currency,"
    )
    facts += (
        " occurred_at, recorded_at) SELECT account_id, id, customer_id, 'refunded', 're_x', 5001, currency,"
    )
    with pytest.raises(IntegrityError), db.writing(SYSTEM) as session:
        session.execute(text(f"{facts} now(), now() FROM payment"))


def test_a_chargeback_before_the_approval_leaves_nothing_to_refund(world: World) -> None:
    payment = world.paid()
    refund = ask(payment, 5_000)
    charge = value("SELECT ref FROM payment_fact WHERE kind = 'received'")
    world.sim.control.open_dispute(charge)
    world.hears()
    with pytest.raises(DomainError):
        approve(refund)
    assert value("SELECT count(*) FROM payment_operation WHERE kind = 'refund'") == 0


def test_an_approval_that_meets_a_chargeback_gives_back_no_more_than_came(world: World) -> None:
    for _ in range(ROUNDS):
        payment = world.paid()
        refund = ask(payment, 5_000)
        charge = value(
            "SELECT ref FROM payment_fact WHERE kind = 'received' AND payment_id = :id", id=payment
        )
        at_once(lambda r=refund: approve(r), lambda c=charge: world.sim.control.open_dispute(c), world.hears)
        at_once(perform_waiting, world.hears)
        world.hears()
        back = [minor for kind, minor in world.books.facts(payment) if kind != "received"]
        assert sum(back) <= 12_000
        state = value("SELECT state FROM refund WHERE id = :id", id=refund)
        assert state in ("asked", "failed", "paid", "refused")
        assert_books_agree()


# -- workers that are late -----------------------------------------------------------------------------------


def test_an_old_look_is_dropped_for_what_a_command_was_answered_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = world.books.debtor(world.customer)
    payment = world.payer(world.invoice())()
    perform_waiting()
    with db.writing(person) as session:
        starting.look(session, person, payment)
        starting.cancel(session, person, payment)
    fetch = syncing._fetch

    def slowly(*of: Any) -> Any:
        seen = fetch(*of)
        monkeypatch.setattr(syncing, "_fetch", fetch)
        perform_waiting()
        return seen

    monkeypatch.setattr(syncing, "_fetch", slowly)
    sync_due()
    assert world.books.payment(payment).status == "cancelled" and alerts() == []


def test_whose_claim_ran_out_does_not_open_again_what_another_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = world.payer(world.invoice())()
    send = performing._send

    def too_slowly(*of: Any) -> Any:
        monkeypatch.setattr(performing, "_send", send)
        with db.writing(SYSTEM) as session:
            session.execute(text("UPDATE payment_operation SET due_at = now()"))  # the claim ran out
        perform_waiting()
        raise Unclear("timed out")

    monkeypatch.setattr(performing, "_send", too_slowly)
    perform_waiting()
    assert value("SELECT state FROM payment_operation") == "ok" and world.intents() == 1
    assert world.books.payment(payment).status == "awaiting_payer"
