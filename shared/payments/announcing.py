"""A debtor announces a transfer, or takes the announcement back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session, selectinload

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.errors import Conflict, NotFound
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.outbox.actions import record_fact
from shared.payments import reference
from shared.payments.models import ExpectedPayment, ExpectedPaymentItem
from shared.payments.queries import payables
from shared.payments.rules import Basket, Choice, baskets


def announce(
    session: Session, actor: Actor, choices: Sequence[Choice], expected_on: date
) -> list[ExpectedPayment]:
    """Announce what was chosen: one expected payment, with its own RF reference, per creditor and payee.

    Announcing the same basket again gives the same expected payments: a reloaded page asks nobody to pay twice.
    """
    actor.must(Permission.ANNOUNCE_PAYMENT)
    ledger.lock_customers(session, actor.customers)
    if repeated := _already_announced(session, actor, choices):
        return repeated
    found = baskets(payables(session, actor), choices)
    return [_announce_one(session, actor, basket, expected_on) for basket in found]


def cancel(session: Session, actor: Actor, payment_id: UUID) -> None:
    """Take an announcement back, as long as its money has not come."""
    actor.must(Permission.ANNOUNCE_PAYMENT)
    payment = session.get(ExpectedPayment, payment_id)
    if payment is None or payment.customer_id not in actor.customers:
        raise NotFound
    ledger.lock_customers(session, [payment.customer_id])
    session.refresh(payment)
    if payment.received_at is not None:
        raise Conflict("This payment has arrived: there is nothing to take back.")
    if payment.cancelled_at is None:
        payment.cancelled_at = clock.now()
        record(
            session, actor, "cancel_announcement", "expected_payment", payment.id, reference=payment.reference
        )
        record_fact(session, "payment_announcement_cancelled", payment.id)


def _announce_one(session: Session, actor: Actor, basket: Basket, expected_on: date) -> ExpectedPayment:
    serial = session.scalar(text("SELECT nextval('payment_reference_serial')"))
    assert serial is not None
    largest = max(basket.parts, key=lambda part: part[1])[0]
    payment = ExpectedPayment(
        id=new_id(),
        reference=reference.make(serial),
        customer_id=largest.customer_id,
        creditor_id=basket.creditor_id,
        bank_account_id=basket.payee.account_id,
        payee_name=basket.payee.name,
        payee_iban=basket.payee.iban,
        payee_bic=basket.payee.bic,
        currency=basket.currency,
        amount_minor=basket.amount_minor,
        expected_on=expected_on,
        announced_at=clock.now(),
        announced_by=actor.name,
        basket_hash=basket.fingerprint,
        items=[
            ExpectedPaymentItem(item_id=item.item_id, customer_id=item.customer_id, amount_minor=minor)
            for item, minor in basket.parts
        ],
    )
    session.add(payment)
    session.flush()
    record(
        session,
        actor,
        "announce_payment",
        "expected_payment",
        payment.id,
        reference=payment.reference,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )
    record_fact(
        session,
        "payment_announced",
        payment.id,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        customer_id=payment.customer_id,
        creditor_id=payment.creditor_id,
    )
    return payment


def _already_announced(session: Session, actor: Actor, choices: Sequence[Choice]) -> list[ExpectedPayment]:
    """The waiting announcements that hold exactly the chosen items, if there are any: a double click."""
    wanted = {choice.item_id: choice.amount_minor for choice in choices if choice.amount_minor != 0}
    waiting = session.scalars(
        select(ExpectedPayment)
        .join(ExpectedPayment.items)
        .where(
            ExpectedPayment.customer_id.in_(actor.customers),
            ExpectedPayment.cancelled_at.is_(None),
            ExpectedPayment.received_at.is_(None),
            ExpectedPaymentItem.item_id.in_(wanted),
        )
        .options(selectinload(ExpectedPayment.items))
        .order_by(ExpectedPayment.creditor_id, ExpectedPayment.payee_iban, ExpectedPayment.currency)
        .distinct()
    ).all()
    announced = [part for payment in waiting for part in payment.items]
    same = {part.item_id for part in announced} == set(wanted) and all(
        wanted[part.item_id] in (None, part.amount_minor) for part in announced
    )
    return list(waiting) if same else []
