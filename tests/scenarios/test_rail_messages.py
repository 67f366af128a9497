"""Lives of payments at the simulators, whose webhooks come late, twice, in another order or never: one end.

The same life is told twice to the books: once as it was told by the provider, once as chance has it, then looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
import stripe
from gocardless_pro.services import base_service
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.mandates.actions import resume
from shared.rails import inbox
from shared.rails.snapshot import Method
from shared.rails.working import work_waiting
from shared.sandbox.stripe.control_client import ControlRefused
from tests.conftest import DEEP
from tests.make.lives import Lives, lives
from tests.make.rails import KEYS
from tests.make.stripe_rails import StripeBooks, stripe_at
from tests.make.truth import assert_books_agree
from tests.slices.stripe_sandbox import Inbox, simulator, until

EXAMPLES = 1500 if DEEP else 8
# What may happen to a card payment at Stripe; what cannot happen at that moment is left out.
AT_STRIPE = ("declined", "confirmed", "refund", "refund fails", "dispute", "won", "lost", "cancelled")
AT_GOCARDLESS = (
    "submitted",
    "confirmed",
    "failed",
    "charged_back",
    "chargeback_cancelled",
    "paid_out",
    "cancelled",
)


def chances(most: int) -> st.SearchStrategy[list[int]]:
    """Which webhooks come, in which order; some twice, some never."""
    return st.lists(st.integers(0, most), max_size=most)


def look_at_all() -> None:
    """All that could be missed is asked for, until nothing is due."""
    inbox.fill_gaps()
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE payment SET sync_due_at = :now"), {"now": clock.now()})
        session.execute(text("UPDATE provider_event SET due_at = now() WHERE handled_at IS NULL"))
    while work_waiting():
        pass


def end_of(payment: UUID) -> tuple[Any, ...]:
    """What the books and the screens say of a payment in the end; facts in the order of their happening."""
    with db.reading(SYSTEM) as session:
        row = session.execute(
            text(
                "SELECT p.status, p.phase, p.decline, i.open_minor FROM payment p JOIN payment_item x"
                " ON x.payment_id = p.id JOIN open_item i ON i.id = x.item_id WHERE p.id = :id"
            ),
            {"id": payment},
        ).one()
        facts = session.execute(
            text(
                "SELECT kind, amount_minor FROM payment_fact WHERE payment_id = :id ORDER BY kind, amount_minor, ref"
            ),
            {"id": payment},
        ).all()
        disputes = session.execute(
            text("SELECT state FROM payment_dispute WHERE payment_id = :id ORDER BY ref"), {"id": payment}
        ).all()
        booked = session.scalar(
            text(
                "SELECT coalesce(sum(r.amount_minor), 0) - coalesce((SELECT sum(x.amount_minor) FROM receipt_reversal x"
                " JOIN receipt q ON q.id = x.receipt_id WHERE q.payment_id = :id), 0)"
                " FROM receipt r WHERE r.payment_id = :id"
            ),
            {"id": payment},
        )
    return tuple(row), [tuple(f) for f in facts], [d.state for d in disputes], booked


# -- Stripe --------------------------------------------------------------------------------------------------


class Card:
    """Two payments of two invoices, to which the same happens."""

    def __init__(self, sim: Any, heard: Inbox) -> None:
        self.sim, self.heard = sim, heard
        self.books = StripeBooks()
        self.customer = self.books.customer("C001")
        self.debtor = self.books.debtor(self.customer)
        self.serial = 0

    def payment(self) -> UUID:
        self.serial += 1
        item = self.books.invoice(self.customer, f"F-{self.serial:05}", 12_000)
        made = self.books.pays(self.debtor, item, Method.CARD)
        self.told()
        return made

    def told(self) -> list[tuple[bytes, str]]:
        until(lambda: all(each["state"] == "delivered" for each in self.sim.control.deliveries()))
        found, self.heard.received[:] = list(self.heard.received), []
        return found

    def takes(self, messages: list[tuple[bytes, str]]) -> None:
        for raw, signature in messages:
            inbox.accept("stripe", self.books.stripe_id, {"Stripe-Signature": signature}, raw)

    def happens(self, ref: str, what: str) -> None:
        v1, control = self.sim.v1, self.sim.control
        charge = v1.payment_intents.retrieve(ref).latest_charge
        with suppress(stripe.StripeError, ControlRefused, IndexError):
            if what in ("declined", "confirmed"):
                token = "pm_card_visa" if what == "confirmed" else "pm_card_chargeDeclined"
                v1.payment_intents.confirm(ref, {"payment_method": token, "return_url": "http://p/b"})
            elif what == "cancelled":
                v1.payment_intents.cancel(ref)
            elif what == "refund" and charge:
                v1.refunds.create({"payment_intent": ref, "amount": 2_500})
            elif what == "refund fails" and charge:
                control.refund_fails(v1.refunds.list({"payment_intent": ref}).data[0].id)
            elif what == "dispute" and charge:
                control.open_dispute(str(charge))
            elif what in ("won", "lost") and charge:
                control.close_dispute(v1.disputes.list({"payment_intent": ref}).data[0].id, what == "won")


@pytest.fixture
def card(database: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    with (
        Inbox() as heard,
        simulator(webhook=(heard.url, KEYS.webhook_secret)) as sim,
        stripe_at(monkeypatch, sim.url),
    ):
        yield Card(sim, heard)
    assert_books_agree()


@settings(max_examples=EXAMPLES)
@given(data=st.data(), life=st.lists(st.sampled_from(AT_STRIPE), max_size=6))
def test_a_card_payment_ends_the_same_however_stripe_is_heard(card: Card, data: Any, life: list[str]) -> None:
    one, other = card.payment(), card.payment()
    ref = card.books.payment(one).provider_ref
    for what in life:
        card.happens(ref, what)
        card.takes(card.told())
        work_waiting()
    ref = card.books.payment(other).provider_ref
    for what in life:
        card.happens(ref, what)
        if data.draw(st.booleans()):
            late = card.told()
            card.takes([late[n % len(late)] for n in data.draw(chances(4))] if late else [])
            work_waiting()
    late = card.told()
    card.takes([late[n % len(late)] for n in data.draw(chances(12))] if late else [])
    work_waiting()
    look_at_all()
    assert end_of(one) == end_of(other)
    assert_books_agree()


# -- GoCardless ----------------------------------------------------------------------------------------------


@pytest.fixture
def debits(database: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lives]:
    monkeypatch.setattr(base_service.time, "sleep", lambda seconds: None)
    with lives(monkeypatch) as made:
        made.sign()
        yield made


def _debit(life: Lives) -> UUID:
    serial = life.value("SELECT count(*) FROM payment")
    item = life.books.invoice(life.customer, f"F-{serial}", 12_000)
    mandate = life.value("SELECT id FROM mandate")
    if (
        life.value("SELECT state FROM mandate") == "suspended"
    ):  # the bank's reason for an earlier return said so
        with db.writing(SYSTEM) as session:
            resume(session, SYSTEM, mandate)
    payment = life.pay(item, mandate=mandate)
    life.work()
    return payment


def _happens(life: Lives, ref: str, what: str) -> None:
    with suppress(ValueError):
        life.gc.control.pay_out() if what == "paid_out" else life.gc.control.step(
            ref, what, _REASON.get(what)
        )


_REASON = {"failed": "AM04", "charged_back": "MD06"}


@settings(max_examples=EXAMPLES)
@given(data=st.data(), middle=st.lists(st.sampled_from(AT_GOCARDLESS), max_size=6))
def test_a_debit_ends_the_same_however_gocardless_is_heard(
    debits: Lives, data: Any, middle: list[str]
) -> None:
    one, other = _debit(debits), _debit(debits)
    for what in middle:
        _happens(debits, debits.ref(one), what)
        debits.work()
    ref, told = debits.ref(other), []
    for what in middle:
        _happens(debits, ref, what)
        debits.gc.control.settle()
        told += debits.heard.heard
        debits.heard.heard = []
        if told and data.draw(st.booleans()):
            _take(debits, [told[n % len(told)] for n in data.draw(chances(4))])
    if told:
        _take(debits, [told[n % len(told)] for n in data.draw(chances(8))])
    look_at_all()
    assert end_of(one) == end_of(other)
    assert_books_agree()


def _take(life: Lives, messages: list[Any]) -> None:
    for headers, raw in messages:
        inbox.accept("gocardless", life.account_id, headers, raw)
    work_waiting()
