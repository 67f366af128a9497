"""The Stripe simulator's protocol, asked by the unmodified SDK: keys, parameters, idempotency, faults, pages."""

from __future__ import annotations

import http.client
import json
import threading
from time import sleep
from urllib.parse import urlsplit

import pytest
import stripe

from shared.sandbox.stripe.accepted import _fields, _request
from shared.sandbox.stripe.routes import ROUTES
from tests.slices.stripe_sandbox import simulator, until


@pytest.fixture(scope="module")
def sim():
    with simulator() as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(sim):
    yield
    sim.control.no_faults()


def count(sim, kind="customers"):
    return len(list(getattr(sim.v1, kind).list({"limit": 100}).auto_paging_iter()))


@pytest.mark.parametrize("key", ["nonsense", "sk_live_abc", "pk_test_abc"])
def test_refuses_an_unknown_key(sim, key):
    with pytest.raises(stripe.AuthenticationError) as refused:
        sim.new_client(key).v1.customers.create({"name": "X"})
    assert refused.value.http_status == 401


def raw(sim, method, path, body="", **headers):
    connection = http.client.HTTPConnection(urlsplit(sim.url).netloc, timeout=10)
    connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded", **headers})
    answer = connection.getresponse()
    read = answer.status, json.loads(answer.read()), answer.headers
    connection.close()
    return read


def test_takes_basic_keys_and_needs_one(sim):
    version = {"Stripe-Version": "2026-10-28.endive"}
    status, body, _ = raw(sim, "GET", "/v1/customers", Authorization="Basic c2tfdGVzdF9hYmM6", **version)
    assert (status, body["object"]) == (200, "list")
    status, body, headers = raw(sim, "GET", "/v1/customers", **version)
    assert (
        status == 401 and "API key" in body["error"]["message"] and headers["Request-Id"].startswith("req_")
    )


def test_refuses_another_version(sim):
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version: 1999-01-01"):
        sim.new_client(stripe_version="1999-01-01").v1.customers.create({"name": "X"})


def test_an_unknown_address_is_404(sim):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.coupons.list()
    assert refused.value.http_status == 404
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.payment_intents.retrieve("pi_none")
    assert (refused.value.code, refused.value.http_status) == ("resource_missing", 404)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"colour": "red"}, "colour"),
        ({"automatic_payment_methods": {"enabled": True, "x": 1}}, "automatic_payment_methods[x]"),
        ({"payment_method_options": {"card": {"foo": "bar"}}}, "payment_method_options[card][foo]"),
        ({"payment_method_data": {"type": "card", "card": {"number": "4242"}}}, "payment_method_data[card]"),
    ],
)
def test_refuses_unknown_parameters_at_any_depth(sim, more, told):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.payment_intents.create({"amount": 100, "currency": "eur", **more})
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", told)
    assert refused.value.http_status == 400


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_routes_parameters_are_the_sdks(route):
    fields = _fields(_request(route.params))
    assert "api_key" not in fields and ("expand" in fields or route.method == "DELETE")


def test_payment_method_types_is_gone(sim):
    old = {"payment_method_types": ["card"]}
    intent = sim.v1.payment_intents.create({"amount": 100, "currency": "eur"}).id
    line = {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 1, "product_data": {"name": "x"}}}
    for ask in (
        lambda: sim.v1.payment_intents.create({"amount": 100, "currency": "eur", **old}),
        lambda: sim.v1.payment_intents.update(intent, old),
        lambda: sim.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa", **old}),
        lambda: sim.v1.setup_intents.create(old),
        lambda: sim.v1.checkout.sessions.create(
            {"mode": "payment", "success_url": "https://a.example", "line_items": [line], **old}
        ),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            ask()
        assert refused.value.code == "payment_method_types_no_longer_supported"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"currency": "eur"}, "parameter_missing"),
        ({"amount": 100}, "parameter_missing"),
        ({"amount": "10.5", "currency": "eur"}, "parameter_invalid_integer"),
        ({"amount": 0, "currency": "eur"}, "parameter_invalid_integer"),
        ({"amount": 100, "currency": "eur", "customer": "cus_none"}, "resource_missing"),
        ({"amount": 100, "currency": "eur", "off_session": True}, "parameter_invalid"),
    ],
)
def test_refuses_bad_values(sim, params, code):
    before = count(sim, "payment_intents")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.payment_intents.create(params)
    assert refused.value.code == code
    assert count(sim, "payment_intents") == before


