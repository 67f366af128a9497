"""What GoCardless tells by itself: webhooks, the list of events, payouts; and the pure translation of all of it."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from gocardless_pro import webhooks as sdk
from gocardless_pro.services import base_service
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import new_id
from shared.rails.adapters import adapter_of, webhooks_of
from shared.rails.providers import gocardless_reading as reading
from shared.rails.providers.gocardless_payouts import exact_minor, payout_seen
from shared.rails.providers.gocardless_words import PAYMENTS
from shared.rails.providers.protocols import Access, BadSignature, Payer, SetUp, Unclear
from shared.rails.snapshot import FactKind, Method, Phase
from shared.rails.states import totals
from tests.make.gocardless import ACCESS_TOKEN, SECRET, ear, world

NOW = datetime.now(UTC)
READER = webhooks_of("gocardless")


@pytest.fixture
def gc(monkeypatch):
    monkeypatch.setattr(base_service.time, "sleep", lambda seconds: None)
    with world() as served:
        served.adapter = adapter_of(Access(new_id(), "gocardless", "sandbox", ACCESS_TOKEN, served.address))
        yield served


def event(kind="payments", action="confirmed", links=None, ours=None, **more):
    links = {"payment": "PM1"} if links is None else links
    return {
        "id": "EV1", "resource_type": kind, "action": action, "links": links, "resource_metadata": ours or {},
    } | more  # fmt: skip


def signed(raw, secret=SECRET):
    return {"Webhook-Signature": hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}


def body(*events):
    return json.dumps({"events": events, "meta": {"webhook_id": "WB1"}}).encode()


# -- webhooks ------------------------------------------------------------------------------------------------


def test_a_webhook_of_the_simulator_is_read_event_by_event(gc):
    with ear() as heard:
        gc.control.receiver(heard.url, SECRET)
        payment = gc.payment(metadata={"payment_id": str(new_id())})
        gc.control.confirm(payment.id)
        gc.control.settle()
    read = [pair for headers, raw in heard.heard for pair in READER.read(headers, raw, [SECRET], NOW)]
    about = {ref.type: ref for ref, _ in read}
    confirmed = about["payments.confirmed"]
    assert (confirmed.about, confirmed.refs) == ("payment", (payment.id,))
    assert str(confirmed.payment_id) == payment.metadata["payment_id"]
    assert about["mandates.active"].about == "mandate"
    assert [READER.event(payload) for _, payload in read] == [ref for ref, _ in read]
    told = [ref.event_id for ref in gc.adapter.events_since(NOW - timedelta(hours=1))]
    assert told == sorted({ref.event_id for ref, _ in read}, key=told.index) and len(told) == len(read)
    assert list(gc.adapter.events_since(NOW + timedelta(hours=1))) == []


def test_a_signature_is_checked_with_the_current_and_the_previous_secret():
    raw = body(event())
    sdk.parse(raw, SECRET, signed(raw)["Webhook-Signature"])  # the SDK agrees
    for secrets in ([SECRET], ["newer", SECRET]):
        assert len(READER.read(signed(raw), raw, secrets, NOW)) == 1
    lower = {"webhook-signature": signed(raw)["Webhook-Signature"]}
    assert READER.read(lower, raw, [SECRET], NOW)


@pytest.mark.parametrize("secrets", [[], [""], ["other"]])
def test_another_signature_is_refused(secrets):
    raw = body(event())
    for headers in (signed(raw), signed(raw, ""), {}, {"Webhook-Signature": "é"}, {"Webhook-Signature": ""}):
        with pytest.raises(BadSignature):
            READER.read(headers, raw, secrets, NOW)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\xff\xfe", b"[]", b"{}", b'{"events": {}}', b'{"events": [1]}', b"[" * 100_000, b" " * 2_000_001,
        body({}), body(event(id="")), body(event(id="E\0")), body(event(id=7)), body(event(links=["PM1"])),
        body(event(resource_type=None)), body(event(resource_metadata=[1])),
    ],
    ids=range(15),
)  # fmt: skip
def test_what_cannot_be_read_is_refused_although_it_is_signed(raw):
    with pytest.raises(BadSignature):
        READER.read(signed(raw), raw, [SECRET], NOW)


@given(st.binary(max_size=200), st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_garbage_is_refused_and_nothing_else(raw, headers):
    for told in (headers, signed(raw)):
        try:
            READER.read(told, raw, [SECRET], NOW)
        except BadSignature:
            continue


OURS = new_id()


@pytest.mark.parametrize(
    ("told", "about", "refs", "ours"),
    [
        (event(), "payment", ("PM1",), None),
        (event(ours={"payment_id": str(OURS)}), "payment", ("PM1",), OURS),
        (event(ours={"payment_id": "no id"}), "payment", ("PM1",), None),
        (event("refunds", links={"refund": "RF1"}, ours={"payment_id": str(OURS)}), "payment", ("RF1",), OURS),
        (event("billing_requests", links={"billing_request": "BRQ1"}), "other", (), None),
        (event("billing_requests", links={"billing_request": "BRQ1"}, ours={"payment_id": str(OURS)}),
         "payment", ("BRQ1",), OURS),
        (event("billing_requests", links={"billing_request": "BRQ1"}, ours={"set_up_id": str(OURS)}),
         "set_up", ("BRQ1",), OURS),
        (event("mandates", links={"mandate": "MD1"}), "mandate", ("MD1",), None),
        (event("payouts", links={"payout": "PO1"}), "payout", ("PO1",), None),
        (event("payouts", links={}), "other", (), None),
        (event("creditors", links={"creditor": "CR1"}), "other", (), None),
    ],
)  # fmt: skip
def test_events_say_what_they_are_about(told, about, refs, ours):
    seen = READER.event(json.dumps(told).encode())
    assert (seen.about, seen.refs, seen.payment_id) == (about, refs, ours)


# -- payouts -------------------------------------------------------------------------------------------------


def test_a_payout_is_the_sum_of_its_lines(gc):
    first, second = gc.payment(amount=10_001), gc.payment(amount=4_999)
    for each in (first, second):
        gc.control.confirm(each.id)
    made = gc.control.pay_out()
    gc.control.step(first.id, "charged_back")
    gc.control.confirm(gc.payment(amount=90_000).id)
    later = gc.control.pay_out()
    assert [each.ref for each in gc.adapter.payouts_since(NOW - timedelta(hours=1))] == [
        made["id"], later["id"],
    ]  # fmt: skip
    for told, kinds in ((made, {"payment", "fee"}), (later, {"payment", "fee", "charged_back"})):
        seen = gc.adapter.payout(told["id"])
        total = sum(Decimal(line.gross_minor) - Decimal(line.fee_minor) for line in seen.lines)
        assert total == seen.amount_minor == told["amount"]
        assert {line.kind for line in seen.lines} == kinds and seen.complete and seen.state == "paid"
        assert len({line.ref for line in seen.lines}) == len(seen.lines)
        assert all(line.payment_ref for line in seen.lines) and seen.statement_text == told["reference"]


def payout(**more):
    return {
        "id": "PO1",
        "status": "paid",
        "amount": 1,
        "currency": "EUR",
        "arrival_date": "2026-11-23",
    } | more


def test_an_item_of_a_kind_we_do_not_know_is_kept_with_its_name():
    item = {"type": "loyalty_bonus", "amount": "-0.25", "links": {}}
    (line,) = payout_seen(payout(), [item]).lines
    assert (line.kind, line.label, line.gross_minor, line.fee_minor) == (
        "other", "loyalty bonus", "-0.25", "0",
    )  # fmt: skip
    with pytest.raises(Unclear, match="lost"):
        payout_seen(payout(status="lost"))


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=4))
def test_amounts_of_items_are_exact(amount):
    assert exact_minor(f"{amount:f}") == amount
    item = {"type": "gocardless_fee", "amount": f"{amount:f}", "links": {}}
    (line,) = payout_seen(payout(), [item]).lines
    assert Decimal(line.gross_minor) - Decimal(line.fee_minor) == amount
    assert "E" not in line.fee_minor and not line.fee_minor.startswith("-0.0000")


@pytest.mark.parametrize("text", ["", "NaN", "1e3", "1,5", "Infinity", "٣", None, "1" * 16, "1."])
def test_amounts_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="decimal"):
        exact_minor(text)


# -- a payment's money, whatever its events ------------------------------------------------------------------

ACTIONS = (
    "created submitted confirmed paid_out failed charged_back chargeback_cancelled resubmission_requested"
    " late_failure_settled chargeback_settled cancelled something_new"
).split()


def happened(actions):
    return [
        {
            "id": f"EV{n}",
            "action": action,
            "created_at": (NOW + timedelta(seconds=n)).isoformat(),
            "details": None,
        }
        for n, action in enumerate(actions)
    ]


def payment(status="submitted", **more):
    return {
        "id": "PM1", "status": status, "amount": 700, "currency": "EUR", "charge_date": "2026-11-23",
        "scheme": "sepa_core", "metadata": {},
    } | more  # fmt: skip


@given(st.lists(st.sampled_from(ACTIONS), max_size=20), st.sampled_from([*PAYMENTS, "something_new"]))
def test_money_never_goes_before_it_came_and_every_movement_is_one(actions, status):
    facts = reading.money_of(payment(status), happened(actions))
    assert len({(fact.kind, fact.ref) for fact in facts}) == len(facts)
    for upto in range(len(facts) + 1):
        kept = totals((fact.kind, fact.amount_minor) for fact in facts[:upto]).kept
        assert kept in (0, 700)


@given(st.lists(st.sampled_from(ACTIONS), max_size=20), st.integers(0, 20))
def test_what_was_told_is_never_told_otherwise_later(actions, cut):
    early = reading.money_of(payment("submitted"), happened(actions[:cut]))
    assert reading.money_of(payment("submitted"), happened(actions))[: len(early)] == early


@given(st.sampled_from([*PAYMENTS, "something_new"]), st.lists(st.sampled_from(ACTIONS), max_size=8))
def test_an_unknown_status_is_no_phase(status, actions):
    seen = reading.payment_seen(payment(status), happened(actions))
    assert (seen.phase is None) == (status not in PAYMENTS) and seen.raw_status == status
    assert seen.decline is None or seen.phase in (Phase.FAILED, Phase.CANCELLED)


def test_money_whose_events_are_gone_is_still_money():
    (fact,) = reading.money_of(payment("paid_out"), [])
    assert (fact.kind, fact.ref, fact.occurred_at.date().isoformat()) == (
        FactKind.RECEIVED, "PM1", "2026-11-23",
    )  # fmt: skip


def test_a_refund_in_a_state_we_do_not_know_is_for_a_person():
    refund = {"id": "RF1", "status": "adrift", "amount": 5, "currency": "EUR", "created_at": NOW.isoformat()}
    seen = reading.payment_seen(payment("confirmed"), happened(["confirmed"]), [(refund, [])])
    assert seen.phase is None and seen.raw_status == "refund: adrift" and seen.refunds == ()


def test_what_cannot_be_read_is_unclear(gc):
    told = SetUp(str(new_id()), new_id(), Method.DEBIT_CORE, Payer(new_id(), "X", None, "FR"), "x", "x", "fr")
    seen = {"id": "BRQ1", "status": "adrift", "metadata": {}}
    with pytest.raises(Unclear, match="adrift"):
        reading.set_up_seen(seen)
    with pytest.raises(Unclear, match="adrift"):
        reading.mandate_seen({"id": "MD1", "status": "adrift"})
    gc.control.fault("bad_gateway_before_commit", times=3, path="/billing_requests")
    with pytest.raises(Unclear):
        gc.adapter.set_up(told)
