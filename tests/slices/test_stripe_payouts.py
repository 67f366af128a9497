"""Payouts and the list of events, against the simulator: every cent of a payout is explained by its lines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared import clock
from shared.ids import new_id
from shared.rails.providers.protocols import Access
from shared.rails.providers.stripe import Adapter
from tests.slices.stripe_sandbox import simulator


@pytest.fixture
def sim():
    with simulator() as running:
        yield running


@pytest.fixture
def adapter(sim):
    return Adapter(Access(new_id(), "stripe", "sandbox", "sk_test_abc", sim.url))


def net(payout):
    return sum(int(line.gross_minor) - int(line.fee_minor) for line in payout.lines)


def kinds(payout):
    return sorted(line.kind for line in payout.lines)


def test_a_payout_is_the_sum_of_its_lines(sim, adapter):
    card, other, debit = sim.card(10_000), sim.card(4_000), sim.debit(8_000)
    sim.control.debit_paid(debit.id)
    sim.v1.refunds.create({"payment_intent": card.id, "amount": 2_500})
    sim.control.open_dispute(other.latest_charge)
    sim.control.debit_fails_late(debit.id, dispute=False)
    told = sim.control.payout(stripe_fee=199)
    payout = adapter.payout(told["id"])
    assert (payout.state, payout.complete, payout.currency) == ("paid", True, "EUR")
    assert net(payout) == payout.amount_minor == told["amount"]
    assert kinds(payout) == ["charged_back", "fee", "payment", "payment", "payment", "refund", "returned"]
    assert {line.payment_ref for line in payout.lines} == {card.id, other.id, debit.id, None}


def test_a_disputed_debit_is_returned_and_a_won_dispute_comes_again(sim, adapter):
    debit, card = sim.debit(8_000), sim.card(5_000)
    sim.control.debit_paid(debit.id)
    sim.control.debit_fails_late(debit.id)
    sim.control.close_dispute(sim.control.open_dispute(card.latest_charge)["id"], True)
    payout = adapter.payout(sim.control.payout()["id"])
    assert kinds(payout) == ["chargeback_reversed", "charged_back", "payment", "payment", "returned"]
    assert net(payout) == payout.amount_minor


def test_what_came_back_is_a_line_of_the_next_payout(sim, adapter):
    sim.card(5_000)
    first = sim.control.payout()
    sim.control.fail_payout(first["id"])
    sim.card(1_000)
    second = adapter.payout(sim.control.payout()["id"])
    (other,) = [line for line in second.lines if line.kind == "other"]
    assert other.label.startswith("payout_failure") and net(second) == second.amount_minor
    since = clock.now() - timedelta(hours=1)
    assert [p.ref for p in adapter.payouts_since(since)] == [first["id"], second.ref]
    assert [p.state for p in adapter.payouts_since(since)] == ["failed", "paid"]


def test_a_payout_by_hand_cannot_be_explained(sim, adapter):
    sim.card(5_000)
    payout = adapter.payout(sim.control.payout(automatic=False)["id"])
    assert (payout.complete, payout.lines) == (False, ())


def test_events_come_oldest_first_however_many(sim, adapter):
    intents = [sim.card(1_000 + n).id for n in range(40)]
    events = list(adapter.events_since(clock.now() - timedelta(days=90)))
    assert len(events) > 100 and len({event.event_id for event in events}) == len(events)
    made = [event.refs[0] for event in events if event.type == "payment_intent.created"]
    assert made == intents
    assert list(adapter.events_since(clock.now() + timedelta(hours=1))) == []
