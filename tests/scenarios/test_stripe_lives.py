"""Lives of payments through Stripe, from the invoice to the end, on a real database against the simulator.

Nothing is called but the core's own verbs; webhooks come as Stripe signs and sends them.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.error import URLError
from urllib.request import urlopen
from uuid import UUID

import pytest
import stripe
from sqlalchemy import text

from shared import actor, clock, db
from shared.actor import SYSTEM
from shared.ids import new_id
from shared.jobs.checks import run_checks
from shared.rails import inbox, refunding
from shared.rails.models import SavedCard
from shared.rails.snapshot import Method
from shared.rails.working import work_waiting
from tests.make.rails import KEYS, alerts
from tests.make.stripe_rails import StripeBooks, stripe_at
from tests.slices.stripe_sandbox import Inbox, simulator, until


@pytest.fixture
def life(database, monkeypatch):
    with (
        Inbox() as received,
        simulator(webhook=(received.url, KEYS.webhook_secret)) as sim,
        stripe_at(monkeypatch, sim.url),
    ):
        yield Life(sim, received)
    broken = [each for each in run_checks() if not each["ok"]]
    assert broken == []


class Life:
    """One debtor with one invoice of 120.00, and the world around."""

    def __init__(self, sim, received):
        self.sim, self.received = sim, received
        self.books = StripeBooks()
        self.customer = self.books.customer("C001")
        self.debtor = self.books.debtor(self.customer)
        self.invoice = self.books.invoice(self.customer, "F-2026-0001", 12_000)

    def pays(self, method: Method, **more) -> UUID:
        return self.books.pays(self.debtor, self.invoice, method, **more)

    def hears(self):
        """All webhooks sent so far arrive, and are worked on."""
        until(lambda: all(each["state"] == "delivered" for each in self.sim.control.deliveries()))
        self.books.hears(self.received.received)

    def confirms(self, payment_id, token="pm_card_visa"):
        ref = self.books.payment(payment_id).provider_ref
        with suppress(stripe.CardError):
            self.sim.v1.payment_intents.confirm(ref, {"payment_method": token, "return_url": "http://p/back"})
        self.hears()

    def status(self, payment_id):
        return self.books.payment(payment_id).status

    @property
    def open(self):
        return self.books.open_minor(self.invoice)

    def charge(self, payment_id):
        with db.reading(SYSTEM) as session:
            query = "SELECT ref FROM payment_fact WHERE payment_id = :id AND kind = 'received'"
            return session.scalar(text(query), {"id": payment_id})


def test_a_card_is_paid(life):
    payment = life.pays(Method.CARD)
    assert life.status(payment) == "awaiting_payer" and life.open == 12_000
    assert life.books.payment(payment).step["data"]["client_secret"].startswith("pi_")
    life.confirms(payment)
    assert (life.status(payment), life.open) == ("received", 0)
    assert life.books.facts(payment) == [("received", 12_000)] and alerts() == []


def test_a_decline_then_another_card(life):
    payment = life.pays(Method.CARD)
    life.confirms(payment, "pm_card_chargeDeclinedInsufficientFunds")
    row = life.books.payment(payment)
    assert (row.status, row.decline, life.open) == ("awaiting_payer", "insufficient_funds", 12_000)
    assert life.pays(Method.CARD) == payment
    life.confirms(payment)
    assert (life.status(payment), life.open) == ("received", 0)


def saved_card(life, token="pm_card_visa"):
    """A card kept while paying another invoice."""
    first = life.books.invoice(life.customer, "F-2026-0002", 5_000)
    kept = life.books.pays(life.debtor, first, Method.CARD, save=True)
    life.confirms(kept, token)
    life.sim.control.authenticate(life.books.payment(kept).provider_ref)
    life.hears()
    with db.reading(SYSTEM) as session:
        return session.scalars(text("SELECT id FROM saved_card")).one()


def test_a_saved_card(life):
    card = saved_card(life)
    payment = life.pays(Method.CARD, saved_card_id=card, origin="autopay")
    assert (life.status(payment), life.open) == ("received", 0)
    life.hears()
    assert life.books.facts(payment) == [("received", 12_000)] and alerts() == []


def test_a_saved_card_whose_bank_wants_to_see_the_payer(life):
    card = saved_card(life, "pm_card_authenticationRequired")
    payment = life.pays(Method.CARD, saved_card_id=card, origin="autopay")
    row = life.books.payment(payment)
    assert (row.status, row.decline) == ("awaiting_payer", "authentication_required") and row.step
    life.confirms(payment)
    life.hears()
    assert (life.status(payment), life.open) == ("received", 0)


def test_a_saved_card_that_is_declined(life):
    with db.writing(SYSTEM) as session:
        kept = session.get_one(SavedCard, saved_card(life))
        owner = life.sim.v1.payment_methods.retrieve(kept.ref).customer
        bad = life.sim.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": owner}).id
        card = new_id()
        session.add(
            SavedCard(
                id=card, account_id=kept.account_id, customer_id=kept.customer_id, ref=bad, brand="visa",
                last4="0341", saved_by="Camille Aubry", saved_at=clock.now(),
            )
        )  # fmt: skip
    payment = life.pays(Method.CARD, saved_card_id=card, origin="autopay")
    assert (life.status(payment), life.books.payment(payment).decline) == ("failed", "declined")
    life.hears()
    assert (life.status(payment), life.open, alerts()) == ("failed", 12_000, [])
    assert life.pays(Method.CARD) != payment


def test_stripes_own_page(life):
    payment = life.pays(Method.CARD_PAGE)
    row = life.books.payment(payment)
    assert row.status == "awaiting_payer" and row.step["kind"] == "redirect"
    url = row.step["data"]["url"]
    with suppress(URLError):  # the way back leads to a portal that is not there
        urlopen(url, b"method=card&number=4242424242424242", timeout=10)
    life.hears()
    assert (life.status(payment), life.open, alerts()) == ("received", 0, [])


def test_a_virtual_iban_paid_in_two_transfers(life):
    payment = life.pays(Method.VIRTUAL_IBAN)
    row = life.books.payment(payment)
    assert row.step["data"]["amount_remaining"] == 12_000
    iban = row.step["data"]["iban"]
    life.sim.control.fund(7_000, iban=iban)
    life.hears()
    row = life.books.payment(payment)
    assert (row.status, row.step["data"]["amount_remaining"]) == ("awaiting_payer", 5_000)
    life.sim.control.fund(5_000, iban=iban)
    life.hears()
    assert (life.status(payment), life.open) == ("received", 0)
    assert life.books.facts(payment) == [("received", 12_000)] and alerts() == []


def refunded(life, payment, minor):
    clerk = actor.staff(new_id(), "Nadia Benali", "finance")
    chief = actor.staff(new_id(), "Luc Moreau", "finance")
    with db.writing(clerk) as session:
        refund = refunding.ask(session, clerk, payment, minor, "paid twice")
    with db.writing(chief) as session:
        refunding.approve(session, chief, refund)
    work_waiting()
    life.hears()
    with db.reading(SYSTEM) as session:
        return session.execute(text("SELECT state, ref FROM refund WHERE id = :id"), {"id": refund}).one()


def paid(life):
    payment = life.pays(Method.CARD)
    life.confirms(payment)
    return payment


def test_a_refund_and_one_that_comes_back(life):
    payment = paid(life)
    refund = refunded(life, payment, 2_000)
    assert (refund.state, life.status(payment), life.open) == ("paid", "partly_refunded", 2_000)
    life.sim.control.refund_fails(refund.ref)
    life.hears()
    assert (life.status(payment), life.open) == ("received", 2_000)
    assert life.books.facts(payment) == [
        ("received", 12_000),
        ("refunded", 2_000),
        ("refund_returned", 2_000),
    ]
    assert alerts() == ["refund_failed"]


@pytest.mark.parametrize(
    ("won", "status", "open_minor"), [(True, "received", 0), (False, "charged_back", 12_000)]
)
def test_a_dispute(life, won, status, open_minor):
    payment = paid(life)
    dispute = life.sim.control.open_dispute(life.charge(payment))
    life.hears()
    assert (life.status(payment), life.open) == ("charged_back", 12_000)
    life.sim.control.close_dispute(dispute["id"], won)
    life.hears()
    assert (life.status(payment), life.open) == (status, open_minor)
    assert sorted(alerts()) == ["came_back", "dispute"]


def test_lost_answers_and_lost_webhooks_change_nothing(life):
    life.sim.control.fault("reset_after", "/v1/payment_intents", times=3)
    payment = life.pays(Method.CARD)
    assert life.status(payment) == "unknown"
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE payment_operation SET due_at = now()"))
    work_waiting()
    assert life.status(payment) == "awaiting_payer"
    life.sim.control.webhooks("drop")
    ref = life.books.payment(payment).provider_ref
    life.sim.v1.payment_intents.confirm(ref, {"payment_method": "pm_card_visa"})
    inbox.fill_gaps()
    work_waiting()
    assert (life.status(payment), life.open) == ("received", 0)
    assert life.books.facts(payment) == [("received", 12_000)]


def test_the_same_webhook_ten_times_is_one_receipt(life):
    life.sim.control.webhooks(copies=10)
    payment = paid(life)
    assert (life.status(payment), life.open) == ("received", 0)
    assert life.books.facts(payment) == [("received", 12_000)]
