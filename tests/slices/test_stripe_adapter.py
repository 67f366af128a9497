"""The Stripe adapter against the simulator, through the real SDK: each way to pay, and each way it can go wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import stripe

from shared import clock
from shared.errors import ConfigurationError
from shared.ids import new_id
from shared.rails.providers.protocols import (
    Access,
    Busy,
    Payer,
    PaysOut,
    RefundOrder,
    Refunds,
    Rejected,
    SetsUp,
    SetUp,
    Start,
    TakesPayments,
    TellsEvents,
    Unclear,
)
from shared.rails.providers.stripe import Adapter
from shared.rails.snapshot import FactKind, Method, Phase
from tests.slices.stripe_sandbox import IBAN, simulator

PAYER = Payer(new_id(), "Ateliers Lefèvre", "compta@lefevre.example", "FR")


@pytest.fixture(scope="module")
def sim():
    with simulator() as running:
        yield running


@pytest.fixture
def adapter(sim):
    yield Adapter(access(sim.url))
    sim.control.no_faults()
    sim.control.enable_methods("card", "sepa_debit", "customer_balance", "pay_by_bank")


def access(url, key="sk_test_abc"):
    return Access(new_id(), "stripe", "sandbox", key, url)


def order(method=Method.CARD, **more):
    plain = {
        "key": str(new_id()),
        "payment_id": new_id(),
        "reference": "PAY-000042",
        "method": method,
        "amount_minor": 12_345,
        "currency": "EUR",
        "description": "F-2026-0001",
        "payer": PAYER,
        "return_url": "https://portal.example/pay/payments/1/back",
        "language": "fr",
        "country": "FR",
    }
    return Start(**{**plain, **more})


def paid(sim, adapter, **more):
    """A card payment that succeeded."""
    wanted = order(**more)
    started = adapter.start(wanted)
    sim.v1.payment_intents.confirm(started.provider_ref, {"payment_method": "pm_card_visa"})
    return wanted, adapter.fetch(started.provider_ref)


def kinds(snapshot):
    return [fact.kind for fact in snapshot.facts]


def test_can_do_what_the_core_asks(adapter):
    for protocol in (TakesPayments, Refunds, SetsUp, TellsEvents, PaysOut):
        assert isinstance(adapter, protocol)


def test_a_card_is_paid_in_the_page(sim, adapter):
    wanted = order()
    started = adapter.start(wanted)
    assert (started.phase, started.step.kind, started.payment_id) == (
        Phase.AWAITING_PAYER,
        "client_secret",
        wanted.payment_id,
    )
    intent = sim.v1.payment_intents.retrieve(started.provider_ref)
    assert intent.payment_method_types == ["card"] and intent.statement_descriptor_suffix == "PAY-000042"
    assert intent.client_secret == started.step.data["client_secret"] and intent.customer is None
    sim.v1.payment_intents.confirm(started.provider_ref, {"payment_method": "pm_card_visa"})
    seen = adapter.fetch(started.provider_ref)
    (received,) = seen.facts
    assert (received.kind, received.amount_minor, received.currency) == (FactKind.RECEIVED, 12_345, "EUR")
    assert received.ref.startswith("ch_") and set(seen.refs) == {started.provider_ref, received.ref}
    assert (seen.phase, seen.instrument.label, seen.instrument.last4) == (Phase.SUCCEEDED, "visa", "4242")
    assert seen.instrument.saved_ref is None and seen.step is None


def test_a_decline_leaves_the_payer_at_the_same_payment(sim, adapter):
    started = adapter.start(order())
    token = "pm_card_chargeDeclinedInsufficientFunds"
    with pytest.raises(stripe.CardError):
        sim.v1.payment_intents.confirm(started.provider_ref, {"payment_method": token})
    seen = adapter.fetch(started.provider_ref)
    assert (seen.phase, seen.decline.code, seen.facts) == (Phase.AWAITING_PAYER, "insufficient_funds", ())
    assert seen.step.kind == "client_secret"
    sim.v1.payment_intents.confirm(started.provider_ref, {"payment_method": "pm_card_visa"})
    seen = adapter.fetch(started.provider_ref)
    assert kinds(seen) == [FactKind.RECEIVED] and seen.decline is None


def saved(sim, adapter, token="pm_card_visa"):
    """A card kept in an earlier payment: its reference, and the payer Stripe knows."""
    started = adapter.start(order(save=True))
    sim.v1.payment_intents.confirm(
        started.provider_ref, {"payment_method": token, "return_url": "https://portal.example/back"}
    )
    sim.control.authenticate(started.provider_ref)
    seen = adapter.fetch(started.provider_ref)
    return seen.instrument.saved_ref, replace(PAYER, ref=seen.provider_customer)


def test_a_kept_card_pays_without_its_payer(sim, adapter):
    card, payer = saved(sim, adapter)
    seen = adapter.start(order(instrument_ref=card, payer=payer, off_session=True))
    assert (seen.phase, kinds(seen)) == (Phase.SUCCEEDED, [FactKind.RECEIVED])


def test_a_bank_that_wants_to_see_the_payer_is_no_refusal(sim, adapter):
    card, payer = saved(sim, adapter, "pm_card_authenticationRequired")
    seen = adapter.start(order(instrument_ref=card, payer=payer, off_session=True))
    assert (seen.phase, seen.decline.code, seen.step.kind) == (
        Phase.AWAITING_PAYER,
        "authentication_required",
        "client_secret",
    )


def test_a_declined_card_without_its_payer_is_the_end(sim, adapter):
    _, payer = saved(sim, adapter)
    bad = declining(sim, payer)
    with pytest.raises(Rejected) as refused:
        adapter.start(order(instrument_ref=bad, payer=payer, off_session=True))
    assert refused.value.snapshot.phase is Phase.FAILED and refused.value.decline.code == "declined"
    attended = adapter.start(order(instrument_ref=bad, payer=payer))
    assert (attended.phase, attended.decline.code) == (Phase.AWAITING_PAYER, "declined")


def declining(sim, payer):
    """A card that can be kept, and then declines."""
    return sim.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": payer.ref}).id


def test_stripes_own_page(sim, adapter):
    until = clock.now() + timedelta(hours=2)
    started = adapter.start(order(Method.CARD_PAGE, expires_at=until))
    assert (started.phase, started.step.kind) == (Phase.AWAITING_PAYER, "redirect")
    session = sim.v1.checkout.sessions.retrieve(started.provider_ref)
    assert session.expires_at == int(until.timestamp()) and session.amount_total == 12_345
    ended = adapter.cancel(started.provider_ref, "k-cancel")
    assert (ended.phase, ended.step) == (Phase.EXPIRED, None)


def test_a_virtual_iban_takes_only_what_is_meant_for_it(sim, adapter):
    started = adapter.start(order(Method.VIRTUAL_IBAN))
    step, customer = started.step, started.provider_customer
    assert step.kind == "bank_details" and step.data["amount_remaining"] == 12_345
    assert step.data["holder"] == "Stripe Technology Europe Ltd (sandbox)"
    sim.control.fund(10_000, customer=customer)
    partly = adapter.fetch(started.provider_ref)
    assert (partly.phase, partly.step.data["amount_remaining"]) == (Phase.AWAITING_PAYER, 2_345)
    other = adapter.start(order(Method.VIRTUAL_IBAN, amount_minor=500, payer=replace(PAYER, ref=customer)))
    sim.control.fund(2_345, customer=customer)
    seen = adapter.fetch(started.provider_ref)
    assert kinds(seen) == [FactKind.RECEIVED] and seen.facts[0].amount_minor == 12_345
    assert adapter.fetch(other.provider_ref).phase is Phase.AWAITING_PAYER
    assert adapter.fetch(started.provider_ref) == seen


def test_a_transfer_that_could_be_for_two_is_for_none(sim, adapter):
    first = adapter.start(order(Method.VIRTUAL_IBAN))
    payer = replace(PAYER, ref=first.provider_customer)
    second = adapter.start(order(Method.VIRTUAL_IBAN, payer=payer))
    sim.control.fund(12_345, customer=payer.ref)
    for ref in (first.provider_ref, second.provider_ref):
        assert adapter.fetch(ref).phase is Phase.AWAITING_PAYER
    adapter.cancel(second.provider_ref, "k2")
    assert kinds(adapter.fetch(first.provider_ref)) == [FactKind.RECEIVED]


def test_a_refunded_transfer_does_not_pay_the_next(sim, adapter):
    first = adapter.start(order(Method.VIRTUAL_IBAN))
    payer = replace(PAYER, ref=first.provider_customer)
    sim.control.fund(12_345, customer=payer.ref)
    adapter.fetch(first.provider_ref)
    second = adapter.start(order(Method.VIRTUAL_IBAN, payer=payer))
    adapter.refund(refund_of(first, 12_345))
    assert adapter.fetch(second.provider_ref).phase is Phase.AWAITING_PAYER


def test_pay_by_bank_leads_to_the_bank(sim, adapter):
    started = adapter.start(order(Method.PAY_BY_BANK))
    assert started.step.kind == "redirect" and started.step.data["url"].startswith("http")
    sim.control.authenticate(started.provider_ref)
    assert kinds(adapter.fetch(started.provider_ref)) == [FactKind.RECEIVED]


def test_its_own_page_takes_a_card_after_a_decline(sim, adapter):
    started = adapter.start(order(Method.CARD_PAGE, save=True))
    fill_in(started.step.data["url"], method="card", number="4000000000000341")
    seen = adapter.fetch(started.provider_ref)
    assert (seen.phase, seen.decline.code, seen.step) == (Phase.AWAITING_PAYER, "declined", started.step)
    fill_in(started.step.data["url"], method="card", number="4242424242424242")
    seen = adapter.fetch(started.provider_ref)
    assert (seen.phase, kinds(seen), seen.provider_ref) == (
        Phase.SUCCEEDED,
        [FactKind.RECEIVED],
        started.provider_ref,
    )
    assert seen.instrument.saved_ref and any(ref.startswith("pi_") for ref in seen.refs)
    assert kinds(adapter.refund(refund_of(seen, 100))) == [FactKind.RECEIVED, FactKind.REFUNDED]
    assert adapter.find(seen.payment_id, clock.now() - timedelta(minutes=1)).provider_ref == seen.provider_ref


def fill_in(url, **fields):
    """Send the form of Stripe's page; a decline shows it again."""
    try:
        with urlopen(url, urlencode(fields).encode(), timeout=10) as answer:
            answer.read()
    except URLError:
        pass  # a decline, or the way back to a portal that is not there


