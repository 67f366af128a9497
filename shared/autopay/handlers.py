"""Reactions: a debit that failed or came back, and an agreement that was made."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.audit.actions import record
from shared.autopay import mails
from shared.autopay.actions import held_autopay
from shared.autopay.mails import Letter, Reader
from shared.autopay.models import Autopay, AutopayDebit
from shared.autopay.noticing import announce, free_day, suspend_quietly
from shared.autopay.rules import Next, State, after_failure, choose
from shared.ledger.actions import lock_customers
from shared.mandates import target2
from shared.outbox.actions import record_fact
from shared.outbox.facts import Fact
from shared.rails.collecting import collectable
from shared.rails.instruments import instrument
from shared.rails.models import Payment
from shared.rails.states import PAID, Status

_REASON = text("""
    SELECT reason_code FROM payment_fact WHERE payment_id = :payment AND kind IN ('returned', 'charged_back')
    ORDER BY id DESC LIMIT 1""")
_ITEMS = text("SELECT item_id FROM payment_item WHERE payment_id = :payment AND amount_minor > 0")


def debit_failed(session: Session, fact: Fact) -> None:
    """Write to the debtor, and by the reason: try again after a new notice, leave it to them, or rest."""
    query = select(AutopayDebit).where(AutopayDebit.payment_id == fact.subject_id)
    debit = session.scalar(query)
    if debit is None:
        return
    autopay = held_autopay(session, SYSTEM, debit.autopay_id)
    session.refresh(debit)
    payment = session.get_one(Payment, fact.subject_id)
    # Handled before, or money came after all.
    if debit.failed_code is not None or Status(payment.status) in PAID:
        return
    code = session.scalar(_REASON, {"payment": payment.id}) or payment.decline_code
    debit.failed_code = code or payment.decline or payment.status
    session.flush()
    record(
        session, SYSTEM, "autopay_debit_failed", "autopay", autopay.id, debit=debit.id, code=debit.failed_code
    )
    ids = {"debit_id": debit.id, "customer_id": autopay.customer_id}
    record_fact(session, "autopay_debit_failed", autopay.id, code=debit.failed_code, **ids)
    after = _verdict(autopay, debit, payment, code)
    to = mails.reader(session, autopay)
    if after is Next.SUSPEND:
        suspend_quietly(session, autopay, debit.failed_code)
    if to is None:
        return
    letter = mails.failed(to, payment.id, payment.amount_minor, payment.currency)
    if after is Next.RETRY:
        letter = _retried(session, autopay, debit, to, letter)
    elif after is Next.SUSPEND:
        letter = mails.suspended(to, autopay, letter)
    mails.send(session, to, autopay.customer_id, letter)


def _verdict(autopay: Autopay, debit: AutopayDebit, payment: Payment, code: str | None) -> Next:
    status = Status(payment.status)
    if status is Status.CANCELLED or autopay.state != State.ACTIVE:
        return Next.LEAVE
    if status is Status.EXPIRED:  # a card's holder was asked to confirm, and did not come
        return Next.LEAVE
    if status is Status.CHARGED_BACK:
        return Next.SUSPEND
    return after_failure(code, payment.decline, debit.attempt)


def _retried(session: Session, autopay: Autopay, debit: AutopayDebit, to: Reader, letter: Letter) -> Letter:
    """Announce the next try; nothing left to collect, or nothing to collect it with: the debtor pays another way."""
    held = instrument(session, SYSTEM, autopay.customer_id, autopay.creditor_id, autopay.instrument_id)
    if held is None:
        return letter
    lock_customers(session, [autopay.customer_id])
    failed = set(session.scalars(_ITEMS, {"payment": debit.payment_id}))
    found = collectable(session, SYSTEM, autopay.customer_id, autopay.creditor_id, autopay.currency)
    debits = [d for d in found.debits if d.item_id in failed]
    chosen = choose(debits, found.credits, min(autopay.cap_minor, debit.executed_minor or 0))
    if chosen.amount_minor <= 0:
        return letter
    following = target2.following if held.kind == "mandate" else _next_day
    on = free_day(session, autopay, held, following)
    again = announce(session, autopay, held, chosen, on, retries=debit)
    return mails.tried_again(to, letter, again.id, again.notified_minor, autopay.currency, on)


def _next_day(day: date) -> date:
    return day + timedelta(days=1)


def confirm(session: Session, fact: Fact) -> None:
    """What was agreed to, by mail: whoever did not agree learns of it."""
    assert fact.subject_id is not None
    autopay = session.get_one(Autopay, fact.subject_id)
    if autopay.state == State.ACTIVE and (to := mails.reader(session, autopay)) is not None:
        mails.send(session, to, autopay.customer_id, mails.confirmed(to, autopay))
