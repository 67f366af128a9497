"""What GoCardless' events are about: a reason to look, and where. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from shared.rails.snapshot import EventRef

_LONGEST = 255


def event_ref(event: Mapping[str, Any]) -> EventRef:
    """Where an event points. A ValueError when it is not one."""
    kind, action = _word(event, "resource_type"), _word(event, "action")
    links = event.get("links") or {}
    ours = event.get("resource_metadata") or {}
    if not isinstance(links, dict) or not isinstance(ours, dict):
        raise ValueError("links and resource_metadata: objects were expected")
    about, names, our_id = _about(kind, ours)
    refs = tuple(str(links[name])[:_LONGEST] for name in names if links.get(name))
    if about != "other" and not refs:
        about, our_id = "other", None
    return EventRef(
        event_id=_word(event, "id"), type=f"{kind}.{action}", about=about, refs=refs, payment_id=our_id
    )


def our_id(metadata: Mapping[str, Any], name: str) -> UUID | None:
    """Our id in an object's metadata; none, or none that is one: the object was not made by us."""
    try:
        return UUID(str(metadata[name]))
    except (KeyError, ValueError):
        return None


def _about(kind: str, ours: Mapping[str, Any]) -> tuple[str, tuple[str, ...], UUID | None]:
    """What it is about, the links to find that by, and our own id of it."""
    payment_id = our_id(ours, "payment_id")
    if kind == "payments":
        return "payment", ("payment",), payment_id
    if kind == "refunds":
        return "payment", ("payment", "refund"), payment_id
    if kind == "billing_requests":
        set_up_id = our_id(ours, "set_up_id")
        if set_up_id or payment_id:
            return "set_up" if set_up_id else "payment", ("billing_request",), set_up_id or payment_id
    if kind == "mandates":
        return "mandate", ("mandate",), None
    if kind == "payouts":
        return "payout", ("payout",), None
    return "other", (), None


def _word(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or "\0" in value:
        raise ValueError(f"{name}: a word was expected")
    return value
