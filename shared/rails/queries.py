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
from shared.payments.rules import Basket
from shared.rails.rules import offered_in
from shared.rails.snapshot import Method


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
    publishable_key: str | None
    mode: str
    version: int
    numbers: list[str]
    items: list[UUID]


_OFFERS = text("""
    SELECT a.id AS account_id, a.creditor_id, a.provider, a.mode, r.method, r.countries, a.publishable_key
    FROM provider_account a JOIN rail r ON r.account_id = a.id
    WHERE a.active AND r.enabled AND a.creditor_id = :creditor
    ORDER BY array_position(ARRAY['card', 'card_page', 'pay_by_bank', 'virtual_iban', 'debit_core', 'debit_b2b'],
                            r.method), a.provider""")
_COUNTRIES = text("SELECT DISTINCT country FROM customer WHERE id = ANY (:customers)")
_ATTEMPT = """
    SELECT p.id, p.reference, p.method, p.status, p.currency, p.amount_minor, k.name AS creditor, p.started_by,
           p.started_at, p.step, p.decline, p.instrument, p.expected_on, p.collect_on, p.refundable_until,
           a.publishable_key, a.mode, p.version, i.numbers, i.items
    FROM payment p JOIN creditor k ON k.id = p.creditor_id JOIN provider_account a ON a.id = p.account_id
    CROSS JOIN LATERAL (SELECT array_agg(o.number ORDER BY o.due_on, o.number) AS numbers,
                               array_agg(o.id ORDER BY o.due_on, o.number) AS items
                        FROM payment_item x JOIN open_item o ON o.id = x.item_id WHERE x.payment_id = p.id) i
    WHERE p.customer_id = ANY (:customers)"""
_ONE = text(f"{_ATTEMPT} AND p.id = :id")
_LIVE = text(f"""{_ATTEMPT} AND p.status IN ('created', 'unknown', 'awaiting_payer', 'processing')
    ORDER BY p.started_at DESC, p.id LIMIT 100""")


def offers(session: Session, actor: Actor, basket: Basket) -> list[Offer]:
    """The ways a basket may be paid, best first. An invoice whose payee is a factor is paid by transfer only, to the
    factor: a card or debit would pay who may not be paid any more."""
    if not basket.payee.is_own:
        return []
    payers = {payable.customer_id for payable, _ in basket.parts}
    countries = set(session.scalars(_COUNTRIES, {"customers": list(payers)}))
    return [
        Offer(r.account_id, r.creditor_id, r.provider, r.mode, Method(r.method), r.publishable_key)
        for r in session.execute(_OFFERS, {"creditor": basket.creditor_id})
        if all(offered_in(r.countries, country) for country in countries)
        and (basket.currency == "EUR" or Method(r.method) in (Method.CARD, Method.CARD_PAGE))
    ]


def attempt(session: Session, actor: Actor, payment_id: UUID) -> Attempt:
    """One payment of the debtor's; somebody else's is not found."""
    row = session.execute(_ONE, {"customers": list(actor.customers), "id": payment_id}).first()
    if row is None:
        raise NotFound
    return _attempt(row)


def live_attempts(session: Session, customer_ids: Sequence[UUID]) -> list[Attempt]:
    """What is under way, latest first: these invoices are not to be paid a second time."""
    return [_attempt(row) for row in session.execute(_LIVE, {"customers": list(customer_ids)})]


def _attempt(row: Any) -> Attempt:
    return Attempt(**{**row._mapping, "method": Method(row.method)})
