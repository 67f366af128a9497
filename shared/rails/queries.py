"""Reads of payments over a rail, each in the scope of who asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.errors import NotFound
from shared.payments.rules import Basket, Choice
from shared.rails.rules import offered_in
from shared.rails.snapshot import Method
from shared.rails.states import LIVE


@dataclass(frozen=True, slots=True)
class Offer:
    """One way a basket may be paid."""

    account_id: UUID
    creditor_id: UUID
    provider: str
    mode: str
    method: Method
    publishable_key: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A payment as its payer follows it."""

    id: UUID
    reference: str
    method: Method
    status: str
    currency: str
    amount_minor: int
    creditor: str
    started_by: str
    started_at: datetime
    step: dict[str, Any] | None
    decline: str | None
    instrument: dict[str, Any] | None
    expected_on: date | None
    collect_on: date | None
    refundable_until: date | None
    provider: str | None
    publishable_key: str | None
    mode: str
    version: int
    numbers: list[str]
    items: list[UUID]
    cancelling: bool
    back_minor: int

    @property
    def live(self) -> bool:
        return self.status in LIVE


_OFFERS = text("""
    SELECT a.id AS account_id, a.creditor_id, a.provider, a.mode, r.method, r.countries, a.publishable_key,
           (SELECT jsonb_object_agg(id, country) FROM customer WHERE id = ANY (:customers)) AS payers
    FROM provider_account a JOIN rail r ON r.account_id = a.id
    WHERE a.active AND r.enabled AND a.creditor_id = ANY (:creditors)
    ORDER BY array_position(ARRAY['card', 'card_page', 'pay_by_bank', 'virtual_iban', 'debit_core', 'debit_b2b'],
                            r.method), a.provider""")
# An account that was closed since is no longer shown to debtors: what was paid through it still is.
_ATTEMPT = """
    SELECT p.id, p.reference, p.method, p.status, p.currency, p.amount_minor, k.name AS creditor, p.started_by,
           p.started_at, p.step, p.decline, p.instrument, p.expected_on, p.collect_on, p.refundable_until,
           a.provider, a.publishable_key, coalesce(a.mode, 'live') AS mode, p.version, i.numbers, i.items,
           EXISTS (SELECT FROM payment_operation o WHERE o.payment_id = p.id AND o.kind = 'cancel'
                   AND o.state IN ('pending', 'sent', 'unknown')) AS cancelling,
           coalesce(f.back_minor, 0)::bigint AS back_minor
    FROM payment p JOIN creditor k ON k.id = p.creditor_id LEFT JOIN provider_account a ON a.id = p.account_id
    CROSS JOIN LATERAL (SELECT array_agg(o.number ORDER BY o.due_on, o.number) AS numbers,
                               array_agg(o.id ORDER BY o.due_on, o.number) AS items
                        FROM payment_item x JOIN open_item o ON o.id = x.item_id WHERE x.payment_id = p.id) i
    LEFT JOIN LATERAL (SELECT sum(CASE WHEN kind IN ('refunded', 'returned', 'charged_back') THEN amount_minor
                                       WHEN kind IN ('refund_returned', 'chargeback_reversed') THEN -amount_minor
                                  END) AS back_minor
                       FROM payment_fact WHERE payment_id = p.id) f ON true
    WHERE p.customer_id = ANY (:customers)"""
_ONE = text(f"{_ATTEMPT} AND p.id = :id")
_LIVE = text(f"""{_ATTEMPT} AND p.status IN ('created', 'unknown', 'awaiting_payer', 'processing')
    ORDER BY p.started_at DESC, p.id LIMIT 100""")
_RUNNING = text("""
    SELECT id FROM payment WHERE customer_id = ANY (:customers) AND basket_hash = :hash
    AND status IN ('created', 'unknown', 'awaiting_payer', 'processing') ORDER BY started_at DESC LIMIT 1""")
_PARTS = text("SELECT item_id, amount_minor FROM payment_item WHERE payment_id = :id ORDER BY item_id")
_RECEIPT = text("SELECT id FROM receipt WHERE payment_id = :id ORDER BY received_on, id LIMIT 1")


def offers(session: Session, actor: Actor, basket: Basket) -> list[Offer]:
    """The ways a basket may be paid, best first."""
    return offers_of(session, [basket])[0]


def offers_of(session: Session, made: Sequence[Basket]) -> list[list[Offer]]:
    """The ways each basket may be paid, best first. One statement, however many baskets.

    An invoice whose payee is a factor is paid by transfer only, to the factor: a card or debit would pay who may not
    be paid any more.
    """
    own = [basket for basket in made if basket.payee.is_own]
    if not own:
        return [[] for _ in made]
    payers = {payable.customer_id for basket in own for payable, _ in basket.parts}
    given = {"creditors": list({basket.creditor_id for basket in own}), "customers": list(payers)}
    rows = session.execute(_OFFERS, given).all()
    return [_offers_of(basket, rows) if basket.payee.is_own else [] for basket in made]


def _offers_of(basket: Basket, rows: Sequence[Any]) -> list[Offer]:
    customers = {str(payable.customer_id) for payable, _ in basket.parts}
    return [
        Offer(r.account_id, r.creditor_id, r.provider, r.mode, Method(r.method), r.publishable_key)
        for r in rows
        if r.creditor_id == basket.creditor_id
        and all(offered_in(r.countries, r.payers[each]) for each in customers)
        and (basket.currency == "EUR" or Method(r.method) in (Method.CARD, Method.CARD_PAGE))
    ]


def attempt(session: Session, actor: Actor, payment_id: UUID) -> Attempt:
    """One payment of the debtor's; somebody else's is not found."""
    row = session.execute(_ONE, {"customers": list(actor.customers), "id": payment_id}).first()
    if row is None:
        raise NotFound
    return _attempt(row)


def running(session: Session, actor: Actor, fingerprint: bytes) -> UUID | None:
    """The live attempt over this very basket, whichever way it is being paid; None: there is none."""
    given = {"customers": list(actor.customers), "hash": fingerprint}
    found: UUID | None = session.scalar(_RUNNING, given)
    return found


def parts_of(session: Session, actor: Actor, payment_id: UUID) -> list[Choice]:
    """What an attempt was to pay, to choose the same again. For who may see all of it."""
    attempt(session, actor, payment_id)
    return [Choice(r.item_id, r.amount_minor) for r in session.execute(_PARTS, {"id": payment_id})]


def receipt_of(session: Session, payment_id: UUID) -> UUID | None:
    """The receipt of a payment's money, once it came."""
    found: UUID | None = session.scalar(_RECEIPT, {"id": payment_id})
    return found


def live_attempts(session: Session, customer_ids: Sequence[UUID]) -> list[Attempt]:
    """What is under way, latest first: these invoices are not to be paid a second time."""
    return [_attempt(row) for row in session.execute(_LIVE, {"customers": list(customer_ids)})]


def _attempt(row: Any) -> Attempt:
    return Attempt(**{**row._mapping, "method": Method(row.method)})
