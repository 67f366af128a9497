"""Reads of plans, each in the scope of who asks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.errors import NotFound


@dataclass(frozen=True, slots=True)
class Row:
    """A plan as lists show it. `paid_minor`: of its total, however it was paid."""

    id: UUID
    reference: str
    customer_id: UUID
    customer: str
    creditor_id: UUID
    creditor: str
    currency: str
    total_minor: int
    paid_minor: int
    state: str
    beyond: str | None
    reason: str | None
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    instrument: str | None
    last4: str | None
    agreement: str
    grace_days: int
    parts: int
    until: date
    next_on: date | None

    @property
    def living(self) -> bool:
        return self.state in ("proposed", "active")


@dataclass(frozen=True, slots=True)
class PartRow:
    number: int
    due_on: date
    amount_minor: int
    state: str  # paid | in_progress | failed | overdue | waiting
    payment_id: UUID | None


@dataclass(frozen=True, slots=True)
class ItemRow:
    item_id: UUID
    number: str
    due_on: date
    amount_minor: int
    open_minor: int


@dataclass(frozen=True, slots=True)
class Found:
    rows: list[Row]
    total: int


@dataclass(frozen=True, slots=True)
class Policy:
    """A creditor's limits; none set: `enabled` None."""

    creditor_id: UUID
    creditor: str
    enabled: bool | None
    max_months: int | None
    first_part_percent: int | None
    max_total_minor: int | None
    currency: str | None
    min_days_late: int | None
    needs_instrument: bool | None
    grace_days: int | None


@dataclass(frozen=True, slots=True)
class InPlan:
    plan_id: UUID
    until: date


_MINE = "(NOT :debtor OR p.customer_id = ANY (:customers))"
_ROWS = f"""
    SELECT p.id, p.reference, p.customer_id, c.name AS customer, p.creditor_id, k.name AS creditor, p.currency,
           p.total_minor, i.paid_minor, p.state, p.beyond, p.reason, p.proposed_by, p.proposed_at, p.decided_by,
           coalesce(m.reference, s.brand) AS instrument, coalesce(m.iban_last4, s.last4) AS last4, p.agreement,
           p.grace_days, x.parts, x.until, x.next_on
    FROM plan p JOIN customer c ON c.id = p.customer_id JOIN creditor k ON k.id = p.creditor_id
    LEFT JOIN mandate m ON m.id = p.mandate_id LEFT JOIN saved_card s ON s.id = p.saved_card_id
    CROSS JOIN LATERAL (SELECT count(*) AS parts, max(due_on) AS until,
                               min(due_on) FILTER (WHERE tried_at IS NULL) AS next_on
                        FROM plan_part WHERE plan_id = p.id) x
    CROSS JOIN LATERAL (SELECT sum(greatest(q.amount_minor - greatest(o.open_minor, 0), 0))::bigint AS paid_minor
                        FROM plan_item q JOIN open_item o ON o.id = q.item_id WHERE q.plan_id = p.id) i
    WHERE {_MINE}"""
_LIST = text(f"""{_ROWS} AND (:state = '' OR p.state = :state)
    ORDER BY p.state = 'proposed' DESC, p.state = 'active' DESC, p.proposed_at DESC, p.id LIMIT :size OFFSET :offset""")
_COUNT = text(f"SELECT count(*) FROM plan p WHERE {_MINE} AND (:state = '' OR p.state = :state)")
_ONE = text(f"{_ROWS} AND p.id = :id")
_PARTS = text("""
    SELECT x.number, x.due_on, x.amount_minor, x.failed_on, x.payment_id, y.status,
           sum(x.amount_minor) OVER (ORDER BY x.number)::bigint AS owed_minor
    FROM plan_part x LEFT JOIN payment y ON y.id = x.payment_id WHERE x.plan_id = :id ORDER BY x.number""")
_ITEMS = text("""
    SELECT q.item_id, o.number, o.due_on, q.amount_minor, o.open_minor FROM plan_item q
    JOIN open_item o ON o.id = q.item_id WHERE q.plan_id = :id ORDER BY o.due_on, o.number, o.id""")
_PLANNED = text("""
    SELECT q.item_id, q.plan_id, (SELECT max(due_on) FROM plan_part x WHERE x.plan_id = q.plan_id) AS until
    FROM plan_item q JOIN plan p ON p.id = q.plan_id
    WHERE q.customer_id = ANY (:customers) AND q.live AND p.state = 'active'""")
_POLICIES = text("""
    SELECT k.id AS creditor_id, k.name AS creditor, y.enabled, y.max_months, y.first_part_percent, y.max_total_minor,
           y.currency, y.min_days_late, y.needs_instrument, y.grace_days
    FROM creditor k LEFT JOIN plan_policy y ON y.creditor_id = k.id ORDER BY k.name, k.id LIMIT 500""")


def plans(session: Session, actor: Actor, *, state: str = "", page: int = 1, size: int = 50) -> Found:
    """The actor's plans: what waits for a decision first, then the living, the newest first. Two statements."""
    given = _scope(actor) | {"state": state, "size": size, "offset": (page - 1) * size}
    rows = [Row(**row) for row in session.execute(_LIST, given).mappings()]
    return Found(rows, session.scalar(_COUNT, given) or 0)


def plan(session: Session, actor: Actor, plan_id: UUID) -> tuple[Row, list[PartRow], list[ItemRow]]:
    """One plan with its parts and invoices; somebody else's is not found."""
    found = session.execute(_ONE, _scope(actor) | {"id": plan_id}).mappings().first()
    if found is None:
        raise NotFound
    row, today = Row(**found), clock.today()
    parts = [
        PartRow(p.number, p.due_on, p.amount_minor, _state(p, row, today), p.payment_id)
        for p in session.execute(_PARTS, {"id": plan_id})
    ]
    return row, parts, [ItemRow(**i) for i in session.execute(_ITEMS, {"id": plan_id}).mappings()]


def planned_items(session: Session, customers: Collection[UUID]) -> dict[UUID, InPlan]:
    """Invoices in a plan that is being kept, and until when: nobody reminds of these. One statement."""
    rows = session.execute(_PLANNED, {"customers": list(customers)})
    return {row.item_id: InPlan(row.plan_id, row.until) for row in rows}


def policies(session: Session) -> list[Policy]:
    """Every creditor with its limits; a debtor is shown only what is offered."""
    return [Policy(**row) for row in session.execute(_POLICIES).mappings()]


def _scope(actor: Actor) -> dict[str, Any]:
    debtor = actor.kind == "debtor"
    actor.must(Permission.SEE_OWN_ACCOUNT if debtor else Permission.SEE_PLANS)
    return {"debtor": debtor, "customers": list(actor.customers)}


def _state(part: Any, row: Row, today: date) -> str:
    if row.paid_minor >= part.owed_minor:
        return "paid"
    if part.status in ("created", "unknown", "awaiting_payer", "processing"):
        return "in_progress"
    if part.failed_on is not None:
        return "failed"
    return "overdue" if part.due_on < today else "waiting"
