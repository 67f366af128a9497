"""Webhooks that are wrong in every way, and ten thousand that are right: nothing stored wrongly, nothing lost."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import threading
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from portal.webhooks.app import create_app
from shared import clock, db
from shared.actor import SYSTEM
from shared.creditors.models import Creditor
from shared.rails import inbox
from shared.rails.accounts import Keys, add_account
from shared.rails.snapshot import Method
from shared.rails.syncing import sync_due
from tests.conftest import DEEP
from tests.make.books import Books
from tests.make.rails import KEYS, an_account
from tests.make.stripe_rails import StripeBooks, stripe_at
from tests.slices.stripe_sandbox import simulator

EVENTS = 10_000 if DEEP else 600
REFUSED = {"stripe": 400, "gocardless": 498}
STRIPE = json.dumps({"id": "evt_1", "type": "charge.succeeded", "data": {"object": {"id": "ch_1"}}}).encode()
GOCARDLESS = json.dumps(
    {
        "events": [
            {"id": "EV1", "resource_type": "payments", "action": "confirmed", "links": {"payment": "PM1"}}
        ]
    }
).encode()
BODY = {"stripe": STRIPE, "gocardless": GOCARDLESS}


def signed(provider: str, raw: bytes, secret: str = KEYS.webhook_secret) -> dict[str, str]:
    if provider == "gocardless":
        return {"Webhook-Signature": hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}
    moment = int(clock.now().timestamp())
    found = hmac.new(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={found}"}


@pytest.fixture
def app(database: object) -> Flask:
    return create_app()


def knock(app: Flask, provider: str, account: Any, raw: bytes, headers: dict[str, str]) -> int:
    return app.test_client().post(f"/{provider}/{account}", data=raw, headers=headers).status_code


def value(query: str) -> Any:
    with db.reading(SYSTEM) as session:
        return session.scalar(text(query))


@pytest.mark.parametrize("provider", ["stripe", "gocardless"])
def test_what_is_badly_written_or_of_somebody_else_is_refused(app: Flask, provider: str) -> None:
    books = Books()
    account, raw = an_account(books, provider), BODY[provider]
    others = Books("Ailleurs SAS", "FR1420041010050500013M02606")
    with db.writing(SYSTEM) as session:
        creditor = session.get_one(Creditor, others.creditor_id)
        add_account(session, SYSTEM, creditor, provider, mode="test", keys=Keys("k", "whsec_of_others"))
    other = {"stripe": "gocardless", "gocardless": "stripe"}[provider]
    zipped, latin = gzip.compress(raw), raw.replace(b"1", "é".encode("latin-1"))
    deep = b'{"events":' * 5_000
    right = signed(provider, raw)
    cases = {
        "cut off": (raw[:-9], signed(provider, raw[:-9])),
        "cut off after signing": (raw[:-9], right),
        "zipped": (zipped, {**signed(provider, zipped), "Content-Encoding": "gzip"}),
        "not UTF-8": (latin, signed(provider, latin)),
        "very deep": (deep, signed(provider, deep)),
        "empty": (b"", signed(provider, b"")),
        "null": (b"null", signed(provider, b"null")),
        "no signature": (raw, {}),
        "an empty signature": (raw, dict.fromkeys(right, "")),
        "another account's secret": (raw, signed(provider, raw, "whsec_of_others")),
        "the other provider's signature": (raw, signed(other, raw)),
        "signed with nothing": (raw, signed(provider, raw, "")),
    }
    for name, (body, headers) in cases.items():
        assert knock(app, provider, account, body, headers) == REFUSED[provider], name
    assert value("SELECT count(*) FROM provider_event") == 0
    assert knock(app, provider, account, raw, right) in (200, 204)
    assert value("SELECT count(*) FROM provider_event") == 1


def test_the_other_accounts_secret_opens_only_the_other_account(app: Flask) -> None:
    account = an_account(Books())
    with db.writing(SYSTEM) as session:
        creditor = session.get_one(Creditor, Books("Ailleurs SAS", "FR1420041010050500013M02606").creditor_id)
        theirs = add_account(session, SYSTEM, creditor, "stripe", mode="test", keys=Keys("k", "whsec_2")).id
    assert knock(app, "stripe", theirs, STRIPE, signed("stripe", STRIPE, "whsec_2")) == 200
    assert knock(app, "stripe", theirs, STRIPE, signed("stripe", STRIPE)) == 400
    assert knock(app, "stripe", account, STRIPE, signed("stripe", STRIPE, "whsec_2")) == 400


def test_a_flood_is_drained_without_loss_and_in_linear_time(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four senders at once, each event told twice; half of them about payments of ours."""
    with simulator() as sim, stripe_at(monkeypatch, sim.url):
        books = StripeBooks()
        customer = books.customer("C1")
        debtor = books.debtor(customer)
        payments = [
            books.pays(debtor, books.invoice(customer, f"F-{n}", 12_000), Method.CARD) for n in range(5)
        ]
        refs = [books.payment(payment).provider_ref for payment in payments]
        for ref in refs:
            sim.v1.payment_intents.confirm(ref, {"payment_method": "pm_card_visa"})

        def event(number: int) -> bytes:
            ref = refs[number % 5] if number % 2 else f"pi_unknown_{number}"
            told = {
                "id": f"evt_{number}",
                "type": "payment_intent.succeeded",
                "data": {"object": {"id": ref}},
            }
            return json.dumps(told).encode()

        def send(first: int) -> None:
            for number in range(first % EVENTS, EVENTS, 2):
                raw = event(number)
                answers.add(knock(app, "stripe", books.stripe_id, raw, signed("stripe", raw)))

        answers: set[int] = set()
        senders = [threading.Thread(target=send, args=(n % 2,)) for n in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert answers == {200} and value("SELECT count(*) FROM provider_event") == EVENTS
        begun = time.monotonic()
        assert inbox.read_waiting() == EVENTS // 2, "what is not ours is waited for a little"
        assert time.monotonic() - begun < 2 + EVENTS / 1_000
        for _ in range(7):
            with db.writing(SYSTEM) as session:
                session.execute(text("UPDATE provider_event SET due_at = now() WHERE handled_at IS NULL"))
            inbox.read_waiting()
        assert value("SELECT count(*) FROM provider_event WHERE handled_at IS NULL") == 0
        assert value("SELECT count(*) FROM provider_event WHERE outcome = 'payment'") == EVENTS // 2
        assert sync_due() == 5, "a burst about one payment is one look"
        assert all(books.facts(payment) == [("received", 12_000)] for payment in payments)
