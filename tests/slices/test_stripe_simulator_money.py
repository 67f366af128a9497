"""Payouts, webhooks and the pages that payers see, in the Stripe simulator."""

from __future__ import annotations

import http.client
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import stripe

from shared.sandbox.stripe import accepted, cards, money_in
from shared.sandbox.stripe.control_client import ControlRefused
from tests.slices.stripe_sandbox import IBAN, SECRET, Inbox, simulator, until

RETURN = "https://portal.example/back?invoice=1"


@pytest.fixture
def sim():
    with simulator() as running:
        yield running


def items_of(sim, payout):
    """The payout's balance transactions, its own apart."""
    listed = sim.v1.balance_transactions.list({"payout": payout, "limit": 2}).auto_paging_iter()
    everything = list(listed)
    return [each for each in everything if each.type != "payout"]


def test_a_payout_is_itemised_to_the_cent(sim):
    paid = sim.card(10_000)
    sim.v1.refunds.create({"payment_intent": paid.id, "amount": 1_500})
    sim.control.open_dispute(sim.card(2_000).latest_charge)
    sent, failed, waiting = sim.debit(5_000), sim.debit(600), sim.debit(700)
    sim.control.debit_paid(sent.id)
    sim.control.debit_failed(failed.id)
    payout = sim.v1.payouts.retrieve(sim.control.payout(stripe_fee=250)["id"])
    items = items_of(sim, payout.id)
    assert sorted(each.type for each in items) == sorted(
        [
            *["charge", "charge", "refund", "adjustment"],
            *["payment", "payment", "payment_failure_refund", "stripe_fee"],
        ]
    )
    assert waiting.latest_charge not in {each.source for each in items}
    assert sum(each.net for each in items) == payout.amount
    assert all(each.net == each.amount - each.fee for each in items)
    assert (payout.status, payout.automatic, payout.reconciliation_status) == ("paid", True, "completed")
    own = sim.v1.balance_transactions.retrieve(payout.balance_transaction)
    assert (own.type, own.amount) == ("payout", -payout.amount)
    told = [each for each in sim.told() if each.startswith("payout")]
    assert told == ["payout.created", "payout.paid", "payout.reconciliation_completed"]
    with pytest.raises(ControlRefused):
        sim.control.payout()


def test_a_payout_comes_back_and_goes_out_again(sim):
    sim.card(10_000)
    payout = sim.control.payout()
    sim.control.fail_payout(payout["id"])
    read = sim.v1.payouts.retrieve(payout["id"])
    assert (read.status, read.failure_code) == ("failed", "account_closed")
    again = sim.control.payout()
    assert again["amount"] == payout["amount"]
    assert [each.type for each in items_of(sim, again["id"])] == ["payout_failure"]


def test_a_payout_may_be_negative_and_has_one_currency(sim):
    paid = sim.card(1_000)
    sim.card(5_000, currency="jpy")
    sim.control.payout()
    sim.v1.refunds.create({"payment_intent": paid.id})
    assert sim.control.payout()["amount"] == -1_000
    assert sim.control.payout(currency="jpy")["amount"] == 5_000 - money_in.fee_of("card", 5_000)


def test_only_automatic_payouts_are_itemised(sim):
    sim.card()
    payout = sim.control.payout(automatic=False)
    with pytest.raises(stripe.InvalidRequestError, match="automatic"):
        sim.v1.balance_transactions.list({"payout": payout["id"]})


def test_webhooks_are_signed_snapshots(sim):
    with Inbox() as inbox:
        endpoint = sim.v1.webhook_endpoints.create(
            {
                "url": inbox.url,
                "enabled_events": ["payment_intent.succeeded"],
                "api_version": accepted.VERSION,
            }
        )
        paid = sim.card(10_000)
        until(lambda: inbox.received)
        (event,) = inbox.events(sim.client, endpoint.secret)
        assert (event.type, event.api_version) == ("payment_intent.succeeded", accepted.VERSION)
        assert event.data.object.id == paid.id and event.data.object.status == "succeeded"
        assert event.request.idempotency_key and event.request.id.startswith("req_")
        body, header = inbox.received[0]
        with pytest.raises(stripe.SignatureVerificationError):
            sim.client.construct_event(body + b" ", header, endpoint.secret)
    assert "secret" not in sim.v1.webhook_endpoints.list().data[0].to_dict()
    assert sim.v1.events.retrieve(event.id).type == "payment_intent.succeeded"


def test_webhooks_are_tried_again_until_accepted():
    with Inbox(answers=[500, 302, 404]) as inbox, simulator(webhook=(inbox.url, SECRET)) as sim:
        sim.v1.customers.create({"name": "X"})
        until(lambda: len(inbox.received) == 4)
        assert len({event.id for event in inbox.events(sim.client)}) == 1
        until(lambda: sim.control.deliveries()[0]["state"] == "delivered")
        assert sim.control.deliveries()[0]["attempts"] == 4
        until(lambda: sim.v1.events.list().data[0].pending_webhooks == 0)