def signed(adapter):
    """A mandate signed on Stripe's page: the set-up as seen then."""
    wanted = SetUp(
        str(new_id()), new_id(), Method.DEBIT_CORE, PAYER, "http://127.0.0.1:9/back", "http://p/left", "fr"
    )
    made = adapter.set_up(wanted)
    assert (made.state, adapter.set_up(wanted)) == ("awaiting_payer", made)
    fill_in(made.step_url, method="sepa_debit", iban=IBAN, name="Dupont", email="compta@dupont.example")
    seen = adapter.fetch_set_up(made.provider_ref)
    assert (seen.state, seen.set_up_id, seen.instrument.kind) == ("done", wanted.set_up_id, "iban")
    return seen


def debited(adapter, **more):
    """A debit on a signed mandate, on its way."""
    seen = signed(adapter)
    payer = replace(PAYER, ref=seen.provider_customer)
    wanted = order(
        Method.DEBIT_CORE, instrument_ref=seen.instrument.mandate_ref, payer=payer, off_session=True, **more
    )
    started = adapter.start(wanted)
    assert (started.phase, started.facts, started.step) == (Phase.PROCESSING, (), None)
    assert started.refundable_until == clock.now().date() + timedelta(weeks=8)
    return started


def test_a_debit_is_paid_and_may_still_come_back(sim, adapter):
    started = debited(adapter, collect_on=clock.today() + timedelta(days=5))
    sim.control.debit_paid(started.provider_ref)
    seen = adapter.fetch(started.provider_ref)
    assert (seen.phase, kinds(seen), seen.instrument.last4) == (
        Phase.SUCCEEDED,
        [FactKind.RECEIVED],
        IBAN[-4:],
    )
    sim.control.debit_fails_late(started.provider_ref, "insufficient_funds")
    seen = adapter.fetch(started.provider_ref)
    returned = seen.facts[1]
    assert (returned.kind, returned.reason_code, returned.amount_minor) == (FactKind.RETURNED, "AM04", 12_345)
    assert seen.disputes[0].state == "lost" and returned.ref == seen.disputes[0].ref


