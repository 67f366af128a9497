"""What became of a collection: refused before its day, collected, or brought back. Each once, whoever tells it how often.

A collection comes back once at most, so its payment's id alone names the fact: the notification of the day, the
statement after it and a file read twice are the same return, even where one of them gives no reason.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM, Actor
from shared.clock import BUSINESS_ZONE
from shared.db import hold, writing
from shared.ledger import actions as ledger
from shared.mandates.actions import suspend_if_told
from shared.rails.alerts import raise_alert
from shared.rails.applying import apply
from shared.rails.collections import mark_sent
from shared.rails.snapshot import Decline, FactKind, MoneyFact, Phase, Snapshot

# Ours for what a bank says (EPC173-14); the payer reads the sentence of ours.
_DECLINES = {
    "AM04": "insufficient_funds",
    "AC01": "wrong_details",
    "RC01": "wrong_details",
    **dict.fromkeys(("AC04", "AC06", "AC13", "AG01", "MD01", "MD02", "MD07"), "mandate"),
    "SL01": "limit",
    "ED05": "temporary",
}

_ENTRY = text("""
    SELECT e.id, e.payment_id, e.mandate_id, e.batch_id, e.state, e.amount_minor, e.due_on, e.iban_last4, p.status,
           p.refundable_until, b.state AS batch_state, b.collector ->> 'iban' AS collector_iban
    FROM collection_entry e JOIN payment p ON p.id = e.payment_id JOIN collection_batch b ON b.id = e.batch_id
    WHERE e.payment_id = :payment AND e.state <> 'withdrawn'""")
_MOVE = text("""
    UPDATE collection_entry SET state = :state, reason_code = coalesce(:code, reason_code), answered_at = :now
    WHERE id = :id""")
_GROUP = text("""
    UPDATE payout SET amount_minor = amount_minor + :minor WHERE batch_id = :batch AND arrives_on = :due_on""")
_CUSTOMERS = text("SELECT DISTINCT customer_id FROM payment_item WHERE payment_id = ANY (:ids)")


@dataclass(frozen=True, slots=True)
class Told:
    """What a bank says of one collection. `on`: the day it came back; None: it was refused before its day."""

    payment_id: UUID
    code: str | None
    on: date | None = None


def payment_of(end_to_end_id: str | None) -> UUID | None:
    """The payment an end-to-end id of ours names: its id as 32 hexadecimal digits."""
    if end_to_end_id is None or len(end_to_end_id) != 32:
        return None
    try:
        return UUID(end_to_end_id)
    except ValueError:
        return None


def hold_all(session: Session, payment_ids: list[UUID]) -> None:
    """Hold payments and their customers' money, in one order, before any of them is touched."""
    hold(session, "payment", payment_ids)
    ledger.lock_customers(session, session.scalars(_CUSTOMERS, {"ids": payment_ids}).all())


def refused(session: Session, actor: Actor, told: Told) -> str:
    """The bank refused it before its day: there will be no money. Gives the outcome."""
    entry = _entry(session, actor, told)
    if entry is None:
        return "foreign"
    if entry.state == "rejected":
        return "known"
    if entry.state != "sent":
        # What was collected is told back by a return, never by a refusal.
        _contradicts(session, entry, told)
        return "contradicts"
    _apply(session, entry, Phase.FAILED, (), told.code)
    _moved(session, actor, entry, "rejected", told.code)
    session.execute(_GROUP, {"minor": -entry.amount_minor, "batch": entry.batch_id, "due_on": entry.due_on})
    return "rejected"


def returned(session: Session, actor: Actor, told: Told) -> str:
    """It came back. What comes back was collected, whether or not we have seen the credit yet."""
    assert told.on is not None
    entry = _entry(session, actor, told)
    if entry is None:
        return "foreign"
    if entry.state == "returned":
        return "known"
    if (
        entry.state == "rejected"
    ):  # refused, and yet credited and taken back: the bank credited the whole file
        session.execute(
            _GROUP, {"minor": entry.amount_minor, "batch": entry.batch_id, "due_on": entry.due_on}
        )
    facts = (
        *_received(entry, entry.due_on),
        _fact(FactKind.RETURNED, entry, max(told.on, entry.due_on), told.code),
    )
    _apply(session, entry, Phase.SUCCEEDED, facts, told.code)
    _moved(session, actor, entry, "returned", told.code)
    return "returned"


