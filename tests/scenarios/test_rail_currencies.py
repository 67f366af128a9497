"""Currencies without decimals, with three, and those Stripe counts its own way: to the last unit, there and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM, staff
from shared.creditors import actions as creditors
from shared.creditors.models import Creditor
from shared.ids import new_id
from shared.money import Money, digits
from shared.rails import refunding, starting
from shared.rails.providers.stripe_money import Inexact, from_stripe, to_stripe
from shared.rails.snapshot import Method
from shared.rails.working import work_waiting
from tests.make.rails import alerts
from tests.make.stripe_rails import StripeBooks, stripe_at
from tests.make.truth import assert_books_agree
from tests.slices.stripe_sandbox import simulator

ANA, BO = (staff(new_id(), name, "finance") for name in ("Ana", "Bo"))
CURRENCIES = ("EUR", "USD", "JPY", "KRW", "ISK", "UGX", "KWD", "TND", "BHD", "MGA")


@pytest.fixture
def sim(database: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with simulator() as made, stripe_at(monkeypatch, made.url):
        yield made
    assert_books_agree()


# Ours, in the currency's own smallest unit; what Stripe is asked for; a part that goes back.
@pytest.mark.parametrize(
    ("currency", "minor", "theirs", "back"),
    [
        ("JPY", 12_345, 12_345, 345),
        ("KWD", 12_340, 12_340, 10),
        ("TND", 999_990, 999_990, 990),
        ("ISK", 4_500, 450_000, 17),
        ("MGA", 250_000, 2_500, 300),
    ],
)
def test_an_invoice_is_paid_and_partly_refunded_to_the_last_unit(
    sim: Any, currency: str, minor: int, theirs: int, back: int
) -> None:
    books = StripeBooks()
    with db.writing(SYSTEM) as session:
        creditor = session.get_one(Creditor, books.creditor_id)
        iban = "FR1420041010050500013M02606"
        creditors.add_account(session, SYSTEM, creditor, iban, currency=currency)
    customer = books.customer("C001")
    debtor = books.debtor(customer)
    item = books.invoice(customer, "F-1", minor, currency=currency)
    payment = books.pays(debtor, item, Method.CARD)
    intent = sim.v1.payment_intents.retrieve(books.payment(payment).provider_ref)
    assert (intent.amount, intent.currency) == (theirs, currency.lower())
    sim.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa", "return_url": "http://p/b"})
    with db.writing(debtor) as session:
        starting.look(session, debtor, payment)
    work_waiting()
    assert books.payment(payment).status == "received" and books.open_minor(item) == 0
    with db.writing(ANA) as session:
        refund = refunding.ask(session, ANA, payment, back, "too much")
    with db.writing(BO) as session:
        refunding.approve(session, BO, refund)
    work_waiting()
    assert books.facts(payment) == [("received", minor), ("refunded", back)]
    assert books.open_minor(item) == back and alerts() == []
    with db.reading(SYSTEM) as session:
        query = text("SELECT sum(l.amount_minor) FROM journal_line l JOIN journal_entry e ON e.id = l.entry_id"
                     " WHERE l.account = '51151' AND e.currency = :currency")  # fmt: skip
        assert session.scalar(query, {"currency": currency}) == minor - back


@pytest.mark.parametrize(("currency", "minor"), [("KWD", 12_345), ("TND", 1), ("MGA", 250)])
def test_what_stripe_cannot_express_ends_at_once_and_can_be_paid_otherwise(
    sim: Any, currency: str, minor: int
) -> None:
    books = StripeBooks()
    customer = books.customer("C001")
    debtor = books.debtor(customer)
    with db.writing(SYSTEM) as session:
        creditor = session.get_one(Creditor, books.creditor_id)
        creditors.add_account(session, SYSTEM, creditor, "FR1420041010050500013M02606", currency=currency)
    item = books.invoice(customer, "F-1", minor, currency=currency)
    payment = books.pays(debtor, item, Method.CARD)
    row = books.payment(payment)
    assert (row.status, row.decline) == ("failed", "amount")
    assert sim.v1.payment_intents.list().data == [] and books.open_minor(item) == minor
    assert books.pays(debtor, item, Method.CARD_PAGE) != payment, "it holds nothing any more"


@settings(max_examples=300)
@given(st.sampled_from(CURRENCIES), st.integers(1, 10**12))
def test_there_and_back_is_the_same_or_refused(currency: str, minor: int) -> None:
    try:
        theirs = to_stripe(minor, currency)
    except Inexact:
        assert currency in ("KWD", "TND", "BHD", "MGA")
        return
    assert from_stripe(theirs, currency.lower()) == (minor, currency)
    shown = Money(minor, currency)
    assert digits(currency) in (0, 2, 3) and shown.minor == minor
