"""Refunds: asked by one, approved by another, then sent once."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.db import hold
from shared.errors import Conflict, DomainError, NotFound
from shared.ids import new_id
from shared.outbox.actions import record_fact
from shared.rails.debits import is_own_bank
from shared.rails.models import Operation, Payment, Refund


class OnePerson(DomainError):
    code = "one_person"
    sentence = "Whoever asked for a refund cannot approve it: it needs two people."


_KEPT = text("""
    SELECT coalesce(sum(CASE WHEN kind IN ('received', 'chargeback_reversed', 'refund_returned') THEN amount_minor
                             WHEN kind = 'paid_out' THEN 0 ELSE -amount_minor END), 0)::bigint
           - coalesce((SELECT sum(r.amount_minor) FROM refund r WHERE r.payment_id = :payment
                       AND r.state IN ('asked', 'approved', 'pending')
                       AND NOT EXISTS (SELECT FROM payment_fact f WHERE f.payment_id = r.payment_id
                                       AND f.kind = 'refunded' AND f.ref = r.ref)), 0)::bigint
    FROM payment_fact WHERE payment_id = :payment""")


def refundable_minor(session: Session, payment_id: UUID) -> int:
    """What may still be refunded of a payment, less what was asked for already."""
    return int(session.scalar(_KEPT, {"payment": payment_id}) or 0)


def ask(session: Session, actor: Actor, payment_id: UUID, amount_minor: int, reason: str) -> UUID:
    """Ask for a refund. Never more than received: the database refuses it too."""
    actor.must(Permission.ASK_REFUND)
    assert actor.id is not None
    payment = _held(session, payment_id)
    if is_own_bank(session, payment.account_id):
        raise DomainError("Your bank refunds nothing by itself: send the debtor a transfer instead.")
    if not 0 < amount_minor <= refundable_minor(session, payment_id):
        raise DomainError(
            "A refund cannot exceed what we still have of this payment, less the refunds asked for already.",
            field="amount",
        )
    if not reason.strip():
        raise DomainError("Say why: who approves it needs to know.", field="reason")
    refund_id = new_id()
    session.execute(
        insert(Refund).values(
            id=refund_id,
            payment_id=payment_id,
            customer_id=payment.customer_id,
            amount_minor=amount_minor,
            reason=reason.strip(),
            asked_by_id=actor.id,
            asked_by=actor.name,
            asked_at=clock.now(),
        )
    )
    record(
        session, actor, "ask_refund", "payment", payment_id, amount_minor=amount_minor, reason=reason.strip()
    )
    record_fact(session, "refund_asked", refund_id, payment_id=payment_id, amount_minor=amount_minor)
    return refund_id


def approve(session: Session, actor: Actor, refund_id: UUID) -> None:
    """Approve somebody else's request; its command goes out at once."""
    actor.must(Permission.APPROVE_REFUND)
    refund = _asked(session, refund_id)
    if refund.asked_by_id == actor.id:
        raise OnePerson
    payment = session.get_one(Payment, refund.payment_id)
    _decide(refund, actor, "approved")
    session.flush()
    session.execute(
        insert(Operation).values(
            id=new_id(),
            account_id=payment.account_id,
            customer_id=payment.customer_id,
            payment_id=payment.id,
            refund_id=refund.id,
            kind="refund",
            created_at=clock.now(),
        )
    )
    record(session, actor, "approve_refund", "payment", payment.id, amount_minor=refund.amount_minor)
    record_fact(
        session, "refund_approved", refund.id, payment_id=payment.id, amount_minor=refund.amount_minor
    )


def refuse(session: Session, actor: Actor, refund_id: UUID) -> None:
    """Refuse a request, or take one's own back."""
    refund = session.get(Refund, refund_id)
    if refund is None:
        raise NotFound
    actor.must(Permission.ASK_REFUND if refund.asked_by_id == actor.id else Permission.APPROVE_REFUND)
    refund = _asked(session, refund_id)
    _decide(refund, actor, "refused")
    session.flush()
    record(session, actor, "refuse_refund", "payment", refund.payment_id, amount_minor=refund.amount_minor)


def _held(session: Session, payment_id: UUID) -> Payment:
    hold(session, "payment", [payment_id])
    payment = session.get(Payment, payment_id, populate_existing=True)
    if payment is None:
        raise NotFound
    return payment


def _asked(session: Session, refund_id: UUID) -> Refund:
    refund = session.get(Refund, refund_id)
    if refund is None:
        raise NotFound
    _held(session, refund.payment_id)
    session.refresh(refund)
    if refund.state != "asked":
        raise Conflict("This refund was decided already.")
    return refund


def _decide(refund: Refund, actor: Actor, state: str) -> None:
    refund.state, refund.decided_by_id, refund.decided_by = state, actor.id, actor.name
    refund.decided_at = clock.now()