def test_a_debit_that_fails_late_without_a_dispute(sim, adapter):
    started = debited(adapter)
    sim.control.debit_paid(started.provider_ref)
    sim.control.debit_fails_late(started.provider_ref, "account_closed", dispute=False)
    seen = adapter.fetch(started.provider_ref)
    assert kinds(seen) == [FactKind.RECEIVED, FactKind.RETURNED] and seen.facts[1].reason_code == "AC04"


def test_a_debit_that_was_never_paid_is_no_money(sim, adapter):
    started = debited(adapter)
    sim.control.debit_failed(started.provider_ref, "debit_not_authorized")
    seen = adapter.fetch(started.provider_ref)
    assert (seen.phase, seen.facts, seen.decline.code) == (Phase.FAILED, (), "mandate")


def test_a_mandate_ends_with_its_account(sim, adapter):
    seen = signed(adapter)
    ref = seen.instrument.mandate_ref
    assert adapter.fetch_mandate(ref).state == "active" and adapter.fetch_mandate(ref).reference
    adapter.forget(ref, "mandate", "k8")
    assert adapter.fetch_mandate(ref).state == "cancelled"
    adapter.forget(ref, "mandate", "k9")
    payer = replace(PAYER, ref=seen.provider_customer)
    with pytest.raises(Rejected):
        adapter.start(order(Method.DEBIT_CORE, instrument_ref=ref, payer=payer, off_session=True))


