"""Stripe's webhooks: what is proven, what is refused, and what each event points at."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe import WebhookSignature

from shared import clock
from shared.ids import new_id
from shared.rails.providers.protocols import BadSignature
from shared.rails.providers.stripe_webhooks import SUBSCRIBED, Webhooks, event_ref

SECRET, PREVIOUS = "whsec_now", "whsec_before"
OURS = new_id()


def told(kind, **thing):
    body = {"id": "evt_1", "object": "event", "type": kind, "data": {"object": thing}}
    return json.dumps(body).encode()


EVENT = told("payment_intent.succeeded", id="pi_1", metadata={"payment_id": str(OURS)})


def header(raw=EVENT, secret=SECRET, late=0):
    at = int((clock.now() - timedelta(seconds=late)).timestamp())
    return WebhookSignature.generate_signature_header(raw.decode("latin-1"), secret, at)


def read(raw, signature, secrets=(SECRET, PREVIOUS)):
    return Webhooks().read({"stripe-signature": signature}, raw, secrets, clock.now())


@pytest.mark.parametrize("secret", [SECRET, PREVIOUS])
@pytest.mark.parametrize("late", [0, 299, -299])
def test_takes_what_is_signed_with_either_secret(secret, late):
    ((event, raw),) = read(EVENT, header(secret=secret, late=late))
    assert (event.about, event.refs, event.payment_id, raw) == ("payment", ("pi_1",), OURS, EVENT)


REFUSED = {
    "too old": lambda: (EVENT, header(late=302)),
    "from the future": lambda: (EVENT, header(late=-302)),
    "another secret": lambda: (EVENT, header(secret="whsec_other")),
    "no header": lambda: (EVENT, ""),
    "an empty header": lambda: (EVENT, "t=,v1="),
    "nonsense": lambda: (EVENT, "nonsense"),
    "no signature": lambda: (EVENT, header().split(",")[0]),
    "two times": lambda: (EVENT, f"t=1,{header()}"),
    "a second time after it": lambda: (EVENT, f"{header()},t=99999999999"),
    "a changed body": lambda: (EVENT + b" ", header()),
    "no event": lambda: (b"{}", header(b"{}")),
    "a list": lambda: (b"[1]", header(b"[1]")),
    "no JSON": lambda: (b"{", header(b"{")),
    "no UTF-8": lambda: (b"\xff\xfe", header(b"\xff\xfe")),
    "an id with a zero": lambda: (NUL, header(NUL)),
    "too deep": lambda: (b"[" * 100_000, header(b"[" * 100_000)),
    "too large": lambda: (b" " * ((1 << 20) + 1), header(b" " * ((1 << 20) + 1))),
}
NUL = b'{"id": "evt_\\u0000", "type": "payment_intent.succeeded"}'


@pytest.mark.parametrize("why", REFUSED)
def test_refuses_everything_else(why):
    raw, signature = REFUSED[why]()
    with pytest.raises(BadSignature):
        read(raw, signature)


def test_no_secret_takes_nothing():
    with pytest.raises(BadSignature):
        read(EVENT, header(secret=""), ())
    with pytest.raises(BadSignature):
        Webhooks().read({}, EVENT, (SECRET,), clock.now())


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_payload_is_an_event_or_refused(payload):
    try:
        event = Webhooks().event(payload)
    except BadSignature:
        return
    assert event.event_id and "\x00" not in "".join(event.refs)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    "id metadata payment_intent charge customer applied_to_payment mode payment_method".split()
)


@given(st.sampled_from(SUBSCRIBED), st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_object_of_a_known_event_is_read_or_refused(kind, thing):
    payload = told(kind, **thing)
    try:
        event = Webhooks().event(payload)
    except BadSignature:
        return
    assert event.about == "other" or event.refs
    assert all(isinstance(ref, str) and "\x00" not in ref for ref in event.refs)


@pytest.mark.parametrize(
    ("kind", "thing", "about", "refs"),
    [
        ("charge.succeeded", {"id": "ch_1", "payment_intent": "pi_1"}, "payment", ("pi_1", "ch_1")),
        ("charge.dispute.created", {"id": "dp_1", "charge": "ch_1"}, "payment", ("ch_1", "dp_1")),
        ("refund.failed", {"id": "re_1", "payment_intent": "pi_1"}, "payment", ("pi_1", "re_1")),
        ("checkout.session.completed", {"id": "cs_1", "mode": "payment"}, "payment", ("cs_1",)),
        ("checkout.session.completed", {"id": "cs_1", "mode": "setup"}, "set_up", ("cs_1",)),
        ("setup_intent.succeeded", {"id": "seti_1"}, "set_up", ("seti_1",)),
        ("mandate.updated", {"id": "mandate_1", "payment_method": "pm_1"}, "mandate", ("mandate_1", "pm_1")),
        ("cash_balance.funds_available", {"customer": "cus_1"}, "payer", ("cus_1",)),
        ("customer_cash_balance_transaction.created", {"customer": "cus_1"}, "payer", ("cus_1",)),
        (
            "customer_cash_balance_transaction.created",
            {"customer": "cus_1", "applied_to_payment": {"payment_intent": "pi_1"}},
            "payment",
            ("pi_1",),
        ),
        ("payout.paid", {"id": "po_1"}, "payout", ("po_1",)),
        ("radar.early_fraud_warning.created", {"id": "issfr_1", "charge": "ch_1"}, "payment", ("ch_1",)),
        ("payment_method.attached", {"id": "pm_1"}, "other", ()),
        ("invoice.paid", {"id": "in_1"}, "other", ()),
    ],
)
def test_what_events_point_at(kind, thing, about, refs):
    event = Webhooks().event(told(kind, **thing))
    assert (event.about, event.refs) == (about, refs)


def test_a_set_up_is_known_by_our_id():
    thing = {"id": "seti_1", "metadata": {"set_up_id": str(OURS)}}
    event = event_ref(json.loads(told("setup_intent.succeeded", **thing)))
    assert event.payment_id == OURS
