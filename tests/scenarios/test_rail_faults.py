"""Answers that are lost, late or refused for a moment, from both providers: one charge, and nobody pays twice meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gocardless_pro.services import base_service
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM, staff
from shared.errors import Conflict
from shared.ids import new_id
from shared.payments.rules import Choice
from shared.rails import refunding, starting
from shared.rails.performing import perform_waiting
from shared.rails.snapshot import Method
from shared.rails.working import work_waiting
from tests.make.lives import Lives, lives
from tests.make.rails import alerts
from tests.make.stripe_rails import StripeBooks, stripe_at
from tests.make.truth import assert_books_agree
from tests.slices.stripe_sandbox import simulator

ANA, BO = (staff(new_id(), name, "finance") for name in ("Ana", "Bo"))
KEPT_NO_LONGER = 25 * 3600


@pytest.fixture
def at_stripe(database: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[AtStripe]:
    monkeypatch.setattr("stripe._http_client.HTTPClient._sleep_time_seconds", lambda *_, **__: 0)
    with simulator() as sim, stripe_at(monkeypatch, sim.url):
        yield AtStripe(sim)
    assert_books_agree()


@pytest.fixture
def at_gocardless(database: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lives]:
    monkeypatch.setattr(base_service.time, "sleep", lambda seconds: None)
    with lives(monkeypatch) as made:
        yield made


class AtStripe:
    """A debtor with one invoice of 120.00."""

    def __init__(self, sim: Any) -> None:
        self.sim = sim
        self.books = StripeBooks()
        self.customer = self.books.customer("C001")
        self.debtor = self.books.debtor(self.customer)
        self.invoice = self.books.invoice(self.customer, "F-2026-0001", 12_000)

    def pays(self, method: Method = Method.CARD, **more: Any) -> Any:
        return self.books.pays(self.debtor, self.invoice, method, **more)

    def paid(self) -> Any:
        payment = self.pays()
        self.confirms(payment)
        return payment

    def confirms(self, payment: Any) -> None:
        ref = self.books.payment(payment).provider_ref
        self.sim.v1.payment_intents.confirm(
            ref, {"payment_method": "pm_card_visa", "return_url": "http://p/b"}
        )
        with db.writing(self.debtor) as session:
            starting.look(session, self.debtor, payment)
        work_waiting()

    def intents(self) -> list[Any]:
        return list(self.sim.v1.payment_intents.list({"limit": 100}).data)

    def refunded(self) -> list[int]:
        return [each.amount for each in self.sim.v1.refunds.list({"limit": 100}).data]


def later(hours: float = 0) -> None:
    """Commands are due again, and were first sent so long ago."""
    with db.writing(SYSTEM) as session:
        session.execute(
            text(
                "UPDATE payment_operation SET due_at = now(), first_sent_at = first_sent_at - make_interval(secs => :s)"
                " WHERE state IN ('pending', 'sent', 'unknown')"
            ),
            {"s": hours * 3600},
        )


def command(kind: str) -> str:
    with db.reading(SYSTEM) as session:
        query = text("SELECT state FROM payment_operation WHERE kind = :kind")
        return str(session.scalars(query, {"kind": kind}).one())


# Whether the command was carried out when its answer is lost, and what we know then.
STRIPE = [
    ("error_after", "unknown"),
    ("error_before", "unknown"),
    ("error_stored", "unknown"),
    ("reset_before", "unknown"),
    ("reset_after", "unknown"),
    ("conflict", "unknown"),
    ("rate_limit", "created"),
]


@pytest.mark.parametrize(("fault", "known"), STRIPE)
def test_a_start_that_is_not_answered_by_stripe_is_one_payment(
    at_stripe: AtStripe, fault: str, known: str
) -> None:
    at_stripe.sim.control.fault(fault, "/v1/payment_intents", times=3)
    payment = at_stripe.pays()
    assert at_stripe.books.payment(payment).status == known
    assert at_stripe.pays() == payment, "the same attempt"
    with pytest.raises(Conflict):
        at_stripe.pays(Method.VIRTUAL_IBAN)
    at_stripe.sim.control.no_faults()
    later()
    work_waiting()
    if fault == "error_stored":  # Stripe remembers its own failure under the key for a day
        assert at_stripe.books.payment(payment).status == "unknown"
        at_stripe.sim.control.advance(KEPT_NO_LONGER)
        later(hours=25)
        work_waiting()
    assert len(at_stripe.intents()) == 1 and command("start") == "ok"
    at_stripe.confirms(payment)
    assert at_stripe.books.facts(payment) == [("received", 12_000)]
    assert at_stripe.books.open_minor(at_stripe.invoice) == 0


def test_a_key_that_stripe_forgot_makes_no_second_payment(at_stripe: AtStripe) -> None:
    at_stripe.sim.control.fault("reset_after", "/v1/payment_intents", times=3)
    payment = at_stripe.pays()
    at_stripe.sim.control.no_faults()
    at_stripe.sim.control.advance(KEPT_NO_LONGER)
    later(hours=25)
    work_waiting()
    assert len(at_stripe.intents()) == 1 and command("start") == "ok"
    assert at_stripe.books.payment(payment).status == "awaiting_payer"


def ask_refund(payment: Any, minor: int) -> Any:
    with db.writing(ANA) as session:
        refund = refunding.ask(session, ANA, payment, minor, "paid twice")
    with db.writing(BO) as session:
        refunding.approve(session, BO, refund)
    return refund


@pytest.mark.parametrize("hours", [0, 25])
@pytest.mark.parametrize("fault", ["error_after", "reset_after", "reset_before", "conflict", "rate_limit"])
def test_a_refund_that_is_not_answered_by_stripe_goes_back_once(
    at_stripe: AtStripe, fault: str, hours: int
) -> None:
    payment = at_stripe.paid()
    at_stripe.sim.control.fault(fault, "/v1/refunds", times=3)
    ask_refund(payment, 3_000)
    perform_waiting()
    assert command("refund") in ("unknown", "pending")
    at_stripe.sim.control.no_faults()
    if hours:
        at_stripe.sim.control.advance(KEPT_NO_LONGER)
    later(hours)
    work_waiting()
    assert at_stripe.refunded() == [3_000] and command("refund") == "ok"
    assert at_stripe.books.facts(payment) == [("received", 12_000), ("refunded", 3_000)]
    assert at_stripe.books.open_minor(at_stripe.invoice) == 3_000


@pytest.mark.parametrize("fault", ["error_after", "reset_after", "reset_before", "rate_limit"])
def test_a_cancellation_that_is_not_answered_ends_it_all_the_same(at_stripe: AtStripe, fault: str) -> None:
    payment = at_stripe.pays()
    with db.writing(at_stripe.debtor) as session:
        starting.cancel(session, at_stripe.debtor, payment)
    at_stripe.sim.control.fault(fault, "/v1/payment_intents", times=3)
    perform_waiting()
    at_stripe.sim.control.no_faults()
    later()
    work_waiting()
    assert at_stripe.books.payment(payment).status == "cancelled" and command("cancel") == "ok"


def test_looks_that_are_not_answered_are_made_again(at_stripe: AtStripe) -> None:
    payment = at_stripe.pays()
    ref = at_stripe.books.payment(payment).provider_ref
    at_stripe.sim.v1.payment_intents.confirm(ref, {"payment_method": "pm_card_visa"})
    for fault in ("error_before", "reset_before", "rate_limit"):
        at_stripe.sim.control.fault(fault, "/v1/", "GET", times=3)
        with db.writing(at_stripe.debtor) as session:
            starting.look(session, at_stripe.debtor, payment)
        work_waiting()
        at_stripe.sim.control.no_faults()
        assert at_stripe.books.payment(payment).status == "awaiting_payer"
    with db.writing(at_stripe.debtor) as session:
        starting.look(session, at_stripe.debtor, payment)
    work_waiting()
    assert at_stripe.books.payment(payment).status == "received" and alerts() == []


GOCARDLESS = [
    "error_after_commit",
    "error_before_commit",
    "reset_after_commit",
    "reset_before_commit",
    "bad_gateway_after_commit",
    "rate_limit",
]


@pytest.mark.parametrize("hours", [0, 25])
@pytest.mark.parametrize("fault", GOCARDLESS)
def test_a_debit_that_is_not_answered_by_gocardless_is_one_debit(
    at_gocardless: Lives, fault: str, hours: int
) -> None:
    life = at_gocardless
    item, mandate = life.books.invoice(life.customer, "F-1", 7_000), life.sign()
    life.gc.control.fault(fault, times=9, path="/payments")
    payment = life.pay(item, mandate=mandate)
    perform_waiting()
    assert life.status(payment) in ("unknown", "created")
    with pytest.raises(Conflict):
        life.pay(item, Method.PAY_BY_BANK)
    life.gc.control.clear_faults()
    later(hours)
    life.look_again()
    assert life.status(payment) == "processing"
    assert [each.amount for each in life.gc.client.payments.list().records] == [7_000]
    life.gc.control.confirm(life.ref(payment))
    life.work()
    assert life.status(payment) == "received" and life.books.open_minor(item) == 0


@pytest.mark.parametrize("hours", [0, 25])
@pytest.mark.parametrize(
    "fault", ["error_after_commit", "reset_after_commit", "reset_before_commit", "rate_limit"]
)
def test_a_refund_that_is_not_answered_by_gocardless_goes_back_once(
    at_gocardless: Lives, fault: str, hours: int
) -> None:
    life = at_gocardless
    item = life.books.invoice(life.customer, "F-1", 7_000)
    payment = life.pay(item, mandate=life.sign())
    life.work()
    life.gc.control.confirm(life.ref(payment))
    life.work()
    life.gc.control.fault(fault, times=9, path="/refunds")
    ask_refund(payment, 2_000)
    perform_waiting()
    assert command("refund") in ("unknown", "pending")
    life.gc.control.clear_faults()
    later(hours)
    life.look_again()
    assert [each.amount for each in life.gc.client.refunds.list().records] == [2_000]
    assert command("refund") == "ok"


def test_a_first_try_older_than_any_key_looks_before_it_sends(at_gocardless: Lives) -> None:
    """GoCardless' keys end too: what was sent under one that it forgot is found by our id."""
    life = at_gocardless
    item = life.books.invoice(life.customer, "F-1", 7_000)
    life.gc.control.fault("reset_after_commit", times=9, path="/billing_requests")
    payment = life.pay(item, Method.PAY_BY_BANK)
    perform_waiting()
    assert life.status(payment) == "unknown"
    life.gc.control.clear_faults()
    later(hours=25)
    life.look_again()
    assert len(life.gc.client.billing_requests.list().records) == 1 and command("start") == "ok"
    with db.writing(life.actor) as session:
        again = starting.pay(
            session, life.actor, [Choice(item)], starting.Terms(life.account_id, Method.PAY_BY_BANK, "fr")
        )
    assert again == payment
