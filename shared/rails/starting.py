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
from shared.mandates.queries import usable
from shared.outbox.actions import record_fact
from shared.payments.announcing import hold_account
from shared.payments.queries import payables
from shared.payments.rules import Basket, Choice, baskets
from shared.rails import debits
from shared.rails.models import Operation, Payment, PaymentItem, SavedCard
from shared.rails.queries import Offer, attempt, offers, parts_of
from shared.rails.rules import NotOffered, expires_at
from shared.rails.states import LIVE, Status
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
    _check_card(session, made[0], terms)
    _check_mandate(session, actor, made[0], offer, terms)
    return start(session, actor, made[0], terms, offer.creditor_id)


def start(session: Session, actor: Actor, basket: Basket, terms: Terms, creditor_id: UUID) -> UUID:
    """Write the attempt and its command; for who has checked the basket and the offer under held customers."""
    own_bank = debits.is_own_bank(session, terms.account_id)
    if own_bank:
        terms = debits.agreed(session, actor, basket, terms, creditor_id)
    serial = session.scalar(text("SELECT nextval('payment_serial')"))
    now, payment_id = clock.now(), new_id()
    payer_id = basket.payer_id
    session.execute(
        insert(Payment).values(
            id=payment_id,
            reference=f"PAY-{serial:06d}",
            account_id=terms.account_id,
            creditor_id=creditor_id,
            customer_id=payer_id,
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
    _keep_parts(session, payment_id, basket)
    if own_bank:  # its command is the file it will stand in
        record_fact(session, "debit_agreed", payment_id, customer_id=payer_id)
    else:
        _command(
            session,
            terms.account_id,
            payer_id,
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


def _keep_parts(session: Session, payment_id: UUID, basket: Basket) -> None:
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


# An attempt that ended like this has taken no money: the same may be tried anew.
_ENDED = frozenset({Status.FAILED, Status.CANCELLED, Status.EXPIRED})


def again(session: Session, actor: Actor, payment_id: UUID, language: str) -> UUID:
    """A new attempt over what one that came to nothing was to pay, the same way; pressed twice it is one attempt.

    A saved card that was refused is not tried again by itself: the payer then enters one.
    """
    actor.must(Permission.PAY)
    hold_account(session, actor)
    before = attempt(session, actor, payment_id)
    if before.status not in _ENDED:
        raise Conflict("This payment is not over: there is nothing to try again.")
    payment = session.get_one(Payment, payment_id)
    terms = Terms(
        payment.account_id,
        before.method,
        language,
        save=payment.save_instrument,
        mandate_id=payment.mandate_id,
    )
    return pay(session, actor, parts_of(session, actor, payment_id), terms)


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


def _check_card(session: Session, basket: Basket, terms: Terms) -> None:
    """A saved card belongs to one customer at one provider: it pays for nobody else, and nowhere else."""
    if terms.saved_card_id is None:
        return
    card = session.get(SavedCard, terms.saved_card_id)
    if (
        card is None
        or card.removed_at is not None
        or (card.customer_id, card.account_id) != (basket.payer_id, terms.account_id)
    ):
        raise NotOffered


def _check_mandate(session: Session, actor: Actor, basket: Basket, offer: Offer, terms: Terms) -> None:
    """A mandate allows one creditor to debit one customer, through one provider; a debit through the creditor's own
    bank needs one."""
    if terms.mandate_id is None and offer.provider != "own_bank":
        return
    found = usable(session, actor, [basket.payer_id], basket.creditor_id, clock.today())
    if (terms.mandate_id, offer.provider, offer.method) not in {
        (mandate.id, mandate.provider, f"debit_{mandate.scheme}") for mandate in found
    }:
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
