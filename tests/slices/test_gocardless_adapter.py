"""The GoCardless adapter over the real SDK and the simulator: commands, money, every way an answer can fail."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from gocardless_pro.services import base_service

from shared.errors import ConfigurationError
from shared.ids import new_id
from shared.rails.adapters import adapter_of
from shared.rails.providers import protocols
from shared.rails.providers.protocols import (
    Access,
    Busy,
    Payer,
    RefundOrder,
    Rejected,
    SetUp,
    Start,
    Unclear,
)
from shared.rails.snapshot import FactKind, Method, Phase
from tests.make.gocardless import ACCESS_TOKEN, world
from tests.make.lives import answer

BACK = "https://pay.example/back"
PAYER = Payer(new_id(), "Durand SARL", "compta@durand.example", "FR")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def gc(monkeypatch):
    # The SDK waits half a second between its tries.
    monkeypatch.setattr(base_service.time, "sleep", lambda seconds: None)
    with world() as served:
        served.adapter = adapter_of(access(served))
        yield served


def access(gc, key=ACCESS_TOKEN):
    return Access(new_id(), "gocardless", "sandbox", key, gc.address)


def order(mandate=None, **more):
    told = Start(
        key=str(new_id()), payment_id=new_id(), reference="PAY-000001", method=Method.DEBIT_CORE,
        amount_minor=12_345, currency="EUR", description="F2026-000101", payer=PAYER, return_url=BACK,
        language="fr", country="FR", instrument_ref=mandate.id if mandate else None,
    )  # fmt: skip
    return replace(told, **more)


def kinds(seen):
    return [fact.kind for fact in seen.facts]


def refund_of(seen, minor, before=0):
    return RefundOrder(str(new_id()), new_id(), new_id(), seen.provider_ref, minor, "EUR", before)


def test_can_do_what_the_core_asks_for(gc):
    for one in ("TakesPayments", "Refunds", "SetsUp", "TellsEvents", "PaysOut"):
        assert isinstance(gc.adapter, getattr(protocols, one)), one


# -- a debit on a mandate ------------------------------------------------------------------------------------


def test_a_debit_is_started_on_its_mandate(gc):
    mandate = gc.mandate()
    told = order(
        mandate, collect_on=date(2000, 1, 1)
    )  # a day that has passed: the first possible one is taken
    seen = gc.adapter.start(told)
    payment = gc.client.payments.get(seen.provider_ref)
    assert (payment.amount, payment.currency, payment.links.mandate) == (12_345, "EUR", mandate.id)
    assert (payment.reference, payment.description) == ("PAY-000001", "F2026-000101")
    assert payment.charge_date == mandate.next_possible_charge_date
    assert (seen.phase, seen.payment_id, seen.facts) == (Phase.PROCESSING, told.payment_id, ())
    assert seen.expected_on == date.fromisoformat(payment.charge_date)
    assert seen.refundable_until == seen.expected_on + timedelta(weeks=8)
    assert (seen.instrument.kind, seen.instrument.last4, seen.instrument.saved_ref) == ("iban", "89", None)
    assert seen.instrument.mandate_ref == mandate.reference
    assert seen.provider_customer == mandate.links.customer


def test_a_debit_is_collected_on_the_day_that_was_wanted(gc):
    mandate = gc.mandate()
    day = date.fromisoformat(mandate.next_possible_charge_date) + timedelta(days=7)
    assert gc.adapter.start(order(mandate, collect_on=day)).expected_on == day


def test_a_command_sent_again_is_one_payment(gc):
    told = order(gc.mandate())
    first, second = gc.adapter.start(told), gc.adapter.start(told)
    assert first.provider_ref == second.provider_ref and len(gc.client.payments.list().records) == 1
    assert gc.adapter.fetch(first.provider_ref) == replace(second, instrument=None, provider_customer=None)


@pytest.mark.parametrize("other", [{"amount_minor": 999}, {"payment_id": new_id()}])
def test_a_key_that_made_something_else_is_never_taken_for_it(gc, other):
    told = order(gc.mandate())
    gc.adapter.start(told)
    with pytest.raises(Unclear, match="something else"):
        gc.adapter.start(replace(told, **other))


def test_a_key_used_for_another_mandate_is_noticed(gc):
    told = order(gc.mandate())
    gc.adapter.start(told)
    with pytest.raises(Unclear, match="something else under the key of this command: mandate"):
        gc.adapter.start(replace(told, instrument_ref=gc.mandate().id))


@pytest.mark.parametrize("kind", ["reset_after_commit", "bad_gateway_after_commit", "error_after_commit"])
def test_an_answer_lost_for_good_is_unclear_and_then_the_same_payment(gc, kind):
    told = order(gc.mandate())
    gc.control.fault(kind, times=3, path="/payments")
    with pytest.raises(Unclear):
        gc.adapter.start(told)
    gc.control.clear_faults()
    seen = gc.adapter.start(told)
    assert [each.id for each in gc.client.payments.list().records] == [seen.provider_ref]


def test_a_limit_is_busy_a_wrong_token_a_setting(gc):
    told = order(gc.mandate())
    gc.control.fault("rate_limit", path="/payments")
    with pytest.raises(Busy) as busy:
        gc.adapter.start(told)
    assert busy.value.seconds > 0
    with pytest.raises(ConfigurationError, match="access token"):
        adapter_of(access(gc, "wrong")).start(told)
    with pytest.raises(ConfigurationError, match="no access token"):
        adapter_of(access(gc, ""))
    with pytest.raises(Unclear):
        adapter_of(replace(access(gc), api_url="http://127.0.0.1:9/")).start(told)
    assert gc.client.payments.list().records == []


def test_a_refusal_says_why_and_what_to_do(gc):
    mandate = gc.mandate()
    gc.client.mandates.cancel(mandate.id)
    with pytest.raises(Rejected, match="mandate_is_inactive") as refused:
        gc.adapter.start(order(mandate))
    assert refused.value.decline.code == "mandate"
    with pytest.raises(Rejected, match="currency"):
        gc.adapter.start(order(gc.mandate(), currency="USD"))
    with pytest.raises(Rejected, match="resource_not_found"):
        gc.adapter.fetch("PM404")
    with pytest.raises(ConfigurationError):
        gc.adapter.start(order(method=Method.CARD))


def test_finds_a_payment_by_our_id(gc):
    told, asked = order(gc.mandate()), order(method=Method.PAY_BY_BANK)
    debit, request = gc.adapter.start(told), gc.adapter.start(asked)
    now = datetime.now(UTC)
    assert gc.adapter.find(told.payment_id, now).provider_ref == debit.provider_ref
    assert gc.adapter.find(asked.payment_id, now).provider_ref == request.provider_ref
    assert gc.adapter.find(new_id(), LONG_AGO) is None
    assert gc.adapter.find(told.payment_id, now + timedelta(hours=1)) is None


def test_cancels_what_has_not_gone_to_the_bank(gc):
    early, late = gc.adapter.start(order(gc.mandate())), gc.adapter.start(order(gc.mandate()))
    seen = gc.adapter.cancel(early.provider_ref, "k1")
    assert (seen.phase, seen.decline.code) == (Phase.CANCELLED, "cancelled")
    assert gc.adapter.cancel(early.provider_ref, "k1").phase is Phase.CANCELLED
    gc.control.step(late.provider_ref, "submitted")
    assert gc.adapter.cancel(late.provider_ref, "k2").phase is Phase.PROCESSING


# -- its money -----------------------------------------------------------------------------------------------


def test_a_debit_fails_before_its_money(gc):
    seen = gc.adapter.start(order(gc.mandate()))
    gc.control.step(seen.provider_ref, "submitted")
    gc.control.step(seen.provider_ref, "failed", "AM04")
    seen = gc.adapter.fetch(seen.provider_ref)
    assert (seen.phase, seen.facts, seen.decline.code) == (Phase.FAILED, (), "insufficient_funds")
    assert seen.decline.provider_code == "insufficient_funds"


def test_a_mandate_that_ends_takes_its_debits_with_it(gc):
    mandate = gc.mandate()
    seen = gc.adapter.start(order(mandate))
    gc.client.mandates.cancel(mandate.id)
    seen = gc.adapter.fetch(seen.provider_ref)
    assert (seen.phase, seen.decline.code) == (Phase.CANCELLED, "mandate")


def test_a_debit_fails_late_is_tried_again_and_fails_late_again(gc):
    ref = gc.adapter.start(order(gc.mandate())).provider_ref
    gc.control.confirm(ref)
    for turn in range(2):
        seen = gc.adapter.fetch(ref)
        assert kinds(seen) == [FactKind.RECEIVED, FactKind.RETURNED] * turn + [FactKind.RECEIVED]
        gc.control.step(ref, "failed", "AM04")
        seen = gc.adapter.fetch(ref)
        assert kinds(seen) == [FactKind.RECEIVED, FactKind.RETURNED] * (turn + 1)
        assert (seen.facts[-1].reason_code, seen.facts[-1].cause) == ("AM04", "insufficient_funds")
        assert seen.decline is None
        if turn == 0:
            gc.client.payments.retry(ref)
            assert gc.adapter.fetch(ref).phase is Phase.PROCESSING
            gc.control.confirm(ref)
    assert [fact.ref for fact in seen.facts] == [ref, ref, f"{ref}:2", f"{ref}:2"]


def test_a_chargeback_may_be_cancelled_and_come_again(gc):
    ref = gc.adapter.start(order(gc.mandate())).provider_ref
    gc.control.confirm(ref)
    gc.control.pay_out()
    for _ in range(2):
        gc.control.step(ref, "charged_back", "MD06")
        assert kinds(gc.adapter.fetch(ref))[-1] is FactKind.CHARGED_BACK
        gc.control.step(ref, "chargeback_cancelled")
    seen = gc.adapter.fetch(ref)
    back = [FactKind.CHARGED_BACK, FactKind.CHARGEBACK_REVERSED]
    assert kinds(seen) == [FactKind.RECEIVED, *back, *back]
    assert len({(fact.kind, fact.ref) for fact in seen.facts}) == 5
    assert seen.facts[1].reason_code == "MD06" and seen.phase is Phase.SUCCEEDED


def test_refunds_are_money_once_paid_and_again_ours_when_they_bounce(gc):
    seen = gc.adapter.start(order(gc.mandate()))
    gc.control.confirm(seen.provider_ref)
    first = refund_of(seen, 2_000)
    seen = gc.adapter.refund(first)
    assert gc.adapter.refund(first) == seen
    assert [(r.state, r.amount_minor, r.refund_id) for r in seen.refunds] == [
        ("pending", 2_000, first.refund_id)
    ]
    assert kinds(seen) == [FactKind.RECEIVED] and seen.refunds[0].ref in seen.refs
    gc.control.step(seen.refunds[0].ref, "paid")
    seen = gc.adapter.fetch(seen.provider_ref)
    assert kinds(seen) == [FactKind.RECEIVED, FactKind.REFUNDED] and seen.facts[1].amount_minor == 2_000
    gc.control.step(seen.refunds[0].ref, "funds_returned")
    seen = gc.adapter.fetch(seen.provider_ref)
    assert kinds(seen) == [FactKind.RECEIVED, FactKind.REFUNDED, FactKind.REFUND_RETURNED]
    assert (seen.refunds[0].state, seen.refunds[0].error) == ("failed", "funds_returned")


def test_a_refund_that_never_left_moved_no_money(gc):
    seen = gc.adapter.start(order(gc.mandate()))
    gc.control.confirm(seen.provider_ref)
    seen = gc.adapter.refund(refund_of(seen, 2_000))
    gc.control.step(seen.refunds[0].ref, "failed")
    seen = gc.adapter.fetch(seen.provider_ref)
    assert kinds(seen) == [FactKind.RECEIVED] and seen.refunds[0].state == "failed"


def test_a_refund_that_does_not_know_of_another_is_refused(gc):
    seen = gc.adapter.start(order(gc.mandate()))
    with pytest.raises(Rejected, match="refund_payment_invalid_state"):
        gc.adapter.refund(refund_of(seen, 100))
    gc.control.confirm(seen.provider_ref)
    gc.adapter.refund(refund_of(seen, 2_000))
    with pytest.raises(Rejected, match="total_amount_confirmation_invalid"):
        gc.adapter.refund(refund_of(seen, 1_000))
    assert len(gc.adapter.refund(refund_of(seen, 1_000, before=2_000)).refunds) == 2
    gc.control.settings(refund_lock_days=7)
    with pytest.raises(Rejected, match="refund_is_locked"):
        gc.adapter.refund(refund_of(seen, 1_000, before=3_000))


# -- the payer's page ----------------------------------------------------------------------------------------


def test_an_instant_payment_from_its_page_to_its_money(gc):
    told = order(method=Method.PAY_BY_BANK)
    seen = gc.adapter.start(told)
    assert (seen.phase, seen.step.kind, seen.amount_minor) == (Phase.AWAITING_PAYER, "redirect", 12_345)
    assert seen.provider_ref.startswith("BRQ") and seen.provider_customer is None
    assert gc.adapter.fetch(seen.provider_ref) == replace(seen, step=None)
    assert answer(seen.step.data["url"]).startswith(BACK)
    gc.control.settle()
    paid = gc.adapter.fetch(seen.provider_ref)
    assert (paid.provider_ref, paid.payment_id) == (seen.provider_ref, told.payment_id)
    assert kinds(paid) == [FactKind.RECEIVED] and paid.refs[1].startswith("PM")
    assert paid.refundable_until is None and paid.provider_customer.startswith("CU")
    assert (paid.instrument.last4, paid.instrument.saved_ref) == ("89", None)
    gc.adapter.refund(refund_of(paid, 12_345))
    assert gc.adapter.fetch(seen.provider_ref).refunds[0].amount_minor == 12_345


def test_an_instant_payment_sent_again_is_one_request(gc):
    told = order(method=Method.PAY_BY_BANK, payer=replace(PAYER, ref=gc.customer().id))
    gc.control.fault("error_after_commit", path="/billing_request_flows")
    with pytest.raises(Unclear):
        gc.adapter.start(told)
    seen = gc.adapter.start(told)
    assert [each.id for each in gc.client.billing_requests.list().records] == [seen.provider_ref]
    answer(seen.step.data["url"])
    assert gc.adapter.start(told).phase in (Phase.PROCESSING, Phase.SUCCEEDED)


def test_an_instant_payment_is_cancelled_while_it_waits(gc):
    seen = gc.adapter.start(order(method=Method.PAY_BY_BANK))
    assert gc.adapter.cancel(seen.provider_ref, "k").phase is Phase.CANCELLED
    paid = gc.adapter.start(order(method=Method.PAY_BY_BANK))
    answer(paid.step.data["url"])
    gc.control.settle()
    assert gc.adapter.cancel(paid.provider_ref, "k2").phase is Phase.SUCCEEDED


def test_a_payer_who_leaves_comes_back_to_us(gc):
    seen = gc.adapter.start(order(method=Method.PAY_BY_BANK))
    assert answer(seen.step.data["url"], last="exit") == BACK
    assert gc.adapter.fetch(seen.provider_ref).phase is Phase.AWAITING_PAYER


def test_a_debit_without_a_mandate_has_one_signed_and_collects_on_it_once(gc):
    told = order()
    seen = gc.adapter.start(told)
    assert (seen.phase, seen.amount_minor, seen.currency) == (Phase.AWAITING_PAYER, 12_345, "EUR")
    answer(seen.step.data["url"])
    gc.control.fault("error_after_commit", path="/payments")
    with pytest.raises(Unclear):
        gc.adapter.fetch(seen.provider_ref)
    signed = gc.adapter.fetch(seen.provider_ref)
    assert gc.adapter.fetch(seen.provider_ref) == signed
    (payment,) = gc.client.payments.list().records
    assert (payment.amount, payment.reference, payment.metadata) == (
        12_345, "PAY-000001", {"payment_id": str(told.payment_id)},
    )  # fmt: skip
    assert signed.phase is Phase.PROCESSING and signed.refs[1] == payment.id
    assert signed.instrument.saved_ref == payment.links.mandate
    gc.control.confirm(payment.id)
    assert kinds(gc.adapter.fetch(seen.provider_ref)) == [FactKind.RECEIVED]


def test_a_debit_given_up_after_signing_is_never_collected(gc):
    seen = gc.adapter.start(order())
    answer(seen.step.data["url"])
    assert gc.adapter.cancel(seen.provider_ref, "k").phase is Phase.CANCELLED
    assert gc.adapter.fetch(seen.provider_ref).phase is Phase.CANCELLED


def test_a_debit_whose_mandate_ends_at_once_has_failed(gc):
    seen = gc.adapter.start(order())
    answer(seen.step.data["url"])
    (mandate,) = gc.client.mandates.list().records
    gc.client.mandates.cancel(mandate.id)
    seen = gc.adapter.fetch(seen.provider_ref)
    assert (seen.phase, seen.decline.code) == (Phase.FAILED, "mandate")


# -- mandates ------------------------------------------------------------------------------------------------


def test_a_mandate_is_set_up_followed_and_forgotten(gc):
    told = SetUp(str(new_id()), new_id(), Method.DEBIT_CORE, PAYER, BACK, "https://pay.example/left", "fr")
    seen = gc.adapter.set_up(told)
    assert gc.adapter.set_up(told).provider_ref == seen.provider_ref
    assert (seen.state, seen.set_up_id, seen.instrument) == ("awaiting_payer", told.set_up_id, None)
    assert gc.adapter.fetch_set_up(seen.provider_ref).state == "awaiting_payer"
    answer(seen.step_url)
    done = gc.adapter.fetch_set_up(seen.provider_ref)
    assert gc.adapter.set_up(told) == done and done.state == "done"
    card = done.instrument
    assert (card.kind, card.last4, card.saved_ref[:2]) == ("iban", "89", "MD") and card.mandate_ref
    assert gc.adapter.fetch_mandate(card.saved_ref).state == "active"
    for key in ("k1", "k2"):
        gc.adapter.forget(card.saved_ref, "mandate", key)
    assert gc.adapter.fetch_mandate(card.saved_ref).state == "cancelled"


def test_a_mandate_the_bank_ended_says_why(gc):
    seen = gc.adapter.start(order(gc.mandate()))
    gc.control.step(seen.provider_ref, "submitted")
    gc.control.step(seen.provider_ref, "failed", "AC04")
    mandate = gc.client.payments.get(seen.provider_ref).links.mandate
    ended = gc.adapter.fetch_mandate(mandate)
    assert (ended.state, ended.reason_code) == ("failed", "AC04")


def test_a_request_cancelled_at_gocardless_is_a_cancelled_set_up(gc):
    told = SetUp(str(new_id()), new_id(), Method.DEBIT_CORE, PAYER, BACK, BACK, "fr")
    seen = gc.adapter.set_up(told)
    gc.client.billing_requests.cancel(seen.provider_ref)
    assert gc.adapter.fetch_set_up(seen.provider_ref).state == "cancelled"
