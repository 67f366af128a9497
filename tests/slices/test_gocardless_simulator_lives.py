"""Whole lives in the GoCardless simulator: mandates, debits that come back, refunds, payouts that add up."""

from decimal import Decimal

import pytest
from gocardless_pro import errors
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.sandbox.gocardless.states import REASONS
from tests.make.gocardless import world


@pytest.fixture
def gc():
    with world() as served:
        yield served


def run(gc, name, resource):
    return gc.client.scenario_simulators.run(name, params={"links": {"resource": resource}})


def status(gc, payment):
    return gc.client.payments.get(payment.id).status


def last(gc, action, **filters):
    (event,) = gc.client.events.list(params={"action": action, **filters}).records
    return event


def items(gc, payout_id):
    return gc.client.payout_items.all(params={"payout": payout_id, "limit": 3})


def total(gc, payout_id):
    return sum((Decimal(item.amount) for item in items(gc, payout_id)), Decimal(0))


def test_a_debit_lives_by_the_banks_days(gc):
    payment = gc.payment(amount=12000)
    mandate = payment.links.mandate
    gc.control.advance(days=20)
    paid = gc.client.payments.get(payment.id)
    assert gc.actions(payment=payment.id) == ["created", "submitted", "confirmed", "paid_out"]
    assert gc.actions(mandate=mandate) == ["created", "submitted", "active"]
    assert gc.client.mandates.get(mandate).status == "active"
    payout = gc.client.payouts.get(paid.links.payout)
    assert (payout.status, payout.amount, payout.deducted_fees) == ("paid", 11860, 140)
    told = last(gc, "paid_out", payment=payment.id)
    assert told.links.payout == payout.id and told.details.cause == "payment_paid_out"
    assert total(gc, payout.id) == payout.amount


@pytest.mark.parametrize(
    ("name", "status_then", "actions"),
    [
        ("Successful", "paid_out", ["submitted", "confirmed", "paid_out"]),
        ("Penniless", "failed", ["submitted", "failed"]),
        ("Fickle", "charged_back", ["submitted", "confirmed", "paid_out", "charged_back"]),
        ("Late", "failed", ["submitted", "confirmed", "paid_out", "failed"]),
        ("Invalid", "failed", ["submitted", "failed"]),
    ],
)
def test_given_names_that_the_sandbox_knows(gc, name, status_then, actions):
    payment = gc.payment(gc.mandate(name))
    gc.control.settle()
    assert status(gc, payment) == status_then
    assert gc.actions(payment=payment.id) == ["created", *actions]
    expected = "failed" if name == "Invalid" else "active" if "confirmed" in actions else "submitted"
    assert gc.client.mandates.get(payment.links.mandate).status == expected


def test_expired_expires(gc):
    mandate = gc.mandate("Expired")
    gc.control.settle()
    assert gc.client.mandates.get(mandate.id).status == "expired"
    with pytest.raises(errors.InvalidStateError) as refused:
        gc.payment(mandate)
    assert refused.value.errors[0]["reason"] == "mandate_is_inactive"
    assert gc.client.mandates.reinstate(mandate.id).status == "pending_submission"
    gc.control.settle()
    assert gc.client.mandates.get(mandate.id).status == "active"


@pytest.mark.parametrize(
    ("scenario", "ends"),
    [
        ("payment_submitted", "submitted"),
        ("payment_confirmed", "confirmed"),
        ("payment_paid_out", "paid_out"),
        ("payment_failed", "failed"),
        ("payment_charged_back", "charged_back"),
        ("payment_late_failure", "failed"),
    ],
)
def test_payment_scenarios(gc, scenario, ends):
    payment = gc.payment()
    assert run(gc, scenario, payment.id).id == scenario
    assert status(gc, payment) == ends
    with pytest.raises(errors.InvalidStateError):
        run(gc, scenario, payment.id)


@pytest.mark.parametrize(
    ("scenario", "action", "kind"),
    [
        ("payment_late_failure_settled", "late_failure_settled", "payment_failed"),
        ("payment_chargeback_settled", "chargeback_settled", "payment_charged_back"),
    ],
)
def test_a_settled_reversal_is_a_debit_of_a_later_payout(gc, scenario, action, kind):
    payment = gc.payment(amount=1000)
    with pytest.raises(errors.InvalidStateError):  # a payout cannot be negative: nothing happened
        run(gc, scenario, payment.id)
    assert status(gc, payment) == "pending_submission"
    run(gc, "payment_paid_out", payment.id)
    gc.control.confirm(gc.payment(amount=9000).id)
    gc.control.step(payment.id, "charged_back" if "charge" in scenario else "failed")
    payout = gc.control.pay_out()
    assert last(gc, action, payment=payment.id).links.payout == payout["id"]
    assert [Decimal(i.amount) for i in items(gc, payout["id"]) if i.type == kind] == [-1000]
    assert total(gc, payout["id"]) == payout["amount"] == 9000 - 1000 - 110


