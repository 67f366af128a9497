"""GoCardless: SEPA Core debits on its mandates, and instant payments where it has them.

A payment on a mandate is one of its payments (PM…). What the payer must do something for begins as a billing request
(BRQ…) with a page of GoCardless', and becomes a payment or a mandate there; we go on calling it by its request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from gocardless_pro.errors import InvalidStateError

from shared.errors import ConfigurationError
from shared.rails.providers import gocardless_orders as orders
from shared.rails.providers import gocardless_reading as reading
from shared.rails.providers.gocardless_events import event_ref, our_id
from shared.rails.providers.gocardless_orders import Collection
from shared.rails.providers.gocardless_payouts import payout_seen
from shared.rails.providers.gocardless_wire import asking, client_of, must_be_same
from shared.rails.providers.gocardless_words import OPEN_REQUESTS
from shared.rails.providers.protocols import (
    Access,
    MandateSeen,
    RefundOrder,
    Rejected,
    SetUp,
    SetUpSeen,
    Start,
)
from shared.rails.snapshot import EventRef, Method, PayoutSeen, Phase, Snapshot

Thing = Mapping[str, Any]

_PAGE = 500
# Our clock and theirs differ.
_SLACK = timedelta(minutes=10)
_ENDED_MANDATES = ("failed", "cancelled", "expired", "suspended_by_payer", "blocked")


class Adapter:
    """Speaks to one account. Every call may raise Unclear, Busy, Rejected or ConfigurationError."""

    def __init__(self, access: Access) -> None:
        self._api = client_of(access)

    # -- payments --------------------------------------------------------------------------------------------

    def start(self, order: Start) -> Snapshot:
        """Collect on a mandate, or ask the payer: for an instant payment, or for a mandate to collect on."""
        if order.method not in (Method.DEBIT_CORE, Method.PAY_BY_BANK):
            raise ConfigurationError("GoCardless does not take %(method)s.", method=order.method.value)
        with asking():
            if order.method is Method.DEBIT_CORE and order.instrument_ref:
                return self._debit(order, order.instrument_ref)
            request = self._create("billing_requests", orders.request(order), order.key)
            if request["status"] not in OPEN_REQUESTS:
                return self._request_seen(request)
            url = self._page(request["id"], order, order.return_url)
            return reading.request_seen(request, _collection(request), url)

    def fetch(self, provider_ref: str) -> Snapshot:
        """What stands. A mandate that was signed to be collected on is collected on: that completes its command."""
        with asking():
            if _is_request(provider_ref):
                return self._request_seen(self._get("billing_requests", provider_ref))
            return self._payment_seen(self._get("payments", provider_ref))

    def find(self, payment_id: UUID, started_at: datetime) -> Snapshot | None:
        """Look a payment up by our id. O(what the account made since): GoCardless cannot search for metadata."""
        since = started_at - _SLACK
        with asking():
            for kind, seen in (("billing_requests", self._request_seen), ("payments", self._payment_seen)):
                for each in getattr(self._api, kind).all(params={"limit": _PAGE}):  # the newest first
                    if datetime.fromisoformat(each.created_at) < since:
                        break
                    if our_id(each.attributes.get("metadata") or {}, "payment_id") == payment_id:
                        return seen(each.attributes)
        return None

    def cancel(self, provider_ref: str, key: str) -> Snapshot:
        """Cancel if it still can be; gives what stands either way."""
        with asking():
            if not _is_request(provider_ref):
                self._try_cancel("payments", provider_ref, key)
                return self._payment_seen(self._get("payments", provider_ref))
            self._try_cancel("billing_requests", provider_ref, key)
            seen = self._request_seen(self._get("billing_requests", provider_ref))
            made = [ref for ref in seen.refs if ref.startswith("PM")]
            if not made or seen.phase is not Phase.PROCESSING:
                return seen
            self._try_cancel("payments", made[0], key)
            return self._request_seen(self._get("billing_requests", provider_ref))

    # -- refunds ---------------------------------------------------------------------------------------------

    def refund(self, order: RefundOrder) -> Snapshot:
        """Refund; refused when GoCardless knows of refunds that we do not, or has not yet unlocked them."""
        with asking():
            ref = order.provider_ref
            if _is_request(ref):
                seen = self._request_seen(self._get("billing_requests", ref))
                ref = next(each for each in seen.refs if each.startswith("PM"))
            self._create("refunds", orders.refund(order, ref), order.key)
        return self.fetch(order.provider_ref)

    # -- mandates --------------------------------------------------------------------------------------------

    def set_up(self, order: SetUp) -> SetUpSeen:
        """Ask the payer for a mandate."""
        with asking():
            request = self._create("billing_requests", orders.set_up(order), order.key)
            if request["status"] not in OPEN_REQUESTS:
                return self._set_up_seen(request)
            url = self._page(request["id"], order, order.exit_url)
            return reading.set_up_seen(request, step_url=url)

    def fetch_set_up(self, provider_ref: str) -> SetUpSeen:
        with asking():
            return self._set_up_seen(self._get("billing_requests", provider_ref))

    def fetch_mandate(self, ref: str) -> MandateSeen:
        with asking():
            mandate = self._get("mandates", ref)
            ended = mandate["status"] in _ENDED_MANDATES
            return reading.mandate_seen(mandate, self._events(mandate=ref) if ended else ())

    def forget(self, instrument_ref: str, kind: str, key: str) -> None:
        """Cancel a mandate; done already is done."""
        with asking():
            self._try_cancel("mandates", instrument_ref, key)

    # -- events and payouts ----------------------------------------------------------------------------------

    def events_since(self, since: datetime) -> Iterator[EventRef]:
        """What was told since, oldest first, whether or not its webhook reached us."""
        with asking():
            refs = [event_ref(event) for event in self._events(**_made_since(since))]
        return iter(refs)

    def payouts_since(self, since: datetime) -> Iterator[PayoutSeen]:
        """Payouts made since, oldest first, without their lines."""
        with asking():
            made = list(self._api.payouts.all(params={"limit": _PAGE, **_made_since(since)}))
            found = [payout_seen(payout.attributes) for payout in reversed(made)]
        return iter(found)

    def payout(self, ref: str) -> PayoutSeen:
        """One payout with all its lines; GoCardless keeps these for six months."""
        with asking():
            payout = self._get("payouts", ref)
            items = self._api.payout_items.all(params={"payout": ref, "limit": _PAGE})
            return payout_seen(payout, [item.attributes for item in items], complete=True)

    # -- how -------------------------------------------------------------------------------------------------

    def _debit(self, order: Start, mandate_ref: str) -> Snapshot:
        mandate = self._get("mandates", mandate_ref)
        payment = self._create("payments", orders.debit(order, mandate), order.key)
        account = self._get("customer_bank_accounts", mandate["links"]["customer_bank_account"])
        return replace(
            self._payment_seen(payment),
            instrument=reading.instrument(account, mandate, signed=False),
            provider_customer=mandate["links"].get("customer"),
        )

    def _request_seen(self, request: Thing) -> Snapshot:
        """A billing request, and the payment it became."""
        collection, mandate = _collection(request), None
        payment_ref, mandate_ref = reading.payment_of(request), reading.mandate_of(request)
        if collection and mandate_ref:
            mandate = self._get("mandates", mandate_ref)
            try:
                payment_ref = self._collected(request, collection, mandate)
            except Rejected as rejected:
                seen = reading.request_seen(request, collection)
                return replace(seen, phase=Phase.FAILED, decline=rejected.decline)
        if payment_ref is None:
            return reading.request_seen(request, collection)
        payment = self._payment_seen(self._get("payments", payment_ref))
        return reading.as_requested(request, payment, mandate)

    def _collected(self, request: Thing, collection: Collection, mandate: Thing) -> str:
        """The payment on a mandate that was signed for it: the one that was made, else made now. It is looked for
        first, for a key does not live as long as looks go on."""
        payment_id = request["metadata"]["payment_id"]
        for each in self._api.payments.all(params={"mandate": mandate["id"], "limit": _PAGE}):
            if (each.attributes.get("metadata") or {}).get("payment_id") == payment_id:
                return str(each.id)
        with asking():
            made = self._create(
                "payments", collection.params(payment_id, mandate), f"{request['id']}:collect"
            )
        return str(made["id"])

    def _payment_seen(self, payment: Thing) -> Snapshot:
        events = self._events(payment=payment["id"])
        refunds: list[tuple[Thing, list[Thing]]] = []
        if reading.money_of(payment, events):  # what never came was never refunded
            listed = self._api.refunds.all(params={"payment": payment["id"], "limit": _PAGE})
            refunds = [(each.attributes, self._events(refund=each.id)) for each in listed]
        return reading.payment_seen(payment, events, refunds)

    def _set_up_seen(self, request: Thing) -> SetUpSeen:
        ref = reading.mandate_of(request)
        return reading.set_up_seen(request, self._get("mandates", ref) if ref else None)

    def _events(self, **of: str) -> list[Thing]:
        """Events, oldest first."""
        found = self._api.events.all(params={"limit": _PAGE, **of})
        return [event.attributes for event in found][::-1]

    def _get(self, kind: str, ref: str) -> Thing:
        found: Thing = getattr(self._api, kind).get(ref).attributes
        return found

    def _create(self, kind: str, params: dict[str, Any], key: str) -> Thing:
        """Make it, or get what this key made before, and see that it is the same."""
        made = getattr(self._api, kind).create(params=params, headers={"Idempotency-Key": key}).attributes
        must_be_same(params, made)
        found: Thing = made
        return found

    def _page(self, request_id: str, order: Start | SetUp, exit_url: str) -> str:
        """The payer's page; asked for again, there is another one for the same request."""
        params = orders.flow(request_id, order.payer, order.language, order.return_url, exit_url)
        key = {"Idempotency-Key": f"{order.key}:page"}
        return str(self._api.billing_request_flows.create(params=params, headers=key).authorisation_url)

    def _try_cancel(self, kind: str, ref: str, key: str) -> None:
        """Cancel, unless it is too late: its state tells."""
        with suppress(InvalidStateError):
            getattr(self._api, kind).cancel(ref, headers={"Idempotency-Key": key})


def _is_request(provider_ref: str) -> bool:
    return provider_ref.startswith("BRQ")


def _collection(request: Thing) -> Collection | None:
    return Collection.read(request.get("metadata") or {})


def _made_since(since: datetime) -> dict[str, str]:
    return {
        "created_at[gte]": since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    }
