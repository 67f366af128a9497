"""A debtor announces a transfer, or takes the announcement back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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


def hold_account(session: Session, actor: Actor) -> None:
    """Nothing moves on the actor's account until the transaction ends: what is read now is what gets announced."""
    ledger.lock_customers(session, actor.customers)


def announce(
    session: Session, actor: Actor, choices: Sequence[Choice], expected_on: date
) -> list[ExpectedPayment]:
    """Announce what was chosen: one expected payment, with its own RF reference, per creditor and payee.

    Announcing the same basket again gives the same expected payments: a reloaded page asks nobody to pay twice.
    """
    actor.must(Permission.ANNOUNCE_PAYMENT)
    hold_account(session, actor)
    found = payables(session, actor)
    if repeated := _already_announced(session, actor, choices, {payable.item_id for payable in found}):
        return repeated
    made = baskets(found, choices)
    known = {each.basket_hash: each for each in _waiting(session, actor, made)}
    return [known.get(b.fingerprint) or _announce_one(session, actor, b, expected_on) for b in made]


def settle_announcements(session: Session, parts: Sequence[tuple[UUID, int]]) -> None:
    """End the announcements whose money these allocations (item, amount signed as the item) are: they hold all its
    parts, or leave nothing open of what it wanted to pay. Else it would stay on its way for ever.

    Its reference may come again on money that was sent twice; that is then for a person."""
    columns = [list(column) for column in zip(*parts, strict=True)] or [[], []]
    session.execute(_SETTLE, {"items": columns[0], "minors": columns[1], "now": clock.now()})


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


_SETTLE = text("""
    UPDATE expected_payment e SET received_at = :now
    WHERE e.id IN (SELECT expected_payment_id FROM expected_payment_item WHERE waiting AND item_id = ANY (:items))
      AND (NOT EXISTS (SELECT FROM expected_payment_item p WHERE p.expected_payment_id = e.id
                       AND (p.item_id, p.amount_minor) NOT IN
                           (SELECT * FROM unnest(CAST(:items AS uuid[]), CAST(:minors AS bigint[]))))
           OR NOT EXISTS (SELECT FROM expected_payment_item p JOIN open_item i ON i.id = p.item_id
                          WHERE p.expected_payment_id = e.id AND p.amount_minor > 0 AND i.open_minor > 0))""")


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


def _waiting(session: Session, actor: Actor, made: Sequence[Basket]) -> Sequence[ExpectedPayment]:
    """The waiting announcements of these very baskets: some of a choice may have been announced before."""
    return session.scalars(
        select(ExpectedPayment).where(
            ExpectedPayment.basket_hash.in_([basket.fingerprint for basket in made]),
            ExpectedPayment.customer_id.in_(actor.customers),
            ExpectedPayment.cancelled_at.is_(None),
            ExpectedPayment.received_at.is_(None),
        )
    ).all()


def _already_announced(
    session: Session, actor: Actor, choices: Sequence[Choice], free: Collection[UUID]
) -> list[ExpectedPayment]:
    """The waiting announcements that hold exactly the chosen items, if there are any: a double click.

    “All that is free” of an item was announced before only when nothing of it is free any more.
    """
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
        wanted[part.item_id] == part.amount_minor
        or (wanted[part.item_id] is None and part.item_id not in free)
        for part in announced
    )
    return list(waiting) if same else []
