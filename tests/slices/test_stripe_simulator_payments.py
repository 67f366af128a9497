"""Paying in the Stripe simulator: cards and 3-D Secure, debits, transfers, saved methods, refunds and disputes."""

from __future__ import annotations

import pytest
import stripe

from shared import iban as ibans
from shared.sandbox.stripe.control_client import ControlRefused
from tests.slices.stripe_sandbox import MANDATE, SEPA, simulator


@pytest.fixture(scope="module")
def sim():
    with simulator() as running:
        yield running


def events_of(sim, *things):
    """The types of the events about these objects, oldest first."""
    wanted = {getattr(thing, "id", thing) for thing in things}
    listed = sim.v1.events.list({"limit": 100}).data
    return [event.type for event in reversed(listed) if getattr(event.data.object, "id", None) in wanted]


def test_a_card_pays_at_once(sim):
    paid = sim.card(
        12_345,
        metadata={"payment": "p1"},
        expand=["latest_charge.balance_transaction", "payment_method"],
    )
    made = paid.latest_charge
    assert (paid.status, paid.amount_received, paid.payment_method.card.last4) == (
        "succeeded",
        12_345,
        "4242",
    )
    assert (made.status, made.captured, made.paid, made.metadata["payment"]) == (
        "succeeded",
        True,
        True,
        "p1",
    )
    booked = made.balance_transaction
    assert (booked.type, booked.amount, booked.fee, booked.net) == ("charge", 12_345, 210, 12_135)
    assert sum(fee.amount for fee in booked.fee_details) == booked.fee
    assert events_of(sim, paid) == ["payment_intent.created", "payment_intent.succeeded"]
    assert events_of(sim, made) == ["charge.succeeded"]


@pytest.mark.parametrize(
    ("token", "code", "decline"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ],
)
def test_a_decline_leaves_the_intent_to_try_again(sim, token, code, decline):
    with pytest.raises(stripe.CardError) as refused:
        sim.card(token=token)
    error = refused.value.error
    assert (refused.value.http_status, error.code, error.decline_code) == (402, code, decline)
    intent = sim.v1.payment_intents.retrieve(error.payment_intent.id, {"expand": ["latest_charge"]})
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", code)
    assert (intent.latest_charge.status, intent.latest_charge.balance_transaction) == ("failed", None)
    assert events_of(sim, intent)[-1] == "payment_intent.payment_failed"
    again = sim.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "return_url": "https://a.example"}
    )
    assert (again.status, again.last_payment_error) == ("succeeded", None)


