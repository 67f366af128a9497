"""Reads of payments, each in the scope of who asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session, selectinload

from shared.actor import Actor
from shared.creditors.queries import PAYEE
from shared.errors import NotFound
from shared.payments.models import ExpectedPayment
from shared.payments.rules import Payable, Payee

# What is on its way per item: announced transfers, and payments over a rail in process. Signed as the item. It asks the
# parts alone: what they are in may be the parent company's, which who acts for the subsidiary does not see.
ANNOUNCED = """
    SELECT p.item_id, sum(p.amount_minor)::bigint AS minor FROM item_in_flight p
    WHERE p.customer_id = ANY (:customers) GROUP BY p.item_id"""

# What was announced may have been settled otherwise meanwhile: then nothing of the item is free, never less.
_PAYABLES = text(f"""
    SELECT i.id, i.customer_id, i.creditor_id, i.number, i.currency, i.due_on,
           i.open_minor - coalesce(a.minor, 0) AS free_minor,
           b.id AS account_id, b.holder_name, b.iban, b.bic, b.holder_kind = 'creditor' AS is_own
    FROM open_item i
    LEFT JOIN ({ANNOUNCED}) a ON a.item_id = i.id
    {PAYEE}
    WHERE i.customer_id = ANY (:customers) AND i.open_minor <> 0
      AND sign(i.open_minor - coalesce(a.minor, 0)) = sign(i.amount_minor)
    ORDER BY i.due_on, i.number, i.id""")


def payables(session: Session, actor: Actor) -> list[Payable]:
    """All the actor could put into a basket, oldest due first; what is announced already is left out."""
    rows = session.execute(_PAYABLES, {"customers": list(actor.customers)})
    return [
        Payable(
            item_id=r.id,
            customer_id=r.customer_id,
            creditor_id=r.creditor_id,
            number=r.number,
            currency=r.currency,
            free_minor=int(r.free_minor),
            due_on=r.due_on,
            payee=Payee(r.account_id, r.holder_name, r.iban, r.bic, r.is_own) if r.account_id else None,
        )
        for r in rows
    ]


def expected_payment(session: Session, actor: Actor, payment_id: UUID) -> ExpectedPayment:
    """One announced payment of the debtor's; somebody else's is not found."""
    found = session.scalar(
        select(ExpectedPayment)
        .where(ExpectedPayment.id == payment_id, ExpectedPayment.customer_id.in_(actor.customers))
        .options(selectinload(ExpectedPayment.items))
    )
    if found is None:
        raise NotFound
    return found


def announced_as(session: Session, actor: Actor, fingerprints: Sequence[bytes]) -> list[ExpectedPayment]:
    """The waiting announcements of these very baskets, if all were announced; else none. Tells a double click."""
    found = session.scalars(
        select(ExpectedPayment)
        .where(
            ExpectedPayment.basket_hash.in_(fingerprints),
            ExpectedPayment.customer_id.in_(actor.customers),
            ExpectedPayment.cancelled_at.is_(None),
            ExpectedPayment.received_at.is_(None),
        )
        .order_by(ExpectedPayment.announced_at, ExpectedPayment.id)
    ).all()
    return list(found) if {payment.basket_hash for payment in found} == set(fingerprints) else []


def waiting_payments(session: Session, customer_ids: Iterable[UUID]) -> list[ExpectedPayment]:
    """Announced and neither arrived nor cancelled, latest first."""
    return list(
        session.scalars(
            select(ExpectedPayment)
            .where(
                ExpectedPayment.customer_id.in_(list(customer_ids)),
                ExpectedPayment.cancelled_at.is_(None),
                ExpectedPayment.received_at.is_(None),
            )
            .options(selectinload(ExpectedPayment.items))
            .order_by(ExpectedPayment.announced_at.desc(), ExpectedPayment.id)
        )
    )
