"""Make the debits whose day has come: what is collected is worked out from what is open now, never from the notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.audit.actions import record
from shared.autopay import mails
from shared.autopay.models import Autopay, AutopayDebit, AutopayDebitItem
from shared.autopay.noticing import suspend, taken
from shared.autopay.rules import LATE_DAYS, Chosen, State, choose
from shared.errors import DomainError
from shared.ledger.actions import lock_customers
from shared.outbox.actions import record_fact
from shared.payments.rules import Choice
from shared.rails import starting
from shared.rails.collecting import acting_for, collectable
from shared.rails.instruments import Instrument, instrument
from shared.rails.one_by_one import BATCH, one_by_one

_DUE = text("""
    SELECT id FROM autopay_debit WHERE outcome IS NULL AND send_on <= :today AND id > :after
    ORDER BY id LIMIT :size""")


def collect_due() -> None:
    """Order every debit whose day has come, each in a transaction of its own: done, it is not done again."""
    given = {"today": clock.today(), "size": BATCH}
    one_by_one(lambda session, after: session.scalars(_DUE, given | {"after": after}).all(), _execute)


def _execute(session: Session, debit_id: UUID) -> None:
    debit = session.get_one(AutopayDebit, debit_id)
    autopay = taken(session, debit.autopay_id)
    if autopay is None:
        return
    session.refresh(debit)
    if debit.outcome is not None:
        return
    if debit.skipped_at is not None:
        _end(session, debit, "skipped")
    elif autopay.state != State.ACTIVE:
        _end(session, debit, "stopped", autopay.state)
    elif clock.today() > debit.execute_on + timedelta(days=LATE_DAYS):
        _end(session, debit, "missed")
    else:
        _collect(session, autopay, debit)


def _collect(session: Session, autopay: Autopay, debit: AutopayDebit) -> None:
    held = instrument(session, SYSTEM, autopay.customer_id, autopay.creditor_id, autopay.instrument_id)
    if held is None:
        _refuse(session, autopay, debit, "instrument")
        return
    chosen = _due_now(session, autopay, debit)
    if chosen.amount_minor > 0:
        _order(session, autopay, debit, held, chosen)
        return
    if (to := mails.reader(session, autopay)) is not None:
        mails.send(session, to, autopay.customer_id, mails.nothing(to, debit.id, debit.execute_on))
    _end(session, debit, "nothing")


def _due_now(session: Session, autopay: Autopay, debit: AutopayDebit) -> Chosen:
    """What of the announced items is still open and free, with all credits there are: never more than was told."""
    lock_customers(session, [autopay.customer_id])
    query = select(AutopayDebitItem.item_id, AutopayDebitItem.amount_minor).where(
        AutopayDebitItem.debit_id == debit.id, AutopayDebitItem.over_cap.is_(False)
    )
    announced = {row.item_id: row.amount_minor for row in session.execute(query)}
    found = collectable(session, SYSTEM, autopay.customer_id, autopay.creditor_id, autopay.currency)
    debits = [
        replace(d, free_minor=min(d.free_minor, announced[d.item_id]))
        for d in found.debits
        if d.item_id in announced
    ]
    return choose(debits, found.credits, min(autopay.cap_minor, debit.notified_minor))


def _order(session: Session, autopay: Autopay, debit: AutopayDebit, held: Instrument, chosen: Chosen) -> None:
    to = mails.reader(session, autopay)
    terms = starting.Terms(
        held.account_id,
        held.method,
        autopay.language,
        email=to.email if to else None,
        origin="autopay",
        saved_card_id=held.saved_card_id,
        mandate_id=held.mandate_id,
        collect_on=held.debit_on(debit.execute_on, clock.today()) if held.method.is_debit else None,
    )
    choices = [Choice(item_id, minor) for item_id, minor in (*chosen.items, *chosen.credits)]
    try:
        with session.begin_nested():
            payment_id = starting.pay(session, acting_for(SYSTEM, autopay.customer_id), choices, terms)
    except DomainError as refused:
        _refuse(session, autopay, debit, refused.code)
        return
    debit.payment_id, debit.executed_minor = payment_id, chosen.amount_minor
    _end(session, debit, "started")


def _refuse(session: Session, autopay: Autopay, debit: AutopayDebit, reason: str) -> None:
    suspend(session, autopay, reason, mails.reader(session, autopay))
    _end(session, debit, "refused", reason)


def _end(session: Session, debit: AutopayDebit, outcome: str, detail: str | None = None) -> None:
    debit.outcome, debit.detail = outcome, detail
    session.flush()
    told: dict[str, Any] = {
        "debit_id": debit.id,
        "amount_minor": debit.executed_minor,
        "payment_id": debit.payment_id,
    }
    record(session, SYSTEM, f"autopay_{outcome}", "autopay", debit.autopay_id, **told)
    record_fact(session, f"autopay_{outcome}", debit.autopay_id, customer_id=debit.customer_id, **told)