@pytest.mark.parametrize("code", REASONS)
def test_a_late_failure_names_the_banks_reason(gc, code):
    payment = gc.payment()
    run(gc, "payment_paid_out", payment.id)
    gc.control.step(payment.id, "failed", code)
    details = last(gc, "failed", payment=payment.id).details
    assert (details.reason_code, details.cause, details.scheme) == (code, REASONS[code].cause, "sepa_core")
    assert details.origin == "bank" and details.will_attempt_retry is False
    ended = gc.client.mandates.get(payment.links.mandate).status == "cancelled"
    assert ended == REASONS[code].ends_mandate


def test_a_chargeback_that_is_cancelled_gives_the_money_again(gc):
    payment = gc.payment(amount=5000)
    run(gc, "payment_charged_back", payment.id)
    assert last(gc, "charged_back", payment=payment.id).details.cause == "refund_requested"
    gc.control.step(payment.id, "chargeback_cancelled")
    assert status(gc, payment) == "paid_out"
    with pytest.raises(ValueError, match="0 EUR"):  # debit and credit met before any payout
        gc.control.pay_out()


def test_what_is_undone_before_its_payout_never_reaches_one(gc):
    kept, lost = gc.payment(amount=2000), gc.payment(amount=3000)
    for payment in (kept, lost):
        gc.control.confirm(payment.id)
    gc.control.step(lost.id, "failed", "AM04")
    payout = gc.control.pay_out()
    assert [item.links.payment for item in items(gc, payout["id"])] == [kept.id, kept.id]


def test_cancels_and_retries_payments(gc):
    payment = gc.payment()
    cancelled = gc.payment(gc.client.mandates.get(payment.links.mandate))
    assert gc.client.payments.cancel(cancelled.id, params={"metadata": {"by": "us"}}).status == "cancelled"
    assert last(gc, "cancelled", payment=cancelled.id).metadata == {"by": "us"}
    for _ in range(3):
        run(gc, "payment_failed", payment.id)
        assert gc.client.payments.retry(payment.id).status == "pending_submission"
    run(gc, "payment_failed", payment.id)
    for late in (lambda: gc.client.payments.retry(payment.id), lambda: gc.client.payments.cancel(payment.id)):
        with pytest.raises(errors.InvalidStateError):
            late()
    assert gc.actions(payment=payment.id).count("resubmission_requested") == 3


def test_a_cancelled_mandate_takes_its_waiting_payments_with_it(gc):
    mandate = gc.mandate()
    waiting, gone = gc.payment(mandate), gc.payment(mandate)
    run(gc, "payment_submitted", gone.id)
    assert gc.client.mandates.cancel(mandate.id).status == "cancelled"
    assert (status(gc, waiting), status(gc, gone)) == ("cancelled", "submitted")
    assert last(gc, "cancelled", payment=waiting.id).details.cause == "mandate_cancelled"
    with pytest.raises(errors.InvalidStateError) as refused:
        gc.client.mandates.cancel(mandate.id)
    assert refused.value.errors[0]["reason"] == "cancellation_failed"


def test_mandate_scenarios_that_sepa_knows(gc):
    mandate = gc.mandate()
    run(gc, "mandate_transferred", mandate.id)
    told = last(gc, "transferred", mandate=mandate.id)
    now = gc.client.mandates.get(mandate.id)
    assert told.links.new_customer_bank_account == now.links.customer_bank_account
    assert told.links.previous_customer_bank_account == mandate.links.customer_bank_account
    run(gc, "mandate_expired", mandate.id)
    assert gc.client.mandates.get(mandate.id).status == "expired"
    for name in ("mandate_activated", "mandate_failed"):
        with pytest.raises(errors.InvalidStateError):
            run(gc, name, gc.mandate().id)
    with pytest.raises(errors.InvalidApiUsageError):
        run(gc, "mandate_danced", mandate.id)


def refund(gc, payment, amount, confirmation):
    told = {"amount": amount, "total_amount_confirmation": confirmation, "links": {"payment": payment.id}}
    return gc.client.refunds.create(params=told)