def refund_of(snapshot, minor):
    return RefundOrder(str(new_id()), new_id(), new_id(), snapshot.provider_ref, minor, "EUR", 0)


@pytest.mark.parametrize(("fails", "state"), [(False, "paid"), (True, "failed")])
def test_refunds(sim, adapter, fails, state):
    _, seen = paid(sim, adapter)
    wanted = refund_of(seen, 2_000)
    refunded = adapter.refund(wanted)
    assert adapter.refund(wanted) == refunded
    assert kinds(refunded) == [FactKind.RECEIVED, FactKind.REFUNDED]
    (told,) = refunded.refunds
    assert (told.refund_id, told.state) == (wanted.refund_id, "paid")
    if fails:
        sim.control.refund_fails(told.ref)
    seen = adapter.fetch(seen.provider_ref)
    assert seen.refunds[0].state == state and (FactKind.REFUND_RETURNED in kinds(seen)) == fails
    with pytest.raises(Rejected):
        adapter.refund(refund_of(seen, 99_999))


@pytest.mark.parametrize("won", [True, False])
def test_disputes(sim, adapter, won):
    _, seen = paid(sim, adapter)
    dispute = sim.control.open_dispute(seen.facts[0].ref)
    seen = adapter.fetch(seen.provider_ref)
    assert (seen.disputes[0].state, seen.facts[1].kind) == ("to_answer", FactKind.CHARGED_BACK)
    assert seen.facts[1].ref == dispute["id"] and seen.disputes[0].answer_by > clock.now()
    sim.control.close_dispute(dispute["id"], won)
    seen = adapter.fetch(seen.provider_ref)
    assert seen.disputes[0].state == ("won" if won else "lost")
    assert (FactKind.CHARGEBACK_REVERSED in kinds(seen)) == won