def test_webhooks_wait_for_an_endpoint_that_is_down():
    inbox = Inbox()
    with simulator(webhook=("http://127.0.0.1:9/nobody", SECRET)) as sim:
        sim.v1.customers.create({"name": "X"})
        until(lambda: sim.control.deliveries()[0]["attempts"] >= 2)
        endpoint = sim.v1.webhook_endpoints.list().data[0].id
        sim.v1.webhook_endpoints.update(endpoint, {"url": inbox.url})
        with inbox:
            until(lambda: inbox.received)


def test_webhooks_dropped_duplicated_delayed_and_reordered():
    with Inbox() as inbox, simulator(webhook=(inbox.url, SECRET)) as sim:

        def names():
            return [event.data.object["name"] for event in inbox.events(sim.client)]

        sim.control.webhooks("drop")
        sim.v1.customers.create({"name": "dropped"})
        sim.control.webhooks(copies=2)
        sim.v1.customers.create({"name": "twice"})
        until(lambda: len(inbox.received) == 2)
        sim.control.webhooks(seconds=0.5)
        sim.v1.customers.create({"name": "later"})
        sim.control.webhooks()
        sim.v1.customers.create({"name": "sooner"})
        until(lambda: len(inbox.received) == 4)
        sim.control.webhooks("hold")
        for name in ("a", "b", "c"):
            sim.v1.customers.create({"name": name})
        held = [each["id"] for each in sim.control.deliveries() if each["state"] == "held"]
        sim.control.release([held[2], held[0], held[1]])
        until(lambda: len(inbox.received) == 7)
        assert names() == ["twice", "twice", "sooner", "later", "c", "a", "b"]
        assert len(sim.v1.events.list({"type": "customer.created", "limit": 100}).data) == 7
        dropped = next(each["id"] for each in sim.control.deliveries() if each["state"] == "dropped")
        sim.control.release([dropped])
        until(lambda: names()[-1] == "dropped")


def test_nothing_is_told_of_what_was_refused(sim):
    before = sim.told()
    with pytest.raises(stripe.InvalidRequestError):
        sim.v1.payment_intents.create({"amount": 5, "currency": "eur", "confirm": True})
    assert sim.told() == before


def test_every_event_told_is_one_that_the_sdk_knows(sim):
    customer = sim.customer("automatic")
    sim.transfer(customer)
    sim.control.fund(20_000, customer=customer)
    sim.control.authenticate(sim.card(token="pm_card_authenticationRequired").id)
    sim.control.open_dispute(sim.card().latest_charge)
    sim.control.debit_failed(sim.debit().id)
    sim.control.refund_fails(sim.v1.refunds.create({"payment_intent": sim.card().id}).id)
    sim.control.fail_payout(sim.control.payout()["id"])
    known = set(re.findall(r"'([a-z_.]+)'", str(stripe.Event.__annotations__["type"])))
    assert len(known) > 200 and set(sim.told()) <= known


@pytest.mark.parametrize(
    ("made", "resource"),
    [
        (lambda sim: sim.card(), stripe.PaymentIntent),
        (lambda sim: sim.v1.charges.retrieve(sim.debit().latest_charge), stripe.Charge),
        (lambda sim: sim.v1.refunds.create({"payment_intent": sim.card().id}), stripe.Refund),
        (
            lambda sim: sim.v1.disputes.retrieve(sim.control.open_dispute(sim.card().latest_charge)["id"]),
            stripe.Dispute,
        ),
        (lambda sim: sim.v1.balance_transactions.list().data or [None], stripe.BalanceTransaction),
        (lambda sim: sim.v1.customers.retrieve(sim.customer()), stripe.Customer),
        (lambda sim: sim.v1.setup_intents.create({}), stripe.SetupIntent),
        (lambda sim: sim.v1.payment_methods.retrieve(sim.debit().payment_method), stripe.PaymentMethod),
    ],
)
def test_answers_carry_only_fields_that_the_sdk_knows(sim, made, resource):
    told = made(sim)
    if isinstance(told, list):
        sim.card()
        told = sim.v1.balance_transactions.list().data[0]
    assert isinstance(told, resource)
    assert set(told.to_dict()) <= set(resource.__annotations__)


