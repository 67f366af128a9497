"""The account of the simulated merchant: makes objects, finds them, and tells what happened as events."""

from __future__ import annotations

import copy
import json
import secrets
from typing import Any

from shared import clock
from shared.sandbox.stripe.accepted import VERSION
from shared.sandbox.stripe.refusals import Json, missing_resource
from shared.sandbox.stripe.store import Store

_WITHOUT_MODE = ("refund", "balance_transaction")
METHODS = ("card", "sepa_debit", "customer_balance", "pay_by_bank")
HOLDER = "Stripe Technology Europe Ltd (sandbox)"


class Account:
    """One merchant over one store. `url` is where browsers reach the simulator's pages."""

    def __init__(self, store: Store, url: str = "http://localhost") -> None:
        self.store = store
        self.url = url
        self.request: Json = {"id": None, "idempotency_key": None}

    def now(self) -> int:
        """Seconds of the simulator's clock, which the control API can advance."""
        return int(clock.now().timestamp()) + int(self.store.setting("advanced_seconds", 0))

    def new(self, kind: str, prefix: str, **fields: Any) -> Json:
        """A new object, kept. Names that begin with `_` are the simulator's own and never shown."""
        thing = {"id": f"{prefix}_{secrets.token_hex(12)}", "object": kind, "created": self.now()}
        if kind not in _WITHOUT_MODE:
            thing["livemode"] = False
        return self.store.put({**thing, **fields})

    def save(self, thing: Json, **changes: Any) -> Json:
        thing.update(changes)
        return self.store.put(thing)

    def find(self, kind: str, wanted: str, param: str = "id") -> Json:
        found = self.store.find(kind, wanted)
        if found is None:
            raise missing_resource(kind, wanted, param)
        return found

    def tell(self, event: str, thing: Json, previous: Json | None = None) -> None:
        """Keep an event with the object as it is now, and queue its deliveries."""
        data: Json = {"object": shown(thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        endpoints = [each for each in self.store.every("webhook_endpoint") if _wants(each, event)]
        told = self.new(
            "event",
            "evt",
            type=event,
            api_version=VERSION,
            data=data,
            pending_webhooks=len(endpoints),
            request=dict(self.request),
        )
        self._queue(told["id"], [each["id"] for each in endpoints])

    def _queue(self, event_id: str, endpoint_ids: list[str]) -> None:
        policy = self.store.setting("webhook_policy", {"mode": "deliver"})
        state = {"drop": "dropped", "hold": "held"}.get(policy["mode"], "waiting")
        due = clock.now().timestamp() + policy.get("seconds", 0)
        for endpoint_id in endpoint_ids:
            for _ in range(policy.get("copies", 1)):
                self.store.rows(
                    "INSERT INTO delivery (event_id, endpoint_id, state, due_at) VALUES (?, ?, ?, ?)",
                    event_id,
                    endpoint_id,
                    state,
                    due,
                )


def _wants(endpoint: Json, event: str) -> bool:
    wanted = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in wanted or event in wanted)


def shown(thing: Json) -> Json:
    """An object as the world may see it."""
    return {name: copy.deepcopy(value) for name, value in thing.items() if not name.startswith("_")}


def as_text(body: Json) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)