def test_a_warning_moves_no_money(sim, adapter):
    _, seen = paid(sim, adapter)
    sim.control.open_dispute(seen.facts[0].ref, status="warning_needs_response")
    seen = adapter.fetch(seen.provider_ref)
    assert (seen.disputes[0].state, kinds(seen)) == ("warning", [FactKind.RECEIVED])


# -- what can go wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["error_after", "reset_after", "error_before", "reset_before"])
def test_one_command_has_one_effect_however_often_the_line_breaks(sim, adapter, kind):
    wanted = order()
    sim.control.fault(kind, "/v1/payment_intents", times=3)
    with pytest.raises(Unclear):
        adapter.start(wanted)
    sim.control.no_faults()
    seen = adapter.start(wanted)
    since = clock.now() - timedelta(minutes=1)
    assert adapter.find(wanted.payment_id, since).provider_ref == seen.provider_ref
    made = [i for i in sim.v1.payment_intents.list({"limit": 100}) if _is(i, wanted)]
    assert len(made) == 1


def _is(intent, wanted):
    return intent.metadata.to_dict().get("payment_id") == str(wanted.payment_id)


def test_a_key_in_use_is_unclear_and_too_many_requests_are_later(sim, adapter):
    sim.control.fault("conflict", "/v1/payment_intents", times=3)
    with pytest.raises(Unclear):
        adapter.start(order())
    sim.control.no_faults()
    sim.control.fault("rate_limit", "/v1/payment_intents")
    with pytest.raises(Busy):
        adapter.start(order())


def test_a_repeated_key_with_other_words_finds_what_was_made(sim, adapter):
    wanted = order()
    made = adapter.start(wanted)
    again = adapter.start(replace(wanted, description="changed meanwhile"))
    assert again.provider_ref == made.provider_ref
    with pytest.raises(Rejected, match="idempotent"):
        adapter.start(replace(wanted, payment_id=new_id()))


def test_a_repeated_command_tells_what_stands_now(sim, adapter):
    wanted, seen = paid(sim, adapter)
    assert adapter.start(wanted) == seen


def test_a_wrong_key_is_a_setting_to_mend(sim):
    with pytest.raises(ConfigurationError, match="refuses the key"):
        Adapter(access(sim.url, "sk_live_wrong")).start(order())


def test_a_method_that_is_not_activated_is_refused(sim, adapter):
    sim.control.enable_methods("sepa_debit")
    with pytest.raises(Rejected):
        adapter.start(order())


def test_nothing_is_found_of_a_payment_that_was_never_made(adapter):
    assert adapter.find(new_id(), clock.now() - timedelta(days=2)) is None


def test_what_was_paid_cannot_be_cancelled(sim, adapter):
    _, seen = paid(sim, adapter)
    assert adapter.cancel(seen.provider_ref, "k") == seen
    started = adapter.start(order())
    assert adapter.cancel(started.provider_ref, "k3").phase is Phase.CANCELLED
    assert adapter.cancel(started.provider_ref, "k4").phase is Phase.CANCELLED


def test_forgets_a_card_once_and_again(sim, adapter):
    card, _ = saved(sim, adapter)
    adapter.forget(card, "card", "k5")
    adapter.forget(card, "card", "k6")
    adapter.forget("pm_unknown", "card", "k7")


def test_writes_nothing_to_the_home_folder(sim, adapter, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    adapter.start(order())
    assert list(Path(tmp_path).rglob("*")) == []
