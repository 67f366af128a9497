"""Stripe's objects in our words, over every object that Stripe may give."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe import BalanceTransaction, Dispute, PaymentIntent

from shared.money import digits
from shared.rails.providers.stripe_declines import decline_of
from shared.rails.providers.stripe_money import Inexact, from_stripe, to_stripe
from shared.rails.providers.stripe_payouts import line_of
from shared.rails.providers.stripe_snapshot import Seen, snapshot_of
from shared.rails.providers.stripe_transfers import arrived
from shared.rails.rules import DECLINED
from shared.rails.snapshot import FactKind, Phase
from shared.rails.states import Status, may_become, status_of, totals

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CREATED = int(NOW.timestamp()) - 10 * 86_400
CURRENCIES = "EUR USD CHF GBP JPY KRW XOF ISK UGX MGA TND KWD BHD HUF TWD CLP".split()


def literals(cls, name):
    return get_args(get_args(cls.__annotations__[name])[0])


@given(st.sampled_from(CURRENCIES), st.integers(0, 10**12))
def test_amounts_go_both_ways_unchanged_or_are_refused(currency, minor):
    try:
        theirs = to_stripe(minor, currency)
    except Inexact:
        assert (currency == "MGA" and minor % 100) or (digits(currency) == 3 and minor % 10)
        return
    assert from_stripe(theirs, currency.lower()) == (minor, currency)


@given(st.sampled_from(CURRENCIES), st.integers(0, 10**12))
def test_what_stripe_tells_is_read_or_refused_never_rounded(currency, theirs):
    try:
        minor, code = from_stripe(theirs, currency.lower())
    except Inexact:
        assert currency in ("ISK", "UGX") and theirs % 100
        return
    if not (digits(code) == 3 and theirs % 10):
        assert to_stripe(minor, code) == theirs


@given(
    st.text(max_size=30) | st.sampled_from(["lost_card", "stolen_card", "fraudulent"]), st.text(max_size=30)
)
def test_every_decline_has_a_sentence(code, decline_code):
    assert decline_of({"code": code, "decline_code": decline_code}).code in DECLINED
    if code in ("lost_card", "stolen_card", "fraudulent"):
        assert decline_of({"code": "card_declined", "decline_code": code}).code == "declined"


@st.composite
def payments(draw):
    """Everything Stripe may have of one card payment or debit of 10,000."""
    debit = draw(st.booleans())
    kind = "sepa_debit" if debit else "card"
    details = {"type": kind, kind: {"last4": "4242"}}
    paid = draw(st.booleans())
    failed_late = paid and draw(st.booleans())
    charges = [_charge("ch_0", "failed", details, captured=0) for _ in range(draw(st.integers(0, 1)))]
    if paid:
        bounce = {"id": "txn_9", "created": CREATED + 500} if failed_late else None
        charges.append(_charge("ch_1", "failed" if failed_late else "succeeded", details, bounce=bounce))
    refunds = draw(st.lists(st.builds(_refund, st.integers(0, 99), st.sampled_from(_REFUNDS)), max_size=3))
    disputes = [] if not paid or failed_late else draw(st.lists(st.builds(
        _dispute, st.just("dp_1"), st.sampled_from(literals(Dispute, "status")), st.integers(0, 3)), max_size=1))  # fmt: skip
    refunds = list({refund["id"]: refund for refund in refunds}.values()) if paid else []
    status = "succeeded" if paid else draw(st.sampled_from([*literals(PaymentIntent, "status"), "brand_new"]))
    intent = {
        "id": "pi_1", "status": status, "amount": 10_000, "currency": "eur", "created": CREATED,
        "latest_charge": charges[-1]["id"] if charges else None, "payment_method_types": [kind],
        "metadata": {"payment_id": "nonsense"}, "client_secret": "pi_1_secret_x",
    }  # fmt: skip
    return Seen(intent, tuple(charges), tuple(refunds), tuple(disputes))


_REFUNDS = ("pending", "requires_action", "succeeded", "failed", "canceled", "odd")


def _charge(ref, status, details, captured=10_000, bounce=None):
    return {
        "id": ref, "status": status, "amount": 10_000, "amount_captured": captured, "captured": bool(captured),
        "currency": "eur", "created": CREATED, "payment_method_details": details, "payment_method": "pm_1",
        "balance_transaction": {"id": "txn_1", "available_on": CREATED + 5 * 86_400},
        "failure_balance_transaction": bounce, "failure_code": "account_closed" if bounce else None,
    }  # fmt: skip


def _refund(number, status):
    bounce = {"id": f"txn_r{number}", "created": CREATED + 900} if status in ("failed", "canceled") else None
    return {
        "id": f"re_{number}", "status": status, "amount": 1_000, "currency": "eur", "created": CREATED + 600, "charge": "ch_1",
        "failure_balance_transaction": bounce, "metadata": {},
    }  # fmt: skip


def _dispute(ref, status, moves):
    booked = [
        {
            "id": f"txn_d{n}",
            "created": CREATED + 700 + n,
            "amount": -5_000 if n % 2 == 0 else 5_000,
            "currency": "eur",
        }
        for n in range(moves)
    ]
    return {
        "id": ref, "status": status, "amount": 5_000, "currency": "eur", "created": CREATED + 700, "charge": "ch_1",
        "reason": "fraudulent", "balance_transactions": booked, "evidence_details": {"due_by": None},
    }  # fmt: skip


@given(payments(), st.randoms(use_true_random=False))
def test_snapshots_are_whole_stable_and_make_sense(seen, order: random.Random):
    snapshot = snapshot_of(seen, NOW)
    mixed = [list(each) for each in (seen.charges, seen.refunds, seen.disputes)]
    for each in mixed:
        order.shuffle(each)
    again = snapshot_of(Seen(seen.intent, *map(tuple, mixed)), NOW)
    assert set(again.facts) == set(snapshot.facts) and again.phase is snapshot.phase
    assert len({(fact.kind, fact.ref) for fact in snapshot.facts}) == len(snapshot.facts)
    for fact in snapshot.facts:
        assert fact.amount_minor > 0 and fact.currency == "EUR" and fact.occurred_at <= NOW
    received = [fact.occurred_at for fact in snapshot.facts if fact.kind is FactKind.RECEIVED]
    assert all(fact.occurred_at >= min(received) for fact in snapshot.facts)
    sums = totals((fact.kind, fact.amount_minor) for fact in snapshot.facts)
    assert sums.received in (0, 10_000) and bool(sums.received) == any(
        c["amount_captured"] for c in seen.charges
    )
    if snapshot.phase is not None and sums.kept >= 0:
        assert may_become(Status.CREATED, status_of(snapshot.phase, sums))
    assert (snapshot.phase is None) == (seen.intent["status"] in ("brand_new", "requires_capture"))
    assert (snapshot.step is not None) <= (snapshot.phase is Phase.AWAITING_PAYER)


@given(st.sampled_from([*literals(BalanceTransaction, "type"), "brand_new"]), st.integers(-9_999, 9_999),
       st.integers(-99, 99), st.none() | st.just("xx_1") | st.just({"id": "ch_1", "object": "charge"}))  # fmt: skip
def test_every_movement_is_a_line_of_a_payout(kind, amount, fee, source):
    move = {"id": "txn_1", "type": kind, "amount": amount, "fee": fee, "currency": "eur", "source": source}
    line = line_of(move)
    assert int(line.gross_minor) - int(line.fee_minor) == amount - fee
    assert line.provider_type == kind and (line.kind != "other" or line.label.startswith(kind))


MOVES = st.sampled_from(["funded", "applied_to_payment", "refunded_from_payment", "return_initiated"])


@given(st.lists(st.tuples(MOVES, st.integers(1, 500), st.booleans())), st.integers(0, 5_000))
def test_only_transfers_since_the_payment_waits_count_for_it(moves, available):
    intent = {"id": "pi_1", "created": CREATED, "currency": "eur"}
    told = [
        {
            "type": kind,
            "net_amount": net if kind in ("funded", "refunded_from_payment") else -net,
            "created": CREATED + (1 if after else -1),
            "currency": "eur",
        }
        for kind, net, after in moves
    ]
    cash = arrived(intent, available, told)
    funded = sum(net for kind, net, after in moves if kind == "funded" and after)
    assert 0 <= cash <= min(available, funded)


@pytest.mark.parametrize(
    ("attended", "kind", "code", "phase"),
    [
        ("yes", "card", "card_declined", Phase.AWAITING_PAYER),
        ("no", "card", "card_declined", Phase.FAILED),
        ("no", "card", "authentication_required", Phase.AWAITING_PAYER),
        ("no", "sepa_debit", "insufficient_funds", Phase.FAILED),
    ],
)
def test_who_may_try_again_after_a_decline(attended, kind, code, phase):
    intent = {
        "id": "pi_1", "status": "requires_payment_method", "amount": 100, "currency": "eur", "created": CREATED,
        "payment_method_types": [kind], "metadata": {"attended": attended}, "client_secret": "s",
        "last_payment_error": {"code": code},
    }  # fmt: skip
    assert snapshot_of(Seen(intent), NOW).phase is phase
