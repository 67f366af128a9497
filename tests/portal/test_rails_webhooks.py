"""Where providers knock: only who signs comes in, each event is stored once, and nobody gets a cookie."""

import hashlib
import hmac
import json
import time
from datetime import timedelta

import pytest
from flask import Flask

from portal.app import create_app
from portal.webhooks import app as webhooks
from shared import clock, db
from shared.actor import SYSTEM
from shared.ids import new_id
from shared.rails.accounts import change_webhook_secret
from tests.make.books import Books
from tests.make.rails import KEYS, an_account
from tests.portal.conftest import counted
from tests.portal.test_rails_pay import ask

EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "data": {"object": {"id": "pi_1", "object": "payment_intent", "metadata": {}}},
}
TOLD = {
    "events": [
        {"id": f"EV{n}", "resource_type": "payments", "action": "confirmed", "links": {"payment": f"PM{n}"}}
        for n in range(3)
    ],
    "meta": {"webhook_id": "WB1"},
}
REFUSED = {"stripe": 400, "gocardless": 498}


@pytest.fixture
def app(database) -> Flask:
    """The portal as it runs: nothing about CSRF is switched off."""
    return create_app()


def stripe_headers(raw: bytes, secret: str = KEYS.webhook_secret, at: float | None = None) -> dict[str, str]:
    moment = int(time.time() if at is None else at)
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={signed}"}


def gocardless_headers(raw: bytes, secret: str = KEYS.webhook_secret) -> dict[str, str]:
    return {"Webhook-Signature": hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}


SIGN = {"stripe": stripe_headers, "gocardless": gocardless_headers}
BODY = {"stripe": json.dumps(EVENT).encode(), "gocardless": json.dumps(TOLD).encode()}


def knock(app, provider, account_id, raw, headers):
    return app.test_client().post(f"/webhooks/{provider}/{account_id}", data=raw, headers=headers)


def stored():
    return [row.event_id for row in ask("SELECT event_id FROM provider_event ORDER BY event_id")]


@pytest.mark.parametrize("provider,thanks", [("stripe", 200), ("gocardless", 204)])
def test_what_is_signed_is_stored_once_and_answered_at_once(app, provider, thanks):
    account_id, raw = an_account(Books(), provider), BODY[provider]
    knock(app, provider, account_id, raw, {})  # the very first connection asks the server who it is
    for _ in range(2):
        with counted() as sent:
            answer = knock(app, provider, account_id, raw, SIGN[provider](raw))
        assert answer.status_code == thanks and answer.data == b""
        assert "Set-Cookie" not in answer.headers
        assert len(sent) <= 4, [s[:60] for s in sent]
    assert stored() == (["evt_1"] if provider == "stripe" else ["EV0", "EV1", "EV2"])


@pytest.mark.parametrize("provider", ["stripe", "gocardless"])
def test_what_is_not_signed_or_cannot_be_read_stores_nothing(app, provider):
    account_id, raw, sign = an_account(Books(), provider), BODY[provider], SIGN[provider]
    large = b'{"id": "' + b"x" * 1_100_000 + b'"}'
    cases = {
        "nothing": (raw, {}),
        "forged": (raw, sign(raw, "whsec_other")),
        "of another body": (raw, sign(raw + b" ")),
        "no text": (b"\xff\xfe", sign(b"\xff\xfe")),
        "no JSON": (b"{", sign(b"{")),
        "no event": (b"[]", sign(b"[]")),
        "too large": (large, sign(large)),
        "odd header": (raw, dict.fromkeys(sign(raw), "t=,v1=é".encode().decode("latin-1"))),
    }
    for name, (body, headers) in cases.items():
        answer = knock(app, provider, account_id, body, headers)
        assert answer.status_code == REFUSED[provider], name
        assert "Set-Cookie" not in answer.headers and answer.data == b"", name
    assert stored() == []


@pytest.mark.parametrize("away", [timedelta(minutes=-6), timedelta(minutes=6), timedelta(days=400)])
def test_a_stale_or_future_signature_of_stripe_is_refused(app, away):
    account_id, raw = an_account(Books()), BODY["stripe"]
    headers = stripe_headers(raw, at=(clock.now() + away).timestamp())
    assert knock(app, "stripe", account_id, raw, headers).status_code == 400
    assert stored() == []


def test_the_secret_before_still_counts_until_the_next_change(app):
    account_id, raw = an_account(Books()), BODY["stripe"]

    def changed(secret):
        with db.writing(SYSTEM) as session:
            change_webhook_secret(session, SYSTEM, account_id, secret)

    changed("whsec_second")
    for secret in ("whsec_second", KEYS.webhook_secret):
        assert knock(app, "stripe", account_id, raw, stripe_headers(raw, secret)).status_code == 200
    changed("whsec_third")
    assert knock(app, "stripe", account_id, raw, stripe_headers(raw)).status_code == 400


def test_other_addresses_are_nobodys(app):
    account_id, raw = an_account(Books()), BODY["stripe"]
    headers = stripe_headers(raw)
    assert knock(app, "stripe", new_id(), raw, headers).status_code == 404
    assert knock(app, "gocardless", account_id, raw, headers).status_code == 404, "another provider's account"
    assert knock(app, "own_bank", account_id, raw, headers).status_code == 404
    assert app.test_client().post("/webhooks/stripe/x", data=raw, headers=headers).status_code == 404
    assert app.test_client().get(f"/webhooks/stripe/{account_id}").status_code == 405
    assert stored() == []


def test_when_we_cannot_store_they_come_again(app, monkeypatch):
    account_id, raw = an_account(Books()), BODY["stripe"]

    def down(*_):
        raise ConnectionError("the database is away")

    monkeypatch.setattr(webhooks, "accept", down)
    answer = knock(app, "stripe", account_id, raw, stripe_headers(raw))
    assert answer.status_code == 503 and answer.data == b""
