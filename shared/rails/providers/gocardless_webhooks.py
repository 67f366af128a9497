"""GoCardless' webhooks: a signature over the raw bytes, and up to 250 events of all kinds in one.

The signature tells no time: what keeps a webhook from being played again is that each event is stored once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.rails.providers.gocardless_events import event_ref
from shared.rails.providers.protocols import BadSignature
from shared.rails.snapshot import EventRef

_HEADER = "webhook-signature"
# 250 events are some 250 kB.
_LARGEST = 2_000_000


class Webhooks:
    """Reads webhooks; needs neither the network nor the SDK, which is slow to load."""

    def read(
        self, headers: Mapping[str, str], raw: bytes, secrets: Sequence[str], now: datetime
    ) -> list[tuple[EventRef, bytes]]:
        """The events of a webhook signed with one of the secrets (current, previous); else BadSignature."""
        if len(raw) > _LARGEST:
            raise BadSignature("The webhook is too large.")
        given = next((value for name, value in headers.items() if name.lower() == _HEADER), None)
        if not given:
            raise BadSignature("The webhook is not signed.")
        if not any(_signed(raw, secret, given) for secret in secrets if secret):
            raise BadSignature("The webhook is not signed with a secret of this account.")
        told = _object(raw).get("events")
        if not isinstance(told, list):
            raise BadSignature("The webhook holds no events.")
        return [(_event(each), json.dumps(each).encode()) for each in told]

    def event(self, payload: bytes) -> EventRef:
        """A stored event again."""
        return _event(_object(payload))


def _signed(raw: bytes, secret: str, given: str) -> bool:
    expected = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:  # bytes that are no UTF-8 are a ValueError too
        raise BadSignature("The webhook cannot be read.") from error
    if not isinstance(found, dict):
        raise BadSignature("The webhook is not an object.")
    return found


def _event(told: Any) -> EventRef:
    try:
        return event_ref(told if isinstance(told, dict) else {})
    except ValueError as error:
        raise BadSignature(f"An event cannot be read: {error}") from error
