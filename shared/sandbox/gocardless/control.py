"""`/_control`: what no API offers. Faults, held webhooks, a payout now, a bank's late news, time that passes.

Answers are JSON; a request that cannot be carried out is refused like the API's own, and changes nothing.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from shared.sandbox.gocardless import agenda, dues, scenarios
from shared.sandbox.gocardless.courier import Courier
from shared.sandbox.gocardless.refusals import Refusal, misuse, not_found
from shared.sandbox.gocardless.store import Store, Thing, shown
from shared.sandbox.gocardless.wire import Fault, Faults

_ALL = 1_000_000


def make_control(store: Store, courier: Courier, faults: Faults) -> Blueprint:
    """The control routes over one store."""
    control = Blueprint("control", __name__, url_prefix="/_control")
    _refuse_plainly(control)
    _add_world(control, store, courier)
    _add_webhooks(control, store, courier)

    @control.post("/settings")
    def settings() -> ResponseReturnValue:
        store.change(**_given())
        return jsonify({})

    @control.post("/faults")
    def plan() -> ResponseReturnValue:
        faults.plan(Fault(**_given()))
        return jsonify({})

    @control.delete("/faults")
    def clear() -> ResponseReturnValue:
        faults.clear()
        return jsonify({})

    return control


def _refuse_plainly(control: Blueprint) -> None:
    @control.errorhandler(Refusal)
    def refuse(refusal: Refusal) -> ResponseReturnValue:
        return jsonify(refusal.body("control")), refusal.code

    @control.errorhandler(TypeError)
    @control.errorhandler(ValueError)
    def misread(error: Exception) -> ResponseReturnValue:
        return refuse(misuse(400, "bad_request", str(error)))


def _add_world(control: Blueprint, store: Store, courier: Courier) -> None:
    """Time, banks and the payout run."""

    @control.post("/settle")
    def settle() -> ResponseReturnValue:
        courier.settle()
        return jsonify({})

    @control.post("/advance")
    def advance() -> ResponseReturnValue:
        agenda.advance(store, scenarios.act, timedelta(**_given()))
        courier.settle()
        return jsonify({"now": store.now().isoformat()})

    @control.post("/payouts")
    def pay_out() -> ResponseReturnValue:
        with store.transaction():
            return jsonify(shown(dues.pay_out(store, **_given())))

    @control.post("/steps")
    def step() -> ResponseReturnValue:
        given = _given()
        with store.transaction():
            thing = _find(store, str(given["resource"]))
            scenarios.act(store, thing, given["action"], given.get("reason_code"))
            return jsonify(shown(_find(store, thing["id"])))


def _add_webhooks(control: Blueprint, store: Store, courier: Courier) -> None:
    """What is told, when, in which order and how often."""

    @control.get("/events/unsent")
    def unsent() -> ResponseReturnValue:
        return jsonify([shown(event) for event in _unsent(store)])

    @control.post("/events/release")
    def release() -> ResponseReturnValue:
        given = _given()
        batches = _batches(_chosen(store, given), store.settings().webhook_batch)
        times = range(given.get("times", 1))
        webhooks = [courier.post(batch) for batch in batches for _ in times]
        courier.settle()
        return jsonify([webhook["id"] for webhook in webhooks if webhook])

    @control.post("/events/drop")
    def drop() -> ResponseReturnValue:
        dropped = _chosen(store, _given())
        with store.transaction():
            for event in dropped:
                event.pop("_held", None)
                event.pop("_due_at", None)
                store.put(event)
        return jsonify([event["id"] for event in dropped])


def _given() -> dict[str, Any]:
    given = request.get_json(silent=True)
    return given if isinstance(given, dict) else {}


def _find(store: Store, thing_id: str) -> Thing:
    thing = store.find(scenarios.kind_of(thing_id), thing_id)
    if thing is None:
        raise not_found()
    return thing


def _unsent(store: Store) -> list[Thing]:
    """Events that are held or late, oldest first."""
    held = store.all("events", _held=1)
    late = store.due("events", _ALL, store.now() + timedelta(days=365))
    return sorted((*held, *late), key=lambda event: str(event["created_at"]))


def _chosen(store: Store, given: dict[str, Any]) -> list[Thing]:
    """The events named, sent already or not; or all unsent ones, in the order asked for."""
    if "events" in given:
        return [_find(store, event_id) for event_id in given["events"]]
    unsent = _unsent(store)
    order = given.get("order", "created")
    if order == "reversed":
        unsent.reverse()
    elif order == "shuffled":
        random.Random(given.get("seed", 1)).shuffle(unsent)  # noqa: S311 - repeatable, not secret
    elif order != "created":
        raise ValueError(f"{order}: created, reversed or shuffled was expected")
    return unsent


def _batches(events: list[Thing], size: int) -> list[list[Thing]]:
    return [events[start : start + size] for start in range(0, len(events), size)]
