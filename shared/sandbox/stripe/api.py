"""The API's door: keys, version, parameters, idempotency, faults; then the verb, and its answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET

from flask import Request, Response, request

from shared.sandbox.stripe.accepted import VERSION, accepted
from shared.sandbox.stripe.account import Account, as_text, shown
from shared.sandbox.stripe.expansion import expanded
from shared.sandbox.stripe.faults import Fault, Faults
from shared.sandbox.stripe.form import nested
from shared.sandbox.stripe.refusals import Json, Refused
from shared.sandbox.stripe.routes import Route

_BROKEN: Json = {
    "error": {"type": "api_error", "message": "An unknown error occurred. Contact support (sandbox fault)."}
}
# What a page may see of an intent with its client secret alone.
_PUBLIC = (
    "id object amount currency status client_secret next_action last_payment_error last_setup_error payment_method "
    "payment_method_types livemode created capture_method description canceled_at cancellation_reason usage "
    "setup_future_usage receipt_email processing"
).split()


@dataclass
class Answer:
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


class Api:
    """Answers API requests over one account."""

    def __init__(self, account: Account, faults: Faults) -> None:
        self._account = account
        self._faults = faults
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, route: Route, ids: tuple[str, ...]) -> Response:
        """The answer to the current request, or none at all when its connection is to break."""
        fault = self._faults.take(request.method, request.path)
        request_id = f"req_{secrets.token_hex(7)}"
        answer = self._before(fault) or self._keyed(route, ids, fault, request_id)
        if fault and fault.kind == "reset_after":
            _break(request)
        if fault and fault.kind == "error_after":
            answer = Answer(500, as_text(_BROKEN), {"Stripe-Should-Retry": "true"})
        headers = {"Request-Id": request_id, "Stripe-Version": VERSION, **answer.headers}
        if key := request.headers.get("Idempotency-Key"):
            headers["Idempotency-Key"] = key
        return Response(answer.body, answer.status, headers, mimetype="application/json")

    def _before(self, fault: Fault | None) -> Answer | None:
        kind = fault.kind if fault else ""
        if kind == "reset_before":
            _break(request)
        if kind in ("error_before", "reset_before"):
            return Answer(500, as_text(_BROKEN), {"Stripe-Should-Retry": "true"})
        if kind == "rate_limit":
            return _refusal(Refused("Too many requests hit the API too quickly.", "rate_limit", status=429))
        if kind == "conflict":
            return _refusal(_in_use())
        return None

    def _keyed(self, route: Route, ids: tuple[str, ...], fault: Fault | None, request_id: str) -> Answer:
        """Once per idempotency key."""
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        try:
            public = _authorise(route)
            if key is None:
                return self._run(route, ids, public, None, fault, request_id)
            with self._alone(key):
                return self._run(route, ids, public, key, fault, request_id)
        except Refused as refused:
            return _refusal(refused)

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        with self._lock:
            if key in self._in_flight:
                raise _in_use()
            self._in_flight.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight.discard(key)

    def _run(
        self,
        route: Route,
        ids: tuple[str, ...],
        public: str | None,
        key: str | None,
        fault: Fault | None,
        request_id: str,
    ) -> Answer:
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        asked = _fingerprint()
        store = self._account.store
        with store.writing():
            if key and (known := store.answer(key)):
                return _replay(known, asked)
            self._account.request = {"id": request_id, "idempotency_key": key}
            try:
                answer = Answer(200, as_text(self._do(route, ids, public)))
                keep = True
            except Refused as refused:
                answer, keep = _refusal(refused), refused.started
                if refused.status != 402:
                    store.undo()
            if fault and fault.kind == "error_stored":
                answer, keep = Answer(500, as_text(_BROKEN), {"Stripe-Should-Retry": "false"}), True
            if key and keep:
                store.keep_answer(key, asked, answer.status, answer.body)
            return answer

    def _do(self, route: Route, ids: tuple[str, ...], public: str | None) -> Json:
        given = nested([*request.args.items(multi=True), *request.form.items(multi=True)])
        card: Json = {}
        if public is not None:
            card = _browsers_own(given)
        params = accepted(route.params, given)
        if card:
            params["payment_method_data"]["card"] = card
        paths = params.pop("expand", None) or []
        if public is not None:
            self._check_secret(ids[0], public)
        answer = expanded(self._account, shown(route.verb(self._account, params, *ids)), paths)
        return {name: answer[name] for name in _PUBLIC if name in answer} if public is not None else answer

    def _check_secret(self, intent_id: str, secret: str) -> None:
        kind = "setup_intent" if intent_id.startswith("seti_") else "payment_intent"
        intent = self._account.find(kind, intent_id, "intent")
        if not hmac.compare_digest(str(intent["client_secret"]), secret):
            raise Refused(
                "The client_secret provided does not match the client_secret associated with this object.",
                f"{kind}_invalid_parameter",
                "client_secret",
            )


def _browsers_own(given: Json) -> Json:
    """Take out what only Stripe.js may send, and answer the card it sent."""
    for name in ("key", "client_secret", "_stripe_version"):
        given.pop(name, None)
    data = given.get("payment_method_data")
    return data.pop("card", {}) if isinstance(data, dict) else {}


def _authorise(route: Route) -> str | None:
    """None for a secret key; for a publishable key, the client secret that must come with it."""
    sent = request.authorization
    key = (sent.token or sent.username or "") if sent else request.values.get("key", "")
    if not key:
        raise Refused(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    version = request.headers.get("Stripe-Version") or request.values.get("_stripe_version")
    if version != VERSION:
        raise Refused(f"Invalid Stripe API version: {version}", "invalid_api_version")
    if re.fullmatch(r"pk_test_\w+", key) and route.public:
        return str(request.values.get("client_secret", ""))
    if not re.fullmatch(r"[sr]k_test_\w+", key):
        told = f"{key[:8]}{'*' * 12}{key[-4:]}" if len(key) > 12 else "***"
        raise Refused(f"Invalid API Key provided: {told}", status=401)
    return None


def _fingerprint() -> str:
    told = [request.path, sorted(request.form.items(multi=True))]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _replay(known: tuple[str, int, str], asked: str) -> Answer:
    if known[0] != asked:
        raise Refused(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            "Try using a key other than the one used before if you meant to execute a different request.",
            kind="idempotency_error",
        )
    headers = {"Idempotent-Replayed": "true"}
    if known[1] >= 500:
        headers["Stripe-Should-Retry"] = "false"
    return Answer(known[1], known[2], headers)


def _in_use() -> Refused:
    return Refused(
        "There is currently another in-progress request using this Idempotency Key.",
        "idempotency_key_in_use",
        status=409,
        kind="idempotency_error",
    )


def _refusal(refused: Refused) -> Answer:
    return Answer(
        refused.status,
        as_text(refused.body),
        {"Stripe-Should-Retry": "true"} if refused.status == 409 else {},
    )


def _break(broken: Request) -> None:
    """Close the connection with nothing said."""
    sock = broken.environ["werkzeug.socket"]
    sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    sock.shutdown(SHUT_RDWR)
