"""Announce debits: each night, what becomes due is told to the debtor as long before as was agreed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.audit.actions import record
from shared.autopay import mails
from shared.autopay.mails import Reader
from shared.autopay.models import Autopay, AutopayDebit, AutopayDebitItem
from shared.autopay.rules import Chosen, State, choose, collect_day
from shared.ids import new_id
from shared.ledger.actions import lock_customers
from shared.money import Money
from shared.outbox.actions import record_fact
from shared.payments.rules import Payable
from shared.rails.collecting import Collectable, collectable
from shared.rails.instruments import Instrument, instrument
from shared.rails.one_by_one import BATCH, one_by_one

log = structlog.get_logger("autopay")

_ACTIVE = text("SELECT id FROM autopay WHERE state = 'active' AND id > :after ORDER BY id LIMIT :size")
# Announced and waiting; skipped, so the debtor's to pay; over the cap or collected under the present terms.
_SPOKEN_OF = text("""
    SELECT l.item_id FROM autopay_debit_item l JOIN autopay_debit d ON d.id = l.debit_id
    WHERE d.autopay_id = :id AND CASE WHEN l.over_cap THEN d.noticed_at >= :changed_at
        ELSE d.outcome IS NULL OR d.skipped_at IS NOT NULL
             OR (d.noticed_at >= :changed_at AND (d.outcome = 'refused' OR d.outcome = 'started' AND EXISTS (
                 SELECT FROM payment_item p WHERE p.payment_id = d.payment_id AND p.item_id = l.item_id))) END""")


def notice_due() -> None:
    """Announce what is due of every active agreement, each in a transaction of its own; twice is once."""
    one_by_one(
        lambda session, after: session.scalars(_ACTIVE, {"after": after, "size": BATCH}).all(), _notice
    )


def _notice(session: Session, autopay_id: UUID) -> None:
    autopay = taken(session, autopay_id)
    if autopay is None or autopay.state != State.ACTIVE:
        return
    to = mails.reader(session, autopay)
    held = instrument(session, SYSTEM, autopay.customer_id, autopay.creditor_id, autopay.instrument_id)
    if held is None:
        suspend(session, autopay, "instrument", to)
        return
    if to is None:  # nobody is debited who could not be told
        log.warning("autopay_has_no_reader", autopay=str(autopay_id))
        return
    execute_on = held.earliest_debit(clock.today())
    if execute_on in _days(session, autopay_id):
        return
    lock_customers(session, [autopay.customer_id])
    given = {"id": autopay_id, "changed_at": autopay.changed_at}
    spoken_of = set(session.scalars(_SPOKEN_OF, given))
    found = collectable(session, SYSTEM, autopay.customer_id, autopay.creditor_id, autopay.currency)
    debits = [
        d
        for d in found.debits
        if d.item_id not in spoken_of and collect_day(d.due_on, autopay.offset_days) <= execute_on
    ]
    available = [c for c in found.credits if c.item_id not in spoken_of]
    chosen = choose(debits, available, autopay.cap_minor)
    if chosen.amount_minor > 0 or chosen.over:
        debit = announce(session, autopay, held, chosen, execute_on)
        mails.send(session, to, autopay.customer_id, _letter(to, autopay, held, debit, chosen, found))


def announce(
    session: Session,
    autopay: Autopay,
    held: Instrument,
    chosen: Chosen,
    execute_on: date,
    retries: AutopayDebit | None = None,
) -> AutopayDebit:
    """Write a debit down, to wait for its day; the caller tells the debtor in the same transaction."""
    minor = chosen.amount_minor
    debit = AutopayDebit(
        id=new_id(),
        autopay_id=autopay.id,
        customer_id=autopay.customer_id,
        execute_on=execute_on,
        send_on=min(held.order_on(execute_on), execute_on),
        noticed_at=clock.now(),
        notified_minor=minor,
        attempt=retries.attempt + 1 if retries else 0,
        retries_id=retries.id if retries else None,
        outcome=None if minor > 0 else "over_cap",
    )
    session.add(debit)
    session.flush()
    named_items = [*chosen.items, *chosen.credits] if minor > 0 else []
    lines = [(item_id, part, False) for item_id, part in named_items]
    lines += [(over.item_id, over.free_minor, True) for over in chosen.over]
    session.add_all(
        AutopayDebitItem(
            debit_id=debit.id, item_id=item_id, customer_id=autopay.customer_id, amount_minor=part, over_cap=over
        )
        for item_id, part, over in lines
    )  # fmt: skip
    session.flush()
    record(
        session, SYSTEM, "autopay_noticed", "autopay", autopay.id, debit=debit.id, on=execute_on, amount_minor=minor
    )  # fmt: skip
    record_fact(
        session, "autopay_noticed", autopay.id, debit_id=debit.id, customer_id=autopay.customer_id, amount_minor=minor
    )  # fmt: skip
    return debit


def free_day(session: Session, autopay: Autopay, held: Instrument, following: Callable[[date], date]) -> date:
    """The first day for which one may be told today and on which nothing is announced yet."""
    taken_days, day = _days(session, autopay.id), held.earliest_debit(clock.today())
    while day in taken_days:
        day = following(day)
    return day


def taken(session: Session, autopay_id: UUID) -> Autopay | None:
    """The agreement, held; None: another worker or the debtor has it in hand just now."""
    return session.scalar(select(Autopay).where(Autopay.id == autopay_id).with_for_update(skip_locked=True))


def suspend(session: Session, autopay: Autopay, reason: str, to: Reader | None) -> None:
    """Collect nothing until the debtor chose anew, and say so."""
    suspend_quietly(session, autopay, reason)
    if to is not None:
        mails.send(session, to, autopay.customer_id, mails.suspended(to, autopay))


def suspend_quietly(session: Session, autopay: Autopay, reason: str) -> None:
    """The same, where the caller writes to the debtor."""
    autopay.state, autopay.state_reason, autopay.changed_at = State.SUSPENDED, reason, clock.now()
    session.flush()
    record(session, SYSTEM, "autopay_suspended", "autopay", autopay.id, reason=reason)
    record_fact(session, "autopay_suspended", autopay.id, customer_id=autopay.customer_id, why=reason)


def _days(session: Session, autopay_id: UUID) -> set[date]:
    query = select(AutopayDebit.execute_on).where(AutopayDebit.autopay_id == autopay_id)
    return set(session.scalars(query))


def _letter(
    to: Reader, autopay: Autopay, held: Instrument, debit: AutopayDebit, chosen: Chosen, found: Collectable
) -> mails.Letter:
    if not debit.notified_minor:
        return mails.over_cap(to, debit.id, Money(autopay.cap_minor, autopay.currency), chosen.over)
    known: dict[UUID, Payable] = {each.item_id: each for each in (*found.debits, *found.credits)}
    items = [(known[item_id], part) for item_id, part in (*chosen.items, *chosen.credits)]
    return mails.notice(
        to,
        debit.id,
        debit.notified_minor,
        autopay.currency,
        debit.execute_on,
        held.named,
        items,
        chosen.over,
    )