def test_refunds_are_guarded_by_their_total(gc):
    payment = gc.payment(amount=1000)
    with pytest.raises(errors.InvalidStateError) as refused:
        refund(gc, payment, 100, 100)
    assert refused.value.errors[0]["reason"] == "refund_payment_invalid_state"
    run(gc, "payment_confirmed", payment.id)
    first = refund(gc, payment, 400, 400)
    with pytest.raises(errors.InvalidStateError) as refused:
        refund(gc, payment, 400, 400)
    assert refused.value.errors[0]["reason"] == "total_amount_confirmation_invalid"
    with pytest.raises(errors.ValidationFailedError):
        refund(gc, payment, 601, 1001)
    refund(gc, payment, 600, 1000)
    assert gc.client.payments.get(payment.id).amount_refunded == 1000
    run(gc, "refund_bounced", first.id)
    assert gc.client.refunds.get(first.id).status == "bounced"
    assert gc.client.payments.get(payment.id).amount_refunded == 600
    assert gc.actions(refund=first.id) == ["created", "failed"]
    gc.control.settings(available_for_refunds=99)
    with pytest.raises(errors.InvalidStateError) as refused:
        refund(gc, payment, 100, 700)
    assert refused.value.errors[0]["reason"] == "available_refund_amount_insufficient"


def test_refunds_can_be_locked_for_days(gc):
    gc.control.settings(refund_lock_days=7)
    payment = gc.payment(amount=1000)
    run(gc, "payment_confirmed", payment.id)
    with pytest.raises(errors.InvalidStateError):
        refund(gc, payment, 1000, 1000)
    gc.control.advance(days=30)
    assert refund(gc, payment, 1000, 1000).status == "created"


def test_a_refund_is_paid_by_a_payout_and_may_come_back(gc):
    payment = gc.payment(amount=10_000)
    run(gc, "payment_confirmed", payment.id)
    given_back = refund(gc, payment, 4000, 4000)
    run(gc, "refund_settled", given_back.id)
    told = last(gc, "refund_settled", refund=given_back.id)
    first = gc.client.payouts.get(told.links.payout)
    assert total(gc, first.id) == first.amount == 10_000 - 120 - 4000
    assert {"payment_paid_out", "gocardless_fee", "payment_refunded"} == {i.type for i in items(gc, first.id)}
    gc.control.step(given_back.id, "funds_returned")
    second = gc.control.pay_out()
    (item,) = items(gc, second["id"])
    assert (item.type, Decimal(item.amount), item.links.refund) == (
        "refund_funds_returned",
        4000,
        given_back.id,
    )


def test_payouts_bounce_without_an_event_and_forget_their_items(gc):
    gc.control.confirm(gc.payment().id)
    payout = gc.control.pay_out(paid=False)
    assert payout["status"] == "pending"
    gc.control.step(payout["id"], "paid")
    run(gc, "payout_bounced", payout["id"])
    assert gc.client.payouts.get(payout["id"]).status == "bounced"
    assert gc.actions(payout=payout["id"], resource_type="payouts") == ["paid"]
    gc.control.advance(days=200)
    with pytest.raises(errors.InvalidApiUsageError) as gone:
        gc.client.payout_items.list(params={"payout": payout["id"]})
    assert gone.value.code == 410
    gc.control.advance(days=400)
    assert gc.actions(payout=payout["id"]) == []


@settings(max_examples=25, deadline=None)
@given(
    amounts=st.lists(st.integers(1000, 99_999), min_size=1, max_size=6),
    percent=st.decimals(0, 5, places=3),
    fixed=st.decimals(0, 30, places=2),
    undone=st.sets(st.integers(0, 5)),
)
def test_the_items_of_a_payout_add_up_to_the_cent(amounts, percent, fixed, undone):
    with world() as gc:
        gc.control.settings(fee_percent=str(percent), fee_fixed=str(fixed))
        mandate = gc.mandate()
        made = [gc.payment(mandate, amount) for amount in amounts]
        for payment in made:
            gc.control.confirm(payment.id)
        first = gc.control.pay_out()
        assert total(gc, first["id"]) == first["amount"] == sum(amounts) - first["deducted_fees"]
        back = [payment for place, payment in enumerate(made) if place in undone]
        for payment in back:
            gc.control.step(payment.id, "charged_back")
        gc.control.confirm(gc.payment(mandate, 1_000_000).id)
        second = gc.control.pay_out()
        expected = 1_000_000 - sum(payment.amount for payment in back) - second["deducted_fees"]
        assert total(gc, second["id"]) == second["amount"] == expected