def test_allowed_methods_are_filtered_without_a_word(sim):
    def types(currency, *allowed, **more):
        return sim.v1.payment_intents.create(
            {"amount": 100, "currency": currency, "allowed_payment_method_types": list(allowed), **more}
        ).payment_method_types

    assert types("eur", "card", "sepa_debit") == ["card", "sepa_debit"]
    assert types("usd", "card", "sepa_debit") == ["card"]
    assert types("eur", "card", "customer_balance") == ["card"]
    assert types("eur", "customer_balance", customer=sim.customer()) == ["customer_balance"]
    with pytest.raises(stripe.InvalidRequestError):
        types("usd", "sepa_debit")
    sim.control.enable_methods("card")
    try:
        assert types("eur", "card", "pay_by_bank") == ["card"]
    finally:
        sim.control.enable_methods("card", "sepa_debit", "customer_balance", "pay_by_bank")


def test_the_same_key_gives_the_same_answer(sim):
    key = {"idempotency_key": "once"}
    first = sim.v1.customers.create({"name": "Once"}, key)
    again = sim.v1.customers.create({"name": "Once"}, key)
    assert again.id == first.id
    assert "idempotent-replayed" not in {name.lower() for name in first.last_response.headers}
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert first.last_response.headers["Request-Id"] != again.last_response.headers["Request-Id"]
    with pytest.raises(stripe.IdempotencyError) as refused:
        sim.v1.customers.create({"name": "Twice"}, key)
    assert refused.value.http_status == 400


def test_a_refused_request_does_not_use_its_key_up(sim):
    key = {"idempotency_key": "second thoughts"}
    with pytest.raises(stripe.InvalidRequestError):
        sim.v1.customers.create({"name": "X", "hobby": "chess"}, key)
    assert sim.v1.customers.create({"name": "X"}, key).name == "X"


def test_a_decline_is_replayed(sim):
    told = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            sim.v1.payment_intents.create(
                {
                    "amount": 100,
                    "currency": "eur",
                    "confirm": True,
                    "payment_method": "pm_card_visa_chargeDeclined",
                    "return_url": "https://a.example",
                },
                {"idempotency_key": "declined"},
            )
        told.append(refused.value)
    assert told[0].error.payment_intent.id == told[1].error.payment_intent.id
    assert told[1].headers["Idempotent-Replayed"] == "true"


def test_a_key_in_flight_is_refused(sim):
    sim.control.fault("slow", "/v1/customers", seconds=1.0)
    key = {"idempotency_key": "in flight"}
    answers = []
    slow = threading.Thread(target=lambda: answers.append(sim.v1.customers.create({"name": "Slow"}, key)))
    slow.start()
    sleep(0.3)
    with pytest.raises(stripe.APIError) as refused:
        sim.new_client(retries=0).v1.customers.create({"name": "Slow"}, key)
    assert (refused.value.http_status, refused.value.error.code) == (409, "idempotency_key_in_use")
    assert refused.value.headers["Stripe-Should-Retry"] == "true"
    slow.join()
    assert sim.v1.customers.create({"name": "Slow"}, key).id == answers[0].id


@pytest.mark.parametrize("kind", ["error_after", "error_before", "reset_after", "reset_before", "conflict"])
def test_the_sdks_retry_makes_one_object(sim, kind):
    before = count(sim)
    sim.control.fault(kind, "/v1/customers")
    made = sim.v1.customers.create({"name": kind})
    assert made.name == kind
    assert count(sim) == before + 1


@pytest.mark.parametrize(
    ("kind", "error", "made"),
    [
        ("error_after", stripe.APIError, 1),
        ("error_before", stripe.APIError, 0),
        ("reset_after", stripe.APIConnectionError, 1),
        ("reset_before", stripe.APIConnectionError, 0),
        ("rate_limit", stripe.RateLimitError, 0),
    ],
)
def test_faults_without_retries(sim, kind, error, made):
    before = count(sim)
    sim.control.fault(kind, "/v1/customers")
    with pytest.raises(error):
        sim.new_client(retries=0).v1.customers.create({"name": "X"})
    assert count(sim) == before + made