def test_3d_secure(sim):
    asked = sim.card(token="pm_card_authenticationRequired")
    assert asked.status == "requires_action" and asked.latest_charge is None
    assert asked.next_action.redirect_to_url.return_url == "https://portal.example/back?invoice=1"
    sim.control.authenticate(asked.id)
    sim.control.authenticate(asked.id)
    assert sim.v1.payment_intents.retrieve(asked.id).status == "succeeded"
    assert events_of(sim, asked) == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    ]
    asked = sim.card(token="pm_card_authenticationRequired")
    sim.control.authenticate(asked.id, agreed=False)
    failed = sim.v1.payment_intents.retrieve(asked.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    asked = sim.card(token="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    sim.control.authenticate(asked.id)
    failed = sim.v1.payment_intents.retrieve(asked.id)
    assert failed.last_payment_error.decline_code == "insufficient_funds"


def test_off_session(sim):
    customer = sim.customer()

    def save(token):
        kept = sim.v1.setup_intents.create(
            {"customer": customer, "allowed_payment_method_types": ["card"], "usage": "off_session"}
        )
        kept = sim.v1.setup_intents.confirm(
            kept.id, {"payment_method": token, "return_url": "https://a.example"}
        )
        if kept.status == "requires_action":
            sim.control.authenticate(kept.id)
            kept = sim.v1.setup_intents.retrieve(kept.id)
        assert kept.status == "succeeded"
        return kept.payment_method

    good, once, always = map(
        save,
        ("pm_card_visa", "pm_card_authenticationRequiredOnSetup", "pm_card_authenticationRequired"),
    )
    saved = sim.v1.payment_methods.list({"customer": customer, "type": "card"})
    assert [each.id for each in saved.data] == [always, once, good]
    for method in (good, once):
        assert sim.card(token=method, customer=customer, off_session=True).status == "succeeded"
    with pytest.raises(stripe.CardError) as refused:
        sim.card(token=always, customer=customer, off_session=True)
    assert refused.value.code == "authentication_required"
    assert refused.value.error.payment_intent.status == "requires_payment_method"
    sim.v1.payment_methods.detach(good)
    with pytest.raises(stripe.InvalidRequestError):
        sim.card(token=good, customer=customer, off_session=True)
    with pytest.raises(stripe.InvalidRequestError):
        sim.card(token=once, off_session=True)


def test_a_card_is_saved_by_its_payment(sim):
    customer = sim.customer()
    paid = sim.card(customer=customer, setup_future_usage="off_session")
    method = sim.v1.payment_methods.retrieve(paid.payment_method)
    assert method.customer == customer and events_of(sim, method) == ["payment_method.attached"]


def test_held_then_captured(sim):
    held = sim.card(10_000, capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 10_000, 0)
    with pytest.raises(stripe.InvalidRequestError):
        sim.v1.payment_intents.capture(held.id, {"amount_to_capture": 10_001})
    taken = sim.v1.payment_intents.capture(
        held.id, {"amount_to_capture": 4_000, "expand": ["latest_charge.balance_transaction"]}
    )
    assert (taken.status, taken.amount_received) == ("succeeded", 4_000)
    assert taken.latest_charge.balance_transaction.amount == 4_000
    dropped = sim.v1.payment_intents.cancel(sim.card(capture_method="manual").id)
    assert dropped.status == "canceled"


def test_cancel(sim):
    intent = sim.v1.payment_intents.create({"amount": 100, "currency": "eur"})
    cancelled = sim.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    for late in (cancelled.id, sim.card().id, sim.debit().id):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            sim.v1.payment_intents.cancel(late)
        assert refused.value.code == "payment_intent_unexpected_state"


def test_a_debit_is_paid_days_later(sim):
    sent = sim.debit(5_000, expand=["latest_charge.balance_transaction"])
    assert (sent.status, sent.latest_charge.status) == ("processing", "pending")
    assert sent.latest_charge.balance_transaction.type == "payment"
    mandate = sim.v1.mandates.retrieve(sent.latest_charge.payment_method_details.sepa_debit.mandate)
    assert (mandate.status, mandate.type) == ("active", "single_use")
    assert mandate.payment_method_details.sepa_debit.reference
    sim.control.debit_paid(sent.id)
    paid = sim.v1.payment_intents.retrieve(sent.id)
    assert (paid.status, paid.amount_received) == ("succeeded", 5_000)
    assert events_of(sim, sent)[1:] == ["payment_intent.processing", "payment_intent.succeeded"]
    with pytest.raises(ControlRefused):
        sim.control.debit_paid(sent.id)


def test_a_debit_needs_a_mandate_and_an_iban(sim):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.payment_intents.create(
            {"amount": 1, "currency": "eur", "payment_method_data": SEPA, "confirm": True}
        )
    assert refused.value.param == "mandate_data"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.debit(payment_method_data={**SEPA, "sepa_debit": {"iban": "FR1420041010050500013M02607"}})
    assert refused.value.code == "invalid_bank_account_iban"


@pytest.mark.parametrize("late", [False, True])
def test_a_debit_fails(sim, late):
    sent = sim.debit(5_000)
    if late:
        sim.control.debit_paid(sent.id)
        sim.control.debit_fails_late(sent.id, dispute=False)
    else:
        sim.control.debit_failed(sent.id)
    failed = sim.v1.payment_intents.retrieve(
        sent.id, {"expand": ["latest_charge.failure_balance_transaction"]}
    )
    assert (failed.status, failed.amount_received) == ("requires_payment_method", 0)
    assert failed.last_payment_error.code == "insufficient_funds"
    back = failed.latest_charge.failure_balance_transaction
    assert (back.type, back.amount) == ("payment_failure_refund", -5_000)
    moved = sim.v1.balance_transactions.list({"source": failed.latest_charge.id})
    assert sum(each.net for each in moved.data) == 0


def test_a_debit_is_contested_without_appeal(sim):
    sent = sim.debit(5_000)
    sim.control.debit_paid(sent.id)
    dispute = sim.control.debit_fails_late(sent.id, "debit_not_authorized")
    read = sim.v1.disputes.retrieve(dispute["id"])
    assert (read.status, read.reason, read.amount) == ("lost", "debit_not_authorized", 5_000)
    assert events_of(sim, read) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]
    assert [each.amount for each in read.balance_transactions] == [-5_000]
    assert sim.v1.payment_intents.retrieve(sent.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError):
        sim.v1.refunds.create({"payment_intent": sent.id})


def test_a_mandate_is_used_again_until_it_ends(sim):
    customer = sim.customer()
    kept = sim.v1.setup_intents.create(
        {
            "customer": customer,
            "allowed_payment_method_types": ["sepa_debit"],
            "payment_method_data": SEPA,
            "mandate_data": MANDATE,
            "confirm": True,
        }
    )
    assert kept.status == "succeeded" and sim.v1.mandates.retrieve(kept.mandate).type == "multi_use"
    again = {
        "amount": 700,
        "currency": "eur",
        "customer": customer,
        "allowed_payment_method_types": ["sepa_debit"],
        "payment_method": kept.payment_method,
        "mandate": kept.mandate,
        "off_session": True,
        "confirm": True,
    }
    assert sim.v1.payment_intents.create(again).status == "processing"
    sim.v1.payment_methods.detach(kept.payment_method)
    assert sim.v1.mandates.retrieve(kept.mandate).status == "inactive"
    assert events_of(sim, kept.mandate) == ["mandate.updated"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.payment_intents.create(again)
    assert refused.value.code == "payment_intent_mandate_invalid"


def test_a_transfer_to_the_virtual_iban(sim):
    customer = sim.customer()
    asked = sim.transfer(customer, 10_000)
    told = asked.next_action.display_bank_transfer_instructions
    iban = told.financial_addresses[0].iban
    assert asked.status == "requires_action" and told.amount_remaining == 10_000 and told.reference
    assert ibans.is_valid(iban.iban) and iban.bic and iban.account_holder_name
    other = sim.v1.customers.funding_instructions.create(
        customer,
        {
            "currency": "eur",
            "funding_type": "bank_transfer",
            "bank_transfer": {"type": "eu_bank_transfer", "eu_bank_transfer": {"country": "FR"}},
        },
    )
    assert other.bank_transfer.financial_addresses[0].iban.iban == iban.iban
    sim.control.fund(4_000, iban=iban.iban, reference="FA-1")
    assert sim.v1.payment_intents.retrieve(asked.id).status == "requires_action"
    cash = sim.v1.customers.cash_balance.retrieve(customer)
    assert (cash.available["eur"], cash.settings.reconciliation_mode) == (4_000, "manual")
    part = sim.v1.payment_intents.apply_customer_balance(asked.id, {"amount": 4_000, "currency": "eur"})
    assert part.next_action.display_bank_transfer_instructions.amount_remaining == 6_000
    with pytest.raises(stripe.InvalidRequestError):
        sim.v1.payment_intents.apply_customer_balance(asked.id)
    sim.client.v1.test_helpers.customers.fund_cash_balance(customer, {"amount": 7_000, "currency": "eur"})
    paid = sim.v1.payment_intents.apply_customer_balance(asked.id)
    assert (paid.status, paid.amount_received) == ("succeeded", 10_000)
    moves = sim.v1.customers.cash_balance_transactions.list(customer).data[::-1]
    assert [(each.type, each.net_amount) for each in moves] == [
        ("funded", 4_000),
        ("applied_to_payment", -4_000),
        ("funded", 7_000),
        ("applied_to_payment", -6_000),
    ]
    assert moves[0].funded.bank_transfer.reference == "FA-1" and moves[-1].ending_balance == 1_000
    assert "payment_intent.partially_funded" in events_of(sim, asked)
    refund = sim.v1.refunds.create({"payment_intent": paid.id, "amount": 500})
    assert refund.status == "succeeded"
    assert sim.v1.customers.cash_balance.retrieve(customer).available["eur"] == 1_500


def test_transfers_are_reconciled_by_themselves_when_asked(sim):
    customer = sim.customer("automatic")
    first, second = sim.transfer(customer, 3_000), sim.transfer(customer, 5_000)
    sim.control.fund(5_000, customer=customer)
    assert sim.v1.payment_intents.retrieve(second.id).status == "succeeded"
    assert sim.v1.payment_intents.retrieve(first.id).status == "requires_action"
    sim.control.fund(4_000, customer=customer)
    assert sim.v1.payment_intents.retrieve(first.id).status == "succeeded"
    assert sim.transfer(customer, 1_000).status == "succeeded"


def test_a_cancelled_transfer_gives_back_what_was_applied(sim):
    customer = sim.customer()
    asked = sim.transfer(customer, 10_000)
    sim.control.fund(4_000, customer=customer)
    sim.v1.payment_intents.apply_customer_balance(asked.id, {"amount": 4_000})
    sim.v1.payment_intents.cancel(asked.id)
    assert sim.v1.customers.cash_balance.retrieve(customer).available["eur"] == 4_000


def test_pay_by_bank_redirects(sim):
    asked = sim.v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "eur",
            "allowed_payment_method_types": ["pay_by_bank"],
            "payment_method_data": {"type": "pay_by_bank"},
            "return_url": "https://a.example",
            "confirm": True,
        }
    )
    assert asked.next_action.type == "redirect_to_url"
    sim.control.authenticate(asked.id)
    paid = sim.v1.payment_intents.retrieve(asked.id, {"expand": ["latest_charge.balance_transaction"]})
    assert (paid.status, paid.latest_charge.balance_transaction.type) == ("succeeded", "payment")


