"""Stripe: cards, its own payment page, virtual IBANs, bank redirects and core debits, behind the neutral protocols.

Every command carries the core's key; objects made on the way carry the same key with a suffix. What Stripe answers is
translated in `stripe_snapshot`; why it refuses, in `stripe_calls`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import stripe

from shared import clock
from shared.rails.providers import stripe_payouts, stripe_set_ups
from shared.rails.providers.protocols import (
    Access,
    MandateSeen,
    RefundOrder,
    Rejected,
    SetUp,
    SetUpSeen,
    Start,
)
from shared.rails.providers.stripe_calls import asking, body_of, client_of, keyed, plain
from shared.rails.providers.stripe_money import to_stripe
from shared.rails.providers.stripe_orders import (
    KINDS,
    customer_params,
    intent_params,
    needs_customer,
    session_params,
)
from shared.rails.providers.stripe_snapshot import Seen, snapshot_of
from shared.rails.providers.stripe_transfers import apply_cash, instructions
from shared.rails.providers.stripe_webhooks import event_ref
from shared.rails.snapshot import Decline, EventRef, Method, PayoutSeen, Phase, Snapshot

Json = dict[str, Any]

_PAGE = 100
# Stripe lists events for 30 days. Objects are looked for from a little before, as clocks differ.
_EVENTS_KEPT = timedelta(days=30)
_EARLIER = timedelta(minutes=10)
# Keys live for 24 hours at least, so what an earlier try made is no older when its key is still known.
_KEYS_LIVE = timedelta(hours=25)


class Adapter:
    """One account at Stripe."""

    def __init__(self, access: Access) -> None:
        self._client = client_of(access)
        self._v1 = self._client.v1

    # -- payments --------------------------------------------------------------------------------------------

    def start(self, order: Start) -> Snapshot:
        """Start collecting. A payer who is there answers a decline himself; without one, a decline is the end."""
        try:
            with asking():
                return self._start(order)
        except Rejected as rejected:
            if isinstance(rejected.__cause__, stripe.CardError):
                return self._declined(order, rejected, rejected.__cause__)
            # Something we tell Stripe of the payer changed between two tries: what the first one made still counts.
            repeated = isinstance(rejected.__cause__, stripe.IdempotencyError)
            if repeated and (found := self.find(order.payment_id, clock.now() - _KEYS_LIVE)):
                return found
            raise

    def fetch(self, provider_ref: str) -> Snapshot:
        """The payment with all its money. A transfer that has arrived is applied first (`stripe_transfers`)."""
        if provider_ref.startswith("cs_"):
            with asking():
                session = plain(self._v1.checkout.sessions.retrieve(provider_ref))
            return self._of_session(session)
        return self._fetch_intent(provider_ref)

    def find(self, payment_id: UUID, started_at: datetime) -> Snapshot | None:
        """The payment with our id, if Stripe has it. Listed, not searched: the search index is late. O(payments
        made since)."""
        since: Any = {"created": {"gte": int((started_at - _EARLIER).timestamp())}, "limit": _PAGE}
        with asking():
            for session in self._v1.checkout.sessions.list(since).auto_paging_iter():
                if _is_ours(plain(session), payment_id):
                    return self._of_session(plain(session))
            for intent in self._v1.payment_intents.list(since).auto_paging_iter():
                if _is_ours(plain(intent), payment_id):
                    return self._fetch_intent(intent.id)
        return None

    def cancel(self, provider_ref: str, key: str) -> Snapshot:
        """Cancel what still can be. Looked at first: a transfer that has arrived is not given back for nothing."""
        seen = self.fetch(provider_ref)
        if seen.phase not in (Phase.CREATED, Phase.AWAITING_PAYER):
            return seen
        try:
            with asking():
                if provider_ref.startswith("cs_"):
                    self._v1.checkout.sessions.expire(provider_ref, options=keyed(key))
                else:
                    self._v1.payment_intents.cancel(provider_ref, options=keyed(key))
        except Rejected:
            pass  # the payer was faster: what stands is told below
        return self.fetch(provider_ref)

    def refund(self, order: RefundOrder) -> Snapshot:
        with asking():
            intent = self._intent_of(order.provider_ref)
            params: Any = {
                "payment_intent": intent,
                "amount": to_stripe(order.amount_minor, order.currency),
                "metadata": {"refund_id": str(order.refund_id), "payment_id": str(order.payment_id)},
            }
            self._v1.refunds.create(params, keyed(order.key))
        return self.fetch(order.provider_ref)

    # -- cards and mandates kept -----------------------------------------------------------------------------

    def set_up(self, order: SetUp) -> SetUpSeen:
        return stripe_set_ups.set_up(self._client, order)

    def fetch_set_up(self, provider_ref: str) -> SetUpSeen:
        return stripe_set_ups.fetch_set_up(self._client, provider_ref)

    def fetch_mandate(self, ref: str) -> MandateSeen:
        return stripe_set_ups.fetch_mandate(self._client, ref)

    def forget(self, instrument_ref: str, kind: str, key: str) -> None:
        stripe_set_ups.forget(self._client, instrument_ref, key)

    # -- events and payouts ----------------------------------------------------------------------------------

    def events_since(self, since: datetime) -> Iterator[EventRef]:
        """What was told since, oldest first; Stripe remembers 30 days."""
        start = max(since, clock.now() - _EVENTS_KEPT)
        params: Any = {"created": {"gte": int(start.timestamp())}, "limit": _PAGE}
        with asking():
            found = [plain(event) for event in self._v1.events.list(params).auto_paging_iter()]
        yield from (event_ref(event) for event in reversed(found))

    def payouts_since(self, since: datetime) -> Iterator[PayoutSeen]:
        return stripe_payouts.payouts_since(self._client, since)

    def payout(self, ref: str) -> PayoutSeen:
        return stripe_payouts.payout(self._client, ref)

    # -- starting --------------------------------------------------------------------------------------------

    def _start(self, order: Start) -> Snapshot:
        if order.method not in KINDS:
            raise Rejected(f"Stripe does not offer {order.method}.", Decline("declined"))
        mandate, customer = None, order.payer.ref
        if order.instrument_ref is not None:
            mandate = stripe_set_ups.method_of_mandate(self._client, order.instrument_ref)
            customer = stripe_set_ups.owner_of(self._client, mandate[0]) or customer
        if not needs_customer(order):
            customer = None
        elif customer is None:
            payer: Any = customer_params(order.payer.customer_id, order.payer.name, order.payer.email)
            customer = self._v1.customers.create(payer, keyed(order.key, "customer")).id
        if order.method is Method.CARD_PAGE:
            page: Any = session_params(order, customer)
            return self._of_session(self._fresh(self._v1.checkout.sessions.create(page, keyed(order.key))))
        if order.method is Method.VIRTUAL_IBAN:
            assert customer is not None
            apart: Any = {"settings": {"reconciliation_mode": "manual"}}
            self._v1.customers.cash_balance.update(customer, apart, keyed(order.key, "apart"))
        params: Any = intent_params(order, customer, clock.today(), mandate)
        intent = self._fresh(self._v1.payment_intents.create(params, keyed(order.key)))
        _assert_offered(intent, KINDS[order.method])
        return self._of_intent(intent)

    def _fresh(self, made: stripe.PaymentIntent | stripe.checkout.Session) -> Json:
        """What was made, as it is now: the answer to a repeated key is the first one's, however old."""
        answer = made.last_response
        if answer is None or not (answer.headers or {}).get("idempotent-replayed"):
            return plain(made)
        if isinstance(made, stripe.PaymentIntent):
            return plain(self._v1.payment_intents.retrieve(made.id))
        return plain(self._v1.checkout.sessions.retrieve(made.id))

    def _declined(self, order: Start, rejected: Rejected, error: stripe.CardError) -> Snapshot:
        """A saved card was declined at once. That the bank wants to see the payer is no refusal: he is sent a link."""
        intent = body_of(error).get("payment_intent")
        if not isinstance(intent, dict):
            raise rejected
        snapshot = self._fetch_intent(intent["id"])
        if snapshot.phase is Phase.FAILED:
            raise Rejected(str(rejected), rejected.decline, snapshot) from error
        return snapshot

    # -- reading ---------------------------------------------------------------------------------------------

    def _fetch_intent(self, intent_id: str, session: Json | None = None) -> Snapshot:
        with asking():
            intent = plain(self._v1.payment_intents.retrieve(intent_id))
        return self._of_intent(intent, session)

    def _of_session(self, session: Json) -> Snapshot:
        if intent := session.get("payment_intent"):
            return self._fetch_intent(intent, session)
        return _told(Seen(None, session=session))

    def _of_intent(self, intent: Json, session: Json | None = None) -> Snapshot:
        """Gather what belongs to an intent: two requests more once it was charged, three once money came."""
        cash = 0
        if instructions(intent):
            intent, cash = apply_cash(self._client, intent)
        if not intent.get("latest_charge"):
            return _told(Seen(intent, session=session, waiting_cash=cash))
        of_it: Any = {"payment_intent": intent["id"], "limit": _PAGE}
        bounced: Any = {**of_it, "expand": ["data.failure_balance_transaction"]}
        booked: Any = {**of_it, "expand": ["data.balance_transaction", *bounced["expand"]]}
        with asking():
            charges = _all(self._v1.charges.list(booked))
            if all(charge["status"] == "failed" and not charge.get("captured") for charge in charges):
                return _told(Seen(intent, charges, session=session))
            refunds = _all(self._v1.refunds.list(bounced))
            disputes = _all(self._v1.disputes.list(of_it))
        return _told(Seen(intent, charges, refunds, disputes, session, cash))

    def _intent_of(self, provider_ref: str) -> str:
        if not provider_ref.startswith("cs_"):
            return provider_ref
        return str(plain(self._v1.checkout.sessions.retrieve(provider_ref))["payment_intent"])


def _told(seen: Seen) -> Snapshot:
    with asking():
        return snapshot_of(seen, clock.now())


def _all(page: stripe.ListObject[Any]) -> tuple[Json, ...]:
    return tuple(plain(each) for each in page.auto_paging_iter())


def _is_ours(thing: Json, payment_id: UUID) -> bool:
    return bool((thing.get("metadata") or {}).get("payment_id") == str(payment_id))


def _assert_offered(intent: Json, kind: str) -> None:
    """Methods that an account cannot use are left out by Stripe without a word."""
    if intent["payment_method_types"] != [kind]:
        raise Rejected(f"Stripe does not offer {kind} for this payment.", Decline("declined", "not_offered"))
