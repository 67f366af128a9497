"""The API over HTTP: versions and tokens, envelopes, lists and cursors, idempotency, and one table of what exists."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from shared import clock
from shared.sandbox.gocardless import (
    billing_requests,
    courier,
    documents,
    flows,
    mandates,
    payments,
    people,
    refunds,
    scenarios,
)
from shared.sandbox.gocardless.lists import read_list
from shared.sandbox.gocardless.names import ACTION, CREATE, FILTERS, UPDATE, accept
from shared.sandbox.gocardless.refusals import Refusal, misuse, not_found, wrong_state
from shared.sandbox.gocardless.store import Store, Thing, shown

VERSION = "2015-07-06"

Create = Callable[[Store, dict[str, Any]], Thing]
Act = Callable[[Store, Thing, dict[str, Any]], Thing]

# These answer an idempotency key that was used before with 409; the others have no such promise.
_IDEMPOTENT: dict[str, Create] = {
    "customers": people.create_customer,
    "customer_bank_accounts": people.create_account,
    "mandates": mandates.create,
    "payments": payments.create,
    "refunds": refunds.create,
    "billing_requests": billing_requests.create,
}
_ACTIONS: dict[tuple[str, str], Act] = {
    ("customer_bank_accounts", "disable"): people.disable_account,
    ("mandates", "cancel"): mandates.cancel,
    ("mandates", "reinstate"): mandates.reinstate,
    ("payments", "cancel"): payments.cancel,
    ("payments", "retry"): payments.retry,
    ("webhooks", "retry"): courier.retry,
    ("billing_request_flows", "initialise"): flows.initialise,
    ("billing_requests", "collect_customer_details"): billing_requests.collect_customer_details,
    ("billing_requests", "collect_bank_account"): billing_requests.collect_bank_account,
    ("billing_requests", "confirm_payer_details"): billing_requests.confirm_payer_details,
    ("billing_requests", "select_institution"): billing_requests.select_institution,
    ("billing_requests", "choose_currency"): billing_requests.choose_currency,
    ("billing_requests", "fulfil"): billing_requests.fulfil,
    ("billing_requests", "cancel"): billing_requests.cancel,
    ("billing_requests", "fallback"): billing_requests.fallback,
    ("billing_requests", "notify"): billing_requests.notify,
}


class RateLimit:
    """A thousand requests a minute, or what the settings say."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._ends = clock.now()
        self._used = 0

    def use(self) -> tuple[int, int, str]:
        """Limit, what is left of it (negative: too much), and when it starts anew."""
        limit = self._store.settings().rate_limit
        with self._lock:
            if clock.now() >= self._ends:
                self._ends, self._used = clock.now() + timedelta(minutes=1), 0
            self._used += 1
            return limit, limit - self._used, format_datetime(self._ends, usegmt=True)


def make_api(store: Store, access_token: str) -> Blueprint:
    """The routes over one store. `access_token` is the only one accepted."""
    api = Blueprint("api", __name__)
    _guard(api, RateLimit(store), access_token)
    _add_things(api, store)
    _add_deeds(api, store)
    return api


def _guard(api: Blueprint, limit: RateLimit, access_token: str) -> None:
    """What every request must bring, and every answer carries."""

    @api.before_request
    def admit() -> None:
        request.environ["gc.request_id"] = secrets.token_hex(8)
        request.environ["gc.rate"] = rate = limit.use()
        _check_headers(access_token)
        if rate[1] < 0:
            raise misuse(429, "rate_limit_exceeded", "Rate limit exceeded")

    @api.after_request
    def label(answer: Response) -> Response:
        total, left, ends = request.environ["gc.rate"]
        answer.headers["RateLimit-Limit"] = str(total)
        answer.headers["RateLimit-Remaining"] = str(max(0, left))
        answer.headers["RateLimit-Reset"] = ends
        answer.headers["X-Request-Id"] = request.environ["gc.request_id"]
        return answer

    @api.errorhandler(Refusal)
    def refuse(refusal: Refusal) -> ResponseReturnValue:
        return jsonify(refusal.body(request.environ["gc.request_id"])), refusal.code


