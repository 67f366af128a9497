"""A payment begins: the intent and its command are written together; the worker speaks to the provider."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.errors import Conflict, NotFound
from shared.ids import new_id
from shared.outbox.actions import record_fact
from shared.payments.announcing import hold_account
from shared.payments.queries import payables
from shared.payments.rules import Basket, Choice, baskets
from shared.rails import debits
from shared.rails.models import Operation, Payment, PaymentItem
from shared.rails.queries import Offer, offers
from shared.rails.rules import NotOffered, expires_at
from shared.rails.states import LIVE
from shared.rails.terms import Terms as Terms


def pay(session: Session, actor: Actor, choices: Sequence[Choice], terms: Terms) -> UUID:
    """Start to pay one basket, or give the attempt that is under way for the very same one: a double click, a second
    tab and a reloaded page all end at one payment. Any other live attempt over one of its items is refused."""
    actor.must(Permission.PAY)
    hold_account(session, actor)
    wanted = {choice.item_id: choice.amount_minor for choice in choices if choice.amount_minor != 0}
    if (running := _running(session, actor, wanted, terms)) is not None:
        return running
    made = baskets(payables(session, actor), choices)
    if len(made) != 1:
        raise Conflict("These invoices have several payees: pay them one after the other.")
    offer = _offer(session, actor, made[0], terms)
    return start(session, actor, made[0], terms, offer.creditor_id)


def start(session: Session, actor: Actor, basket: Basket, terms: Terms, creditor_id: UUID) -> UUID:
    """Write the attempt and its command; for who has checked the basket and the offer under held customers."""
    own_bank = debits.is_own_bank(session, terms.account_id)
    if own_bank:
        terms = debits.agreed(session, actor, basket, terms, creditor_id)
    serial = session.scalar(text("SELECT nextval('payment_serial')"))
    now, payment_id = clock.now(), new_id()
    payer = max(basket.parts, key=lambda part: part[1])[0]
    session.execute(
        insert(Payment).values(
            id=payment_id,
            reference=f"PAY-{serial:06d}",
            account_id=terms.account_id,
            creditor_id=creditor_id,
            customer_id=payer.customer_id,
            method=terms.method.value,
            origin=terms.origin,
            currency=basket.currency,
            amount_minor=basket.amount_minor,
            basket_hash=basket.fingerprint,
            language=terms.language,
            started_by=actor.name,
            started_at=now,
            expires_at=expires_at(terms.method, now),
            mandate_id=terms.mandate_id,
            saved_card_id=terms.saved_card_id,
            save_instrument=terms.save,
            collect_on=terms.collect_on,
            changed_at=now,
        )
    )
    session.execute(
        insert(PaymentItem),
        [
            {
                "payment_id": payment_id,
                "item_id": item.item_id,
                "customer_id": item.customer_id,
                "amount_minor": minor,
            }
            for item, minor in basket.parts
        ],
    )
    if own_bank:  # its command is the file it will stand in
        record_fact(session, "debit_agreed", payment_id, customer_id=payer.customer_id)
    else:
        _command(
            session,
            terms.account_id,
            payer.customer_id,
            payment_id,
            "start",
            email=terms.email,
            description=terms.description,
        )
    record(
        session,
        actor,
        "start_payment",
        "payment",
        payment_id,
        method=terms.method.value,
        amount_minor=basket.amount_minor,
        currency=basket.currency,
    )
    return payment_id


def cancel(session: Session, actor: Actor, payment_id: UUID) -> None:
    """Give up an attempt, if the provider still can; it has the last word. Asked twice is asked once."""
    actor.must(Permission.PAY)
    payment = session.get(Payment, payment_id)
    if payment is None or payment.customer_id not in actor.customers:
        raise NotFound
    hold_account(session, actor)
    session.refresh(payment, ["status"])
    if payment.status not in LIVE:
        return
    if debits.is_own_bank(session, payment.account_id):
        debits.must_not_be_in_a_file(session, payment_id)
    waiting = select(Operation.id).where(
        Operation.payment_id == payment_id,
        Operation.kind == "cancel",
        Operation.state.in_(("pending", "sent", "unknown")),
    )
    if session.scalar(waiting) is None:
        _command(session, payment.account_id, payment.customer_id, payment_id, "cancel")
        record(session, actor, "cancel_payment", "payment", payment_id)


def look(session: Session, actor: Actor, payment_id: UUID) -> None:
    """Ask for a look at the provider: the payer came back from there. The own bank answers by files alone."""
    actor.must(Permission.PAY)
    payment = session.get(Payment, payment_id)
    if payment is None or payment.customer_id not in actor.customers:
        raise NotFound
    if not debits.is_own_bank(session, payment.account_id):
        session.execute(update(Payment).where(Payment.id == payment_id).values(sync_due_at=clock.now()))


def _running(session: Session, actor: Actor, wanted: dict[UUID, int | None], terms: Terms) -> UUID | None:
    """The live attempt over exactly these items and amounts, the same way; None: there is none."""
    rows = session.execute(
        select(Payment.id, Payment.method, Payment.account_id, PaymentItem.item_id, PaymentItem.amount_minor)
        .join(PaymentItem, PaymentItem.payment_id == Payment.id)
        .where(
            Payment.customer_id.in_(actor.customers),
            Payment.status.in_([status.value for status in LIVE]),
            Payment.id.in_(select(PaymentItem.payment_id).where(PaymentItem.item_id.in_(wanted))),
        )
    ).all()
    by_payment: dict[UUID, dict[UUID, int]] = {}
    for row in rows:
        if (row.method, row.account_id) == (terms.method.value, terms.account_id):
            by_payment.setdefault(row.id, {})[row.item_id] = row.amount_minor
    for payment_id, parts in by_payment.items():
        if parts.keys() == wanted.keys() and all(wanted[i] in (None, minor) for i, minor in parts.items()):
            return payment_id
    return None


def _offer(session: Session, actor: Actor, basket: Basket, terms: Terms) -> Offer:
    for offer in offers(session, actor, basket):
        if (offer.account_id, offer.method) == (terms.account_id, terms.method):
            return offer
    raise NotOffered


def _command(
    session: Session, account_id: UUID, customer_id: UUID, payment_id: UUID, kind: str, **request: str | None
) -> None:
    session.execute(
        insert(Operation).values(
            id=new_id(),
            account_id=account_id,
            customer_id=customer_id,
            payment_id=payment_id,
            kind=kind,
            request=request,
            created_at=clock.now(),
        )
    )
