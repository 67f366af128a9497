"""Which fact wakes which handlers. One table, so that a reader sees at once what follows from what."""

from __future__ import annotations

from collections.abc import Mapping

from shared.identity import handlers as identity
from shared.mandates import handlers as mandates
from shared.matching import handlers as matching
from shared.outbox.facts import Handler
from shared.payments import handlers as payments

Subscriptions = Mapping[str, tuple[Handler, ...]]

SUBSCRIPTIONS: Subscriptions = {
    "mandate_signed": (mandates.complete_mandate,),
    "matching_requested": (matching.matching_requested,),
    "payment_received": (payments.thank_for_payment,),
    "sign_in_link_requested": (identity.send_requested_link,),
}


def name_of(handler: Handler) -> str:
    """How jobs and receipts call a handler: renaming one makes its waiting jobs fail, visibly."""
    return f"{handler.__module__}.{handler.__qualname__}"


def by_name(subscriptions: Subscriptions) -> dict[str, Handler]:
    return {name_of(handler): handler for handlers in subscriptions.values() for handler in handlers}
