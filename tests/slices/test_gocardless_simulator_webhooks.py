"""The GoCardless simulator's webhooks: signed, batched, tried again; late, twice, in any order, or never."""

import json

import pytest
from gocardless_pro import webhooks
from gocardless_pro.errors import InvalidSignatureError

from tests.make.gocardless import SECRET, ear, world


@pytest.fixture
def heard():
    with ear() as found:
        yield found


@pytest.fixture
def gc(heard):
    with world() as served:
        served.control.settings(retry_seconds=[0.02, 0.04, 0.08, 0.1, 0.1, 0.1, 0.1, 0.1])
        served.control.receiver(heard.url, SECRET)
        yield served


def parsed(heard):
    return [
        webhooks.parse_with_meta(body, SECRET, headers["Webhook-Signature"]) for headers, body in heard.heard
    ]


def told(heard):
    return [event.id for webhook in parsed(heard) for event in webhook.events]


def waited(gc, count, heard):
    """Until so many webhooks were heard: retries wait for real time."""
    for _ in range(500):
        gc.control.settle()
        if len(heard.heard) >= count:
            return
    raise AssertionError(f"{len(heard.heard)} webhooks")


def test_is_signed_over_its_exact_bytes_and_parsed_by_the_sdk(gc, heard):
    payment = gc.payment(metadata={"payment": "é"})
    gc.control.settle()
    events = [event for webhook in parsed(heard) for event in webhook.events]
    event = next(each for each in events if each.resource_type == "payments")
    assert (event.action, event.links.payment) == ("created", payment.id)
    assert event.resource_metadata == {"payment": "é"} and event.attributes["organisation_id"]
    headers, body = heard.heard[0]
    assert headers["User-Agent"].startswith("gocardless-webhook-service/1.") and headers["Origin"]
    known = gc.client.webhooks.get(parsed(heard)[0].webhook_id)
    assert known.successful and known.response_code == 204 and known.request_body.encode() == body
    with pytest.raises(InvalidSignatureError):
        webhooks.parse_with_meta(body + b" ", SECRET, headers["Webhook-Signature"])


def test_batches_events_of_all_kinds(gc, heard):
    gc.control.settings(webhook_batch=1000)  # no more than GoCardless sends
    gc.control.hold()
    mandate = gc.mandate()
    for _ in range(260):
        gc.payment(mandate)
    gc.control.settings(webhooks="sent", webhook_batch=250)
    gc.control.release()
    assert [len(webhook.events) for webhook in parsed(heard)] == [250, 11]
    assert {event.resource_type for event in parsed(heard)[0].events} == {"mandates", "payments"}


@pytest.mark.parametrize("refusal", [498, 500, 302, 400])
def test_tries_the_same_bytes_again_until_they_are_taken(gc, heard, refusal):
    heard.answers = [refusal, refusal, refusal]
    gc.mandate()
    waited(gc, 4, heard)
    assert len({body for _, body in heard.heard}) == 1
    (known,) = gc.client.webhooks.list().records
    assert known.successful and known.response_code == 204


def test_gives_up_after_eight_retries_until_asked(gc, heard):
    heard.answers = [500] * 9
    gc.mandate()
    waited(gc, 9, heard)
    gc.control.advance(days=30)
    assert len(heard.heard) == 9
    (known,) = gc.client.webhooks.list(params={"successful": "false"}).records
    gc.client.webhooks.retry(known.id)
    gc.control.settle()
    assert len(heard.heard) == 10 and gc.client.webhooks.get(known.id).successful


def test_a_receiver_that_is_away_is_a_failure(gc):
    gc.control.settings(webhook_url="http://127.0.0.1:9/away", retry_seconds=[3600])
    gc.mandate()
    gc.control.settle()
    (known,) = gc.client.webhooks.list().records
    assert not known.successful and known.response_code is None


def test_held_events_come_in_any_order_and_as_often_as_wanted(gc, heard):
    gc.control.hold()
    gc.payment()
    gc.control.settle()
    assert heard.heard == []
    ids = [event["id"] for event in gc.control.unsent()]
    assert len(ids) == 2
    gc.control.release(order="reversed", times=2)
    assert told(heard) == [*ids[::-1], *ids[::-1]] and gc.control.unsent() == []
    gc.control.release([ids[0]])
    assert told(heard)[-1] == ids[0] and len({webhook.webhook_id for webhook in parsed(heard)}) == 3


def test_dropped_events_can_still_be_asked_for(gc, heard):
    gc.control.hold()
    gc.mandate()
    (dropped,) = gc.control.drop()
    gc.control.settings(webhooks="dropped")
    gc.mandate()
    gc.control.release()
    assert heard.heard == []
    assert dropped in [event.id for event in gc.client.events.all()] and len(gc.actions()) == 2


def test_delayed_events_come_when_time_has_passed(gc, heard):
    gc.control.settings(webhook_delay_seconds=3600)
    gc.mandate()
    gc.control.settle()
    assert heard.heard == []
    gc.control.advance(hours=1)
    assert len(heard.heard) == 1


def test_control_refuses_what_it_does_not_know(gc):
    for wrong in (
        lambda: gc.control.settings(colour="red"),
        lambda: gc.control.fault("flood"),
        lambda: gc.control.step("PM1", "failed"),
        lambda: gc.control.step(gc.payment().id, "paid_out"),
        lambda: gc.control.step(gc.payment().id, "failed", "XX99"),
        lambda: gc.control.release(order="sideways"),
        lambda: gc.control.pay_out(),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_a_webhook_says_nothing_of_the_simulators_own(gc, heard):
    gc.payment()
    gc.control.settle()
    for _, body in heard.heard:
        for event in json.loads(body)["events"]:
            assert not [name for name in event if name.startswith("_")]
