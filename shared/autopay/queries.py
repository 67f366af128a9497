"""Reads of autopay, each in the scope of who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.errors import NotFound

_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Agreement:
    """Autopay as lists show it. `instrument`: card or mandate with its last digits."""

    id: UUID
    customer_id: UUID
    customer: str
    creditor_id: UUID
    creditor: str
    currency: str
    instrument_id: UUID
    instrument: str
    last4: str | None
    cap_minor: int
    offset_days: int
    state: str
    state_reason: str | None
    switched_on_by: str
    switched_on_at: datetime
    consent: str
    next_on: date | None
    next_minor: int | None
    next_id: UUID | None


@dataclass(frozen=True, slots=True)
class Line:
    """A document of a debit; `amount_minor` signed as the document is."""

    item_id: UUID
    number: str
    due_on: date
    amount_minor: int
    over_cap: bool


@dataclass(frozen=True, slots=True)
class Debit:
    """One announced debit. `status`: of its payment, once it was ordered."""

    id: UUID
    autopay_id: UUID
    creditor: str
    customer: str
    currency: str
    execute_on: date
    notified_minor: int
    executed_minor: int | None
    attempt: int
    skipped_at: datetime | None
    outcome: str | None
    failed_code: str | None
    payment_id: UUID | None
    status: str | None
    agreed_state: str

    @property
    def waiting(self) -> bool:
        return self.outcome is None and self.skipped_at is None and self.agreed_state == "active"

    @property
    def state(self) -> str:
        """In one word, for lists."""
        if self.skipped_at is not None:
            return "skipped"
        if self.outcome == "started":
            return self.status or "started"
        return self.outcome or ("waiting" if self.waiting else "stopped")


_MINE = "(NOT :debtor OR a.customer_id = ANY (:customers))"
_AGREEMENTS = text(f"""
    SELECT a.id, a.customer_id, c.name AS customer, a.creditor_id, k.name AS creditor, a.currency,
           coalesce(a.mandate_id, a.saved_card_id) AS instrument_id, coalesce(m.reference, s.brand) AS instrument,
           coalesce(m.iban_last4, s.last4) AS last4, a.cap_minor, a.offset_days, a.state, a.state_reason,
           a.switched_on_by, a.switched_on_at, a.consent, d.execute_on AS next_on, d.notified_minor AS next_minor,
           d.id AS next_id
    FROM autopay a JOIN customer c ON c.id = a.customer_id JOIN creditor k ON k.id = a.creditor_id
    LEFT JOIN mandate m ON m.id = a.mandate_id LEFT JOIN saved_card s ON s.id = a.saved_card_id
    LEFT JOIN LATERAL (SELECT id, execute_on, notified_minor FROM autopay_debit
                       WHERE autopay_id = a.id AND outcome IS NULL AND skipped_at IS NULL AND a.state = 'active'
                       ORDER BY execute_on LIMIT 1) d ON true
    WHERE {_MINE} AND a.state <> 'off' AND a.id = coalesce(CAST(:id AS uuid), a.id)
    ORDER BY k.name, c.name, a.id LIMIT {_LIMIT}""")
_DEBITS = f"""
    SELECT d.id, d.autopay_id, k.name AS creditor, c.name AS customer, a.currency, d.execute_on, d.notified_minor,
           d.executed_minor, d.attempt, d.skipped_at, d.outcome, d.failed_code, d.payment_id, p.status,
           a.state AS agreed_state
    FROM autopay_debit d JOIN autopay a ON a.id = d.autopay_id JOIN customer c ON c.id = a.customer_id
    JOIN creditor k ON k.id = a.creditor_id LEFT JOIN payment p ON p.id = d.payment_id WHERE {_MINE}"""
_LATEST = text(f"{_DEBITS} ORDER BY d.execute_on DESC, d.id LIMIT 50")
_DEBIT = text(f"{_DEBITS} AND d.id = :id")
_LINES = text("""
    SELECT l.item_id, i.number, i.due_on, l.amount_minor, l.over_cap FROM autopay_debit_item l
    JOIN open_item i ON i.id = l.item_id WHERE l.debit_id = :id ORDER BY l.over_cap, i.due_on, i.number, i.id""")


def agreements(session: Session, actor: Actor) -> list[Agreement]:
    """The actor's agreements that were not ended, by creditor. One statement, 200 at the most."""
    rows = session.execute(_AGREEMENTS, _scope(actor) | {"id": None}).mappings()
    return [Agreement(**row) for row in rows]


def agreement(session: Session, actor: Actor, autopay_id: UUID) -> Agreement:
    """One of them; somebody else's, or one that ended, is not found."""
    row = session.execute(_AGREEMENTS, _scope(actor) | {"id": autopay_id}).mappings().first()
    if row is None:
        raise NotFound
    return Agreement(**row)


def debits(session: Session, actor: Actor) -> list[Debit]:
    """The latest 50 debits, announced and made."""
    return [_debit(row) for row in session.execute(_LATEST, _scope(actor)).mappings()]


def debit(session: Session, actor: Actor, debit_id: UUID) -> tuple[Debit, list[Line]]:
    """One debit with what it is for; somebody else's is not found."""
    row = session.execute(_DEBIT, _scope(actor) | {"id": debit_id}).mappings().first()
    if row is None:
        raise NotFound
    lines = session.execute(_LINES, {"id": debit_id}).mappings()
    return _debit(row), [Line(**line) for line in lines]


def _scope(actor: Actor) -> dict[str, Any]:
    debtor = actor.kind == "debtor"
    actor.must(Permission.SEE_OWN_ACCOUNT if debtor else Permission.SEE_PLANS)
    return {"debtor": debtor, "customers": list(actor.customers)}


def _debit(row: RowMapping) -> Debit:
    return Debit(**row)