def _add_things(api: Blueprint, store: Store) -> None:
    """Make, list, read, change and remove."""

    @api.post("/<kind>")
    def create(kind: str) -> ResponseReturnValue:
        if kind not in CREATE:
            raise _no_path()
        params = accept(CREATE[kind], _body(kind), f"/{kind}")
        with store.transaction():
            return jsonify({kind: _rendered(store, kind, _create(store, kind, params))}), 201

    @api.get("/<kind>")
    def read_all(kind: str) -> ResponseReturnValue:
        if kind == "institutions":
            return jsonify(documents.institutions(request.args.to_dict()))
        if kind not in FILTERS:
            raise _no_path()
        things, meta = read_list(store, kind, request.args)
        return jsonify({kind: [_rendered(store, kind, thing) for thing in things], "meta": meta})

    @api.get("/<kind>/<thing_id>")
    def read(kind: str, thing_id: str) -> ResponseReturnValue:
        return jsonify({kind: _rendered(store, kind, _find(store, kind, thing_id))})

    @api.put("/<kind>/<thing_id>")
    def update(kind: str, thing_id: str) -> ResponseReturnValue:
        if kind not in UPDATE:
            raise _no_path()
        with store.transaction():
            thing = _find(store, kind, thing_id)
            thing |= accept(UPDATE[kind], _body(kind), f"/{kind}")
            store.put(thing)
        return jsonify({kind: _rendered(store, kind, thing)})

    @api.delete("/customers/<thing_id>")
    def remove(thing_id: str) -> ResponseReturnValue:
        with store.transaction():
            people.remove_customer(store, _find(store, "customers", thing_id))
        return "", 204


def _add_deeds(api: Blueprint, store: Store) -> None:
    """Actions, and what hangs below one thing."""

    @api.get("/billing_requests/<thing_id>/institutions")
    def institutions(thing_id: str) -> ResponseReturnValue:
        _find(store, "billing_requests", thing_id)
        return jsonify(documents.institutions(request.args.to_dict(), of_request=True))

    @api.post("/<kind>/<thing_id>/actions/<action>")
    def act(kind: str, thing_id: str, action: str) -> ResponseReturnValue:
        if (kind, action) not in ACTION:
            raise _no_path()
        data = accept(ACTION[kind, action], _body("data", optional=True), "/data")
        with store.transaction():
            if kind == "scenario_simulators":
                return jsonify({kind: scenarios.run(store, thing_id, data)})
            thing = _ACTIONS[kind, action](store, _find(store, kind, thing_id), data)
            return jsonify({kind: _rendered(store, kind, thing)})


def _check_headers(access_token: str) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        raise misuse(401, "missing_authorization_header", "No authorization header was sent")
    if scheme != "Bearer" or not token:
        raise misuse(401, "invalid_authorization_header", "The authorization header should be a Bearer token")
    if not secrets.compare_digest(token.encode(), access_token.encode()):
        raise misuse(401, "access_token_not_found", "The access token is not a valid sandbox access token")
    version = request.headers.get("GoCardless-Version")
    if not version:
        raise misuse(400, "missing_version_header", "A GoCardless-Version header is required")
    if version != VERSION:
        raise misuse(400, "version_not_found", f"Version {version} was not found: {VERSION} was expected")
    if request.content_length and request.mimetype != "application/json":
        raise misuse(415, "invalid_content_type", "The content type should be application/json")


def _body(envelope: str, *, optional: bool = False) -> Any:
    """What is inside the envelope; the SDK sends `null` for an action without parameters."""
    given = request.get_json(silent=True)
    if given is None and optional:
        return {}
    if not isinstance(given, dict) or set(given) - {envelope} or (envelope not in given and not optional):
        raise misuse(400, "invalid_document_structure", f"The body should be an object with {envelope}")
    return given.get(envelope) or {}


def _create(store: Store, kind: str, params: dict[str, Any]) -> Thing:
    if kind == "billing_request_flows":
        return flows.create(store, params, request.host_url.rstrip("/"))
    if kind == "mandate_pdfs":
        return documents.create_mandate_pdf(
            store, params, request.host_url.rstrip("/"), request.headers.get("Accept-Language", "")
        )
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 128:
        raise misuse(400, "idempotency_key_too_long", "An idempotency key has at most 128 characters")
    if key and (made := store.made_with(kind, key)):
        raise _already_made(made)
    thing = _IDEMPOTENT[kind](store, params)
    if key:
        store.remember(kind, key, thing["id"])
    return thing


def _already_made(thing_id: str) -> Refusal:
    message = "A resource has already been created with this idempotency key"
    return wrong_state("idempotent_creation_conflict", message, 409, conflicting_resource_id=thing_id)


def _find(store: Store, kind: str, thing_id: str) -> Thing:
    readable = {*FILTERS, "billing_request_flows"} - {"payout_items"}
    if kind == "creditors":
        people.creditor(store)
    thing = store.find(kind, thing_id) if kind in readable else None
    if thing is None:
        raise not_found()
    return thing


def _rendered(store: Store, kind: str, thing: Thing) -> Thing:
    if kind == "billing_requests":
        thing = billing_requests.render(store, thing)
        thing["resources"]["customer"] = shown(thing["resources"]["customer"])
    told = shown(thing)
    if kind in ("payout_items", "mandate_pdfs"):
        told = {name: value for name, value in told.items() if name not in ("id", "created_at")}
    return told


def _no_path() -> Refusal:
    return misuse(404, "path_not_found", "The path was not found")