def test_refunds_never_exceed_the_charge(sim):
    paid = sim.card(10_000)
    first = sim.v1.refunds.create({"payment_intent": paid.id, "amount": 4_000, "metadata": {"r": "1"}})
    assert (first.status, first.metadata["r"]) == ("succeeded", "1")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.refunds.create({"charge": paid.latest_charge, "amount": 6_001})
    assert "greater than unrefunded amount" in str(refused.value)
    sim.v1.refunds.create({"charge": paid.latest_charge})
    made = sim.v1.charges.retrieve(paid.latest_charge)
    assert (made.refunded, made.amount_refunded) == (True, 10_000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.refunds.create({"charge": paid.latest_charge})
    assert refused.value.code == "charge_already_refunded"
    assert len(sim.v1.refunds.list({"payment_intent": paid.id}).data) == 2
    assert events_of(sim, first) == ["refund.created"]
    for unpaid in (sim.debit().id, sim.v1.payment_intents.create({"amount": 1, "currency": "eur"}).id):
        with pytest.raises(stripe.InvalidRequestError):
            sim.v1.refunds.create({"payment_intent": unpaid})


def test_a_refund_fails_after_it_succeeded(sim):
    paid = sim.card(10_000)
    refund = sim.v1.refunds.create({"payment_intent": paid.id})
    sim.control.refund_fails(refund.id)
    read = sim.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (read.status, read.failure_reason) == ("failed", "lost_or_stolen_card")
    assert (read.failure_balance_transaction.type, read.failure_balance_transaction.amount) == (
        "refund_failure",
        10_000,
    )
    assert sim.v1.charges.retrieve(paid.latest_charge).amount_refunded == 0
    assert events_of(sim, refund) == ["refund.created", "refund.failed"]


def test_a_debits_refund_takes_days_and_can_be_cancelled(sim):
    sent = sim.debit(5_000)
    sim.control.debit_paid(sent.id)
    refund = sim.v1.refunds.create({"payment_intent": sent.id, "amount": 2_000})
    assert refund.status == "pending"
    assert sim.v1.refunds.cancel(refund.id).status == "canceled"
    refund = sim.v1.refunds.create({"payment_intent": sent.id})
    assert refund.amount == 5_000
    sim.control.refund_succeeds(refund.id)
    assert sim.v1.refunds.retrieve(refund.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError):
        sim.v1.refunds.cancel(refund.id)


@pytest.mark.parametrize("won", [True, False])
def test_a_card_dispute_is_argued(sim, won):
    paid = sim.card(10_000)
    dispute = sim.control.open_dispute(paid.latest_charge)["id"]
    assert sim.v1.disputes.retrieve(dispute).status == "needs_response"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_disputed"
    given = sim.v1.disputes.update(dispute, {"evidence": {"uncategorized_text": "Signed."}, "submit": True})
    assert given.status == "under_review" and given.evidence_details.submission_count == 1
    sim.control.close_dispute(dispute, won=won)
    read = sim.v1.disputes.retrieve(dispute)
    assert read.status == ("won" if won else "lost")
    assert sum(each.net for each in read.balance_transactions) == (0 if won else -12_000)
    ended = ["charge.dispute.closed"] + ["charge.dispute.funds_reinstated"] * won
    assert events_of(sim, dispute)[-len(ended) :] == ended
    assert sim.v1.disputes.list({"charge": paid.latest_charge}).data[0].id == dispute


def test_a_dispute_is_accepted_and_a_warning_costs_nothing(sim):
    dispute = sim.control.open_dispute(sim.card().latest_charge, amount=300)["id"]
    assert sim.v1.disputes.close(dispute).status == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        sim.v1.disputes.close(dispute)
    warning = sim.control.open_dispute(sim.card().latest_charge, status="warning_needs_response")
    assert warning["balance_transactions"] == []
    sim.control.close_dispute(warning["id"], won=True)
    assert sim.v1.disputes.retrieve(warning["id"]).status == "warning_closed"
    disputed = sim.card(token="pm_card_createDispute")
    assert sim.v1.charges.retrieve(disputed.latest_charge).disputed


def test_customer_sessions(sim):
    customer = sim.customer()
    session = sim.v1.customer_sessions.create(
        {"customer": customer, "components": {"payment_element": {"enabled": True}}}
    )
    assert session.client_secret.startswith("cuss_secret_") and session.components.payment_element.enabled