def test_a_stored_500_stays_a_500(sim):
    before = count(sim)
    sim.control.fault("error_stored", "/v1/customers")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as refused:
            sim.v1.customers.create({"name": "X"}, {"idempotency_key": "stored 500"})
        assert refused.value.http_status == 500
    assert refused.value.headers["Idempotent-Replayed"] == "true"
    assert count(sim) == before + 1


def test_faults_run_out_and_keep_to_their_path(sim):
    sim.control.fault("rate_limit", "/v1/payment_intents", times=2)
    sim.v1.customers.create({"name": "X"})
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            sim.v1.payment_intents.create({"amount": 1, "currency": "eur"})
    assert sim.v1.payment_intents.create({"amount": 1, "currency": "eur"}).id


def test_lists_page_through_everything(sim):
    made = [
        sim.v1.customers.create({"name": str(number), "email": "pages@a.example"}).id for number in range(7)
    ]
    first = sim.v1.customers.list({"email": "pages@a.example", "limit": 3})
    assert first.has_more and [each.id for each in first.data] == made[:-4:-1]
    everything = [each.id for each in first.auto_paging_iter()]
    assert everything == made[::-1]
    last = sim.v1.customers.list({"email": "pages@a.example", "limit": 3, "starting_after": made[3]})
    assert not last.has_more and [each.id for each in last.data] == made[2::-1]
    back = sim.v1.customers.list({"email": "pages@a.example", "limit": 2, "ending_before": made[3]})
    assert [each.id for each in back.data] == [made[5], made[4]]
    with pytest.raises(stripe.InvalidRequestError):
        sim.v1.customers.list({"limit": 101})


def test_filters_by_creation(sim):
    made = sim.v1.customers.create({"name": "X"})
    assert sim.v1.events.list({"created": {"gte": made.created}}).data
    assert not sim.v1.events.list({"created": {"gt": made.created + 1000}}).data


def test_metadata_is_merged_and_unset(sim):
    customer = sim.v1.customers.create({"metadata": {"a": "1", "b": "2"}}).id
    changed = sim.v1.customers.update(customer, {"metadata": {"b": "", "c": "3"}})
    assert changed.metadata.to_dict() == {"a": "1", "c": "3"}


def test_state_outlives_the_process(tmp_path):
    path = tmp_path / "stripe.sqlite"
    with simulator(path=path) as before:
        customer = before.v1.customers.create({"name": "Kept"}, {"idempotency_key": "kept"}).id
        until(lambda: before.told() == ["customer.created"])
    with simulator(path=path) as after:
        assert after.v1.customers.retrieve(customer).name == "Kept"
        assert after.v1.customers.create({"name": "Kept"}, {"idempotency_key": "kept"}).id == customer


def test_many_threads_make_as_many_objects(sim):
    before = count(sim)
    keys = [f"thread {number % 10}" for number in range(40)]
    made = []

    def ask(key):
        made.append(sim.new_client(retries=8).v1.customers.create({"name": "T"}, {"idempotency_key": key}).id)

    threads = [threading.Thread(target=ask, args=(key,)) for key in keys]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(made) == 40 and len(set(made)) == 10 and count(sim) == before + 10


def test_shows_nothing_of_its_own(sim):
    for told in (sim.card(), sim.debit(), sim.v1.customers.retrieve(sim.customer())):
        assert not [name for name in told.to_dict() if name.startswith("_")]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sim.v1.payment_intents.confirm(sim.card().id)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert not [name for name in refused.value.json_body["error"]["payment_intent"] if name[0] == "_"]


@pytest.mark.parametrize("currency", ["jpy", "bhd"])
def test_amounts_are_plain_minor_units(sim, currency):
    paid = sim.card(5001, currency=currency, expand=["latest_charge.balance_transaction"])
    booked = paid.latest_charge.balance_transaction
    assert (paid.amount_received, booked.amount, booked.currency) == (5001, 5001, currency)
    assert booked.net == 5001 - booked.fee