def _entry(session: Session, actor: Actor, told: Told) -> Row[Any] | None:
    """The collection, of a file that the bank has: when it speaks of one we had not marked as sent, it has it."""
    entry = session.execute(_ENTRY, {"payment": told.payment_id}).first()
    if entry is not None and entry.batch_state == "made":
        mark_sent(session, actor, entry.batch_id)
        entry = session.execute(_ENTRY, {"payment": told.payment_id}).first()
    return entry


def _apply(
    session: Session, entry: Row[Any], phase: Phase, facts: tuple[MoneyFact, ...], code: str | None
) -> None:
    decline = Decline(_DECLINES.get(code or "", "declined"), code or "") if phase is Phase.FAILED else None
    seen = Snapshot(
        provider_ref=entry.payment_id.hex,
        phase=phase,
        raw_status=code or phase.value,
        amount_minor=entry.amount_minor,
        currency="EUR",
        payment_id=entry.payment_id,
        facts=facts,
        decline=decline,
        expected_on=entry.due_on,
        refundable_until=entry.refundable_until,
    )
    apply(session, entry.payment_id, seen)


def _received(entry: Row[Any], on: date) -> tuple[MoneyFact, MoneyFact]:
    """With the own bank, received is settled: the money is on the account."""
    return _fact(FactKind.RECEIVED, entry, on, None), _fact(FactKind.PAID_OUT, entry, on, None)


def _fact(kind: FactKind, entry: Row[Any], on: date, code: str | None) -> MoneyFact:
    return MoneyFact(
        kind, entry.payment_id.hex, entry.amount_minor, "EUR", _noon(on), reason_code=code, cause=None
    )


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), BUSINESS_ZONE)


def _moved(session: Session, actor: Actor, entry: Row[Any], state: str, code: str | None) -> None:
    session.execute(_MOVE, {"id": entry.id, "state": state, "code": code, "now": clock.now()})
    if state != "collected":
        suspend_if_told(session, actor, entry.mandate_id, code)


def _contradicts(session: Session, entry: Row[Any], told: Told) -> None:
    raise_alert(
        session,
        "impossible_move",
        payment_id=entry.payment_id,
        about="refused",
        provider="own_bank",
        new=told.code or "rejected",
        old=entry.status,
    )


# -- the bank's credit becomes receipts ----------------------------------------------------------------------

# What is due on a day whose sum has arrived whole on the account. One at a time, each in a transaction of its own: a
# worker that dies leaves the rest for the next.
_ARRIVED = text("""
    SELECT e.payment_id, r.arrived_on FROM payout p
    JOIN LATERAL (SELECT max(arrived_on) AS arrived_on FROM payout_arrival WHERE payout_id = p.id) r
         ON r.arrived_on IS NOT NULL
    JOIN collection_entry e ON e.batch_id = p.batch_id AND e.due_on = p.arrives_on AND e.state = 'sent'
    WHERE p.batch_id IS NOT NULL AND p.outstanding_minor = 0
    ORDER BY p.arrives_on, e.position LIMIT 500""")


def settle_arrived(stop: threading.Event | None = None) -> int:
    """Book the receipts of all collections whose day's sum the bank has credited; gives how many. O(collections)."""
    done = 0
    while not (stop and stop.is_set()):
        with writing(SYSTEM) as session:
            found = session.execute(_ARRIVED).all()
        for row in found:
            if stop and stop.is_set():
                break
            done += _collected(row.payment_id, row.arrived_on)
        if not found:
            break
    return done


def _collected(payment_id: UUID, on: date) -> int:
    with writing(SYSTEM) as session:
        hold_all(session, [payment_id])
        entry = session.execute(_ENTRY, {"payment": payment_id}).one()
        if entry.state != "sent":  # another worker was faster, or it came back meanwhile
            return 0
        _apply(session, entry, Phase.SUCCEEDED, _received(entry, on), None)
        _moved(session, SYSTEM, entry, "collected", None)
        return 1
