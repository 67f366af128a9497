"""Stripe's webhooks: proven on the raw bytes, then read for what they point at and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from stripe import SignatureVerificationError, WebhookSignature

from shared.ids import parse_id
from shared.rails.providers.protocols import BadSignature
from shared.rails.snapshot import EventRef

Json = dict[str, Any]

# What the endpoint at Stripe subscribes to.
SUBSCRIBED = tuple(
    (
        "payment_intent.created payment_intent.requires_action payment_intent.processing "
        "payment_intent.partially_funded payment_intent.succeeded payment_intent.payment_failed "
        "payment_intent.canceled payment_intent.amount_capturable_updated "
        "charge.succeeded charge.failed charge.pending charge.updated charge.refunded charge.dispute.created "
        "charge.dispute.updated charge.dispute.closed charge.dispute.funds_withdrawn "
        "charge.dispute.funds_reinstated refund.created refund.updated refund.failed "
        "checkout.session.completed checkout.session.expired checkout.session.async_payment_succeeded "
        "checkout.session.async_payment_failed "
        "setup_intent.succeeded setup_intent.setup_failed setup_intent.requires_action setup_intent.canceled "
        "mandate.updated payment_method.attached payment_method.detached "
        "customer_cash_balance_transaction.created cash_balance.funds_available "
        "payout.created payout.updated payout.paid payout.failed payout.canceled payout.reconciliation_completed "
        "radar.early_fraud_warning.created"
    ).split()
)

_LARGEST = 1 << 20
_TOLERANCE = timedelta(seconds=300)
_WORD = re.compile(r"[A-Za-z0-9_.\-]{1,255}")

# By what an event's type begins with: what it is about, and where in its object the ids stand, the best first.
_ABOUT = (
    ("payment_intent.", "payment", ("id",)),
    ("charge.dispute.", "payment", ("payment_intent", "charge", "id")),
    ("charge.", "payment", ("payment_intent", "id", "charge")),
    ("refund.", "payment", ("payment_intent", "charge", "id")),
    ("radar.early_fraud_warning.", "payment", ("payment_intent", "charge")),
    ("setup_intent.", "set_up", ("id",)),
    ("mandate.", "mandate", ("id", "payment_method")),
    ("cash_balance.", "payer", ("customer",)),
    ("payout.", "payout", ("id",)),
)


class Webhooks:
    """Needs neither network nor key."""

    def read(
        self, headers: Mapping[str, str], raw: bytes, secrets: Sequence[str], now: datetime
    ) -> list[tuple[EventRef, bytes]]:
        """The one event of a webhook signed with one of the secrets within five minutes of `now`."""
        if len(raw) > _LARGEST:
            raise BadSignature("The webhook is larger than Stripe's are.")
        header = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), "")
        _prove(header, raw, secrets)
        # The SDK compares with the machine's clock, and takes any time to come for fresh.
        if abs(now.timestamp() - _signed_at(header)) > _TOLERANCE.total_seconds():
            raise BadSignature("The webhook was signed too long ago, or in the future.")
        return [(self.event(raw), raw)]

    def event(self, payload: bytes) -> EventRef:
        """What an event points at; an event of a kind we do not know points at nothing."""
        try:
            found = json.loads(payload.decode())
            return event_ref(found)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadSignature("The webhook is not a Stripe event.") from error


def _prove(header: str, raw: bytes, secrets: Sequence[str]) -> None:
    for secret in secrets:
        try:
            WebhookSignature.verify_header(raw, header, secret)
            return
        except (SignatureVerificationError, ValueError):
            continue
    raise BadSignature("The webhook is not signed with the secret of this account.")


def _signed_at(header: str) -> int:
    """The one time in a header that the SDK took for good."""
    times = [part[2:] for part in header.split(",") if part.startswith("t=")]
    if len(times) != 1 or not re.fullmatch(r"[0-9]{1,12}", times[0]):
        raise BadSignature("The webhook's signature has no time, or several.")
    return int(times[0])


def event_ref(event: Json) -> EventRef:
    """Where to look because of an event. ValueError and its like: it is none."""
    event_id, kind = _word(event["id"]), _word(event["type"])
    if event_id is None or kind is None:
        raise ValueError("an event has an id and a type")
    thing = event.get("data", {}).get("object") or {}
    about, refs, ours = _place(kind, thing)
    known = tuple(dict.fromkeys(ref for ref in map(_word, refs) if ref))
    return EventRef(event_id, kind, about if known else "other", known, ours)


def _place(kind: str, thing: Json) -> tuple[str, list[Any], UUID | None]:
    metadata = thing.get("metadata") or {}
    ours = _ours(metadata, "payment_id")
    if kind.startswith("checkout.session."):
        set_up = thing.get("mode") == "setup"
        return (
            ("set_up", [thing.get("id")], _ours(metadata, "set_up_id"))
            if set_up
            else ("payment", [thing.get("id"), thing.get("payment_intent")], ours)
        )
    if kind.startswith("customer_cash_balance_transaction."):
        applied = thing.get("applied_to_payment") or thing.get("unapplied_from_payment") or {}
        if intent := applied.get("payment_intent"):
            return "payment", [intent], None
        return "payer", [thing.get("customer")], None
    for start, about, places in _ABOUT:
        if kind.startswith(start):
            refs = [thing.get(place) for place in places]
            return about, refs, _ours(metadata, "set_up_id") if about == "set_up" else ours
    return "other", [], None


def _ours(metadata: Json, name: str) -> UUID | None:
    return parse_id(metadata.get(name, ""))


def _word(value: Any) -> str | None:
    """A text that can only be an id or a type; an expanded object stands for its id."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None