class Browser:
    """Asks for pages as a browser does, following nothing."""

    def __init__(self, url):
        self._host = urlsplit(url).netloc

    def ask(self, where, form=None, language="en"):
        parts = urlsplit(where)
        connection = http.client.HTTPConnection(self._host, timeout=10)
        connection.request(
            "GET" if form is None else "POST",
            parts.path + (f"?{parts.query}" if parts.query else ""),
            urlencode(form or {}),
            {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": language},
        )
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text


@pytest.mark.parametrize(("answer", "ended"), [("succeed", "succeeded"), ("fail", "failed")])
def test_the_banks_page_returns_to_the_merchant(sim, answer, ended):
    browser = Browser(sim.url)
    intent = sim.card(12_345, token="pm_card_authenticationRequired")
    page = intent.next_action.redirect_to_url.url
    assert browser.ask(page.replace("secret", "guess"))[0] == 404
    status, headers, text = browser.ask(page, language="fr")
    assert status == 200 and "Bac à sable" in text and "123,45" in text
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    status, headers, _ = browser.ask(page, {"answer": answer})
    back = urlsplit(headers["Location"])
    query = {name: value[0] for name, value in parse_qs(back.query).items()}
    assert status == 303 and headers["Location"].startswith(RETURN)
    assert query == {
        "invoice": "1",
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.client_secret,
        "redirect_status": ended,
    }
    wanted = "succeeded" if ended == "succeeded" else "requires_payment_method"
    assert sim.v1.payment_intents.retrieve(intent.id).status == wanted


def session_of(sim, **more):
    line = {"price_data": {"currency": "eur", "unit_amount": 2_500, "product_data": {"name": "FA-1"}}}
    return sim.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{**line, "quantity": 2}],
            "success_url": "https://portal.example/done?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://portal.example/cancelled",
            "allowed_payment_method_types": ["card", "sepa_debit"],
            "payment_intent_data": {"metadata": {"payment": "p1"}},
            **more,
        }
    )


def test_the_hosted_page_takes_a_card(sim):
    browser, session = Browser(sim.url), session_of(sim)
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 5_000)
    status, _, text = browser.ask(session.url)
    assert status == 200 and "€50.00" in text and "https://portal.example/cancelled" in text
    status, _, text = browser.ask(session.url, {"method": "card", "number": "4000 0000 0000 0002"})
    assert status == 402 and "declined" in text
    status, headers, _ = browser.ask(session.url, {"method": "card", "number": "4242 4242 4242 4242"})
    assert (status, headers["Location"]) == (303, f"https://portal.example/done?s={session.id}")
    done = sim.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (done.status, done.payment_status) == ("complete", "paid")
    assert done.payment_intent.amount_received == 5_000 and done.payment_intent.metadata["payment"] == "p1"
    assert sim.told().count("checkout.session.completed") == 1
    assert browser.ask(session.url or f"{sim.url}/checkout/{session.id}")[0] == 410


def test_the_hosted_page_asks_the_bank_and_takes_debits(sim):
    browser, session = Browser(sim.url), session_of(sim)
    _, headers, _ = browser.ask(session.url, {"method": "card", "number": "4000002760003184"})
    _, headers, _ = browser.ask(headers["Location"], {"answer": "succeed"})
    _, headers, _ = browser.ask(headers["Location"])
    assert headers["Location"].startswith("https://portal.example/done")
    session = session_of(sim)
    debit = {"method": "sepa_debit", "iban": IBAN, "name": "Dupont", "email": "a@dupont.example"}
    _, headers, _ = browser.ask(session.url, debit)
    assert headers["Location"].startswith("https://portal.example/done")
    done = sim.v1.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status) == ("complete", "unpaid")
    sim.control.debit_paid(done.payment_intent)
    assert sim.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert sim.told()[-1] == "checkout.session.async_payment_succeeded"


def test_a_session_expires(sim):
    session = session_of(sim)
    assert sim.v1.checkout.sessions.expire(session.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        sim.v1.checkout.sessions.expire(session.id)
    late = session_of(sim)
    sim.control.advance(2 * 86_400)
    assert sim.v1.checkout.sessions.retrieve(late.id).status == "expired"


def test_a_page_may_do_little_with_its_key_and_secret(sim):
    browser = Browser(sim.url)
    intent = sim.v1.payment_intents.create({"amount": 900, "currency": "eur", "metadata": {"own": "x"}})

    def confirm(secret, number):
        form = {
            "key": "pk_test_abc",
            "_stripe_version": accepted.VERSION,
            "client_secret": secret,
            "return_url": RETURN,
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": number,
        }
        return browser.ask(f"/v1/payment_intents/{intent.id}/confirm", form)

    assert confirm(f"{intent.id}_secret_guess", "4242424242424242")[0] == 400
    assert confirm(intent.client_secret, "4000000000000002")[0] == 402
    status, headers, text = confirm(intent.client_secret, "4242424242424242")
    assert status == 200 and headers["Access-Control-Allow-Origin"] == "*"
    assert '"succeeded"' in text and "metadata" not in text and "latest_charge" not in text
    assert sim.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_magic_tokens_are_all_cards():
    for token in cards._TOKENS:
        assert cards.magic_card(token)["last4"] == cards.number_of(token)[-4:]
