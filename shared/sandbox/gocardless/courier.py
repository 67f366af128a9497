"""Webhooks: batches of events, signed over their exact bytes, tried again at growing intervals until one is taken."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Sequence
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from shared.sandbox.gocardless import agenda, scenarios
from shared.sandbox.gocardless.store import Store, Thing, shown, stamp

_PATIENCE_SECONDS = 10
_LARGEST_BATCH = 250
_KEPT = 10_000  # characters of an answer
_LISTENS_SECONDS = 0.2


class Courier:
    """Takes events to the webhook's receiver, and lets planned things happen when their time has come."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._working = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            self._store.committed.clear()
            if not self.work():
                self._store.committed.wait(_LISTENS_SECONDS)

    def work(self) -> bool:
        """Do one thing that is due: a step of the agenda, a batch of events, a webhook. False when nothing was."""
        with self._working:
            if agenda.run_due(self._store, scenarios.act):
                return True
            if events := self._store.due("events", self._batch()):
                self.post(events)
                return True
            if webhooks := self._store.due("webhooks", 1):
                self._try(webhooks[0])
                return True
            return False

    def settle(self) -> None:
        """Work until nothing is due."""
        while self.work():
            pass

    def post(self, events: Sequence[Thing]) -> Thing | None:
        """Put these events into one webhook, in this order; whether they were sent before does not matter."""
        store = self._store
        settings = store.settings()
        with store.transaction():
            for event in events:
                store.put({name: value for name, value in event.items() if name not in ("_due_at", "_held")})
            if not settings.webhook_url:
                return None
            webhook = store.add(
                "webhooks",
                {
                    "url": settings.webhook_url,
                    "is_test": False,
                    "successful": False,
                    "response_code": None,
                    "response_body": None,
                    "response_body_truncated": None,
                    "response_headers": {},
                    "response_headers_content_truncated": None,
                    "response_headers_count_truncated": None,
                    "_attempts": 0,
                },
            )
            told = [{**shown(event), "organisation_id": event["links"]["organisation"]} for event in events]
            body = json.dumps({"events": told, "meta": {"webhook_id": webhook["id"]}}, ensure_ascii=False)
            webhook["request_body"] = body
            webhook["request_headers"] = {
                "Content-Type": "application/json",
                "Origin": "https://api-sandbox.gocardless.com",
                "User-Agent": "gocardless-webhook-service/1.1",
                "Webhook-Signature": signature(body.encode(), settings.webhook_secret),
            }
            webhook["_due_at"] = stamp(store.now())
            store.put(webhook)
        return webhook

    def _batch(self) -> int:
        return max(1, min(_LARGEST_BATCH, self._store.settings().webhook_batch))

    def _try(self, webhook: Thing) -> None:
        """One attempt. Only a 2xx is success: a redirect, a 498 and silence are failures."""
        code, headers, body = _send(webhook)
        store = self._store
        intervals = store.settings().retry_seconds
        with store.transaction():
            webhook |= {
                "successful": code is not None and 200 <= code < 300,
                "response_code": code,
                "response_headers": headers,
                "response_body": body[:_KEPT],
                "response_body_truncated": len(body) > _KEPT,
            }
            attempts = webhook["_attempts"] = webhook["_attempts"] + 1
            del webhook["_due_at"]
            if not webhook["successful"] and attempts <= len(intervals):
                webhook["_due_at"] = stamp(store.now() + timedelta(seconds=intervals[attempts - 1]))
            store.put(webhook)


def retry(store: Store, webhook: Thing, data: dict[str, Any]) -> Thing:
    """Send a webhook once more, now."""
    webhook["_due_at"] = stamp(store.now())
    store.put(webhook)
    return webhook


def signature(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _send(webhook: Thing) -> tuple[int | None, dict[str, str], str]:
    target = urlsplit(webhook["url"])
    https = target.scheme == "https"
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    connection = (HTTPSConnection if https else HTTPConnection)(
        target.hostname or "", target.port, timeout=_PATIENCE_SECONDS
    )
    try:
        connection.request("POST", path, webhook["request_body"].encode(), webhook["request_headers"])
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read(_KEPT + 1).decode("utf-8", "replace")
    except (OSError, HTTPException) as error:
        return None, {}, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
