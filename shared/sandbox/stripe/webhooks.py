"""Webhook endpoints and deliveries: signed, tried again until the endpoint answers 2xx."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import secrets
import threading
from urllib.parse import urlsplit

from shared import clock
from shared.sandbox.stripe.account import Account, as_text, shown
from shared.sandbox.stripe.customers import merged
from shared.sandbox.stripe.refusals import Json, Refused

_TIMEOUT = 10
_ATTEMPTS = 16
_LONGEST_WAIT = 3_600.0


def create(account: Account, params: Json) -> Json:
    """A new endpoint; only this answer tells its secret."""
    endpoint = _new(account, params["url"], params["enabled_events"], f"whsec_{secrets.token_hex(16)}")
    account.save(
        endpoint, metadata=params.get("metadata") or {}, api_version=params.get("api_version") or None
    )
    return {**endpoint, "secret": endpoint["_secret"]}


def _new(account: Account, url: str, events: list[str], secret: str) -> Json:
    if urlsplit(url).scheme not in ("http", "https"):
        raise Refused(
            "Invalid URL: An explicit scheme (such as https) must be provided.", "url_invalid", "url"
        )
    return account.new(
        "webhook_endpoint",
        "we",
        api_version=None,
        application=None,
        description=None,
        enabled_events=events,
        metadata={},
        status="enabled",
        url=url,
        _secret=secret,
    )


def ensure_endpoint(account: Account, url: str, secret: str) -> None:
    """All events go to `url`, signed with `secret`; said again, nothing changes."""
    with account.store.writing():
        for known in account.store.every("webhook_endpoint", url=url):
            account.save(known, _secret=secret)
            return
        _new(account, url, ["*"], secret)


def retrieve(account: Account, params: Json, endpoint_id: str) -> Json:
    return account.find("webhook_endpoint", endpoint_id, "webhook_endpoint")


def update(account: Account, params: Json, endpoint_id: str) -> Json:
    endpoint = retrieve(account, params, endpoint_id)
    changed: Json = {
        name: params[name] for name in ("url", "enabled_events", "description") if name in params
    }
    if "disabled" in params:
        changed["status"] = "disabled" if params["disabled"] else "enabled"
    return account.save(endpoint, **changed, metadata=merged(endpoint["metadata"], params))


def delete(account: Account, params: Json, endpoint_id: str) -> Json:
    retrieve(account, params, endpoint_id)
    account.store.remove(endpoint_id)
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}


def signature(payload: bytes, secret: str, at: int) -> str:
    """The `Stripe-Signature` header."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


class Deliverer:
    """Sends what is due, one delivery after another, in a thread of its own."""

    def __init__(self, account: Account, retry_seconds: float) -> None:
        self._account = account
        self._retry = retry_seconds
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stripe-webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            for delivery_id, event_id, endpoint_id, attempts in self._due():
                if self._stop.is_set():
                    return
                self._deliver(delivery_id, event_id, endpoint_id, attempts)
            self._wake.wait(0.05)

    def _due(self) -> list[tuple[int, str, str, int]]:
        with self._account.store.writing():
            rows = self._account.store.rows(
                "SELECT id, event_id, endpoint_id, attempts FROM delivery"
                " WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, id LIMIT 100",
                clock.now().timestamp(),
            )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def _deliver(self, delivery_id: int, event_id: str, endpoint_id: str, attempts: int) -> None:
        store = self._account.store
        with store.writing():
            event = store.find("event", event_id)
            endpoint = store.find("webhook_endpoint", endpoint_id)
        answered = _post(event, endpoint) if event and endpoint else None
        done = answered is not None and 200 <= answered < 300
        gone = endpoint is None or attempts + 1 >= _ATTEMPTS
        wait = min(self._retry * 2**attempts, _LONGEST_WAIT)
        with store.writing():
            store.rows(
                "UPDATE delivery SET state = ?, attempts = attempts + 1, answered = ?, due_at = ? WHERE id = ?",
                "delivered" if done else "failed" if gone else "waiting",
                answered,
                clock.now().timestamp() + wait,
                delivery_id,
            )
            if done and event:
                self._account.save(event, pending_webhooks=max(0, event["pending_webhooks"] - 1))


def _post(event: Json, endpoint: Json) -> int | None:
    """The answer's status, or None when there was none."""
    payload = as_text(shown(event)).encode()
    where = urlsplit(endpoint["url"])
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": signature(payload, endpoint["_secret"], int(clock.now().timestamp())),
    }
    connection = kind(where.hostname or "", where.port, timeout=_TIMEOUT)
    try:
        connection.request(
            "POST", (where.path or "/") + (f"?{where.query}" if where.query else ""), payload, headers
        )
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
