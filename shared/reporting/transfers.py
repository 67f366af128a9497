"""Payments of an account: the transfers that were announced, and the money that came in with what it paid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.errors import NotFound
from shared.reporting.scope import PAGE_SIZE, Page, scope


@dataclass(frozen=True, slots=True)
class Part:
    """What a payment holds of one document, or settled of it."""

    item_id: UUID
    kind: str
    number: str
    customer: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Announced:
    """A transfer the debtor announced. `parts` are the first ones of `count`. `to_old_account`: another account
    receives since; the money still arrives."""

    id: UUID
    reference: str
    creditor: str
    payee_name: str
    payee_iban: str
    payee_bic: str | None
    to_factor: bool
    to_old_account: bool
    currency: str
    amount_minor: int
    expected_on: date
    announced_at: datetime
    announced_by: str
    state: str  # waiting | received | cancelled
    count: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """Money that came in. `undone_on`: it was booked wrongly and taken back that day. `open_minor`: not used yet.
    `payment_id`: the payment over a rail that brought it, and where that one stands."""

    id: UUID
    number: str
    creditor: str
    customer: str
    method: str
    currency: str
    amount_minor: int
    open_minor: int
    received_on: date
    undone_on: date | None
    payment_id: UUID | None
    payment_status: str | None
    count: int
    parts: tuple[Part, ...]

    @property
    def state(self) -> str:
        return "received" if self.undone_on is None else "corrected"


# A list names the first documents of a payment; its own page shows more.
PARTS_IN_LIST, PARTS_ON_PAGE = 3, 200

_ANNOUNCED = """
    SELECT e.id, e.reference, r.name AS creditor, e.payee_name, e.payee_iban, e.payee_bic,
           coalesce(b.holder_kind = 'factor', false) AS to_factor, b.replaced_by_id IS NOT NULL AS to_old_account,
           e.currency, e.amount_minor, e.expected_on, e.announced_at, e.announced_by,
           CASE WHEN e.cancelled_at IS NOT NULL THEN 'cancelled' WHEN e.received_at IS NOT NULL THEN 'received'
                ELSE 'waiting' END AS state
    FROM expected_payment e JOIN creditor r ON r.id = e.creditor_id
    LEFT JOIN bank_account b ON b.id = e.bank_account_id
    WHERE e.customer_id = ANY (:customers)"""

_ANNOUNCED_PARTS = text("""
    SELECT * FROM (
        SELECT p.expected_payment_id AS payment_id, p.item_id, i.kind, i.number, c.name AS customer, p.amount_minor,
               count(*) OVER payment AS of_all,
               row_number() OVER (payment ORDER BY p.amount_minor < 0, i.due_on, i.number, i.id) AS place
        FROM expected_payment_item p JOIN open_item i ON i.id = p.item_id JOIN customer c ON c.id = i.customer_id
        WHERE p.expected_payment_id = ANY (:payments)
        WINDOW payment AS (PARTITION BY p.expected_payment_id)) parts
    WHERE place <= :shown ORDER BY payment_id, place""")

_RECEIVED = """
    FROM receipt p JOIN open_item i ON i.id = p.id JOIN creditor r ON r.id = i.creditor_id
    JOIN customer c ON c.id = p.customer_id LEFT JOIN receipt u ON u.undoes_id = p.id
    LEFT JOIN payment y ON y.id = p.payment_id
    WHERE p.customer_id = ANY (:customers) AND p.undoes_id IS NULL"""
_RECEIVED_COLUMNS = """
    SELECT p.id, i.number, r.name AS creditor, c.name AS customer, p.method, i.currency, p.amount_minor,
           i.open_minor, p.received_on, u.received_on AS undone_on, y.id AS payment_id, y.status AS payment_status"""

# What was allocated and taken back again makes zero, and is left out.
_SETTLED_PARTS = text("""
    SELECT * FROM (
        SELECT a.payment_id, i.id AS item_id, i.kind, i.number, c.name AS customer, a.amount_minor,
               count(*) OVER payment AS of_all,
               row_number() OVER (payment ORDER BY i.due_on, i.number, i.id) AS place
        FROM (SELECT credit_item_id AS payment_id, debit_item_id, sum(amount_minor)::bigint AS amount_minor
              FROM allocation WHERE credit_item_id = ANY (:payments)
              GROUP BY credit_item_id, debit_item_id HAVING sum(amount_minor) <> 0) a
        JOIN open_item i ON i.id = a.debit_item_id JOIN customer c ON c.id = i.customer_id
        WHERE i.kind NOT IN ('receipt_undone', 'receipt_reversed')
        WINDOW payment AS (PARTITION BY a.payment_id)) parts
    WHERE place <= :shown ORDER BY payment_id, place""")


def waiting(
    session: Session, actor: Actor, *, customers: Iterable[UUID] | None = None, size: int = PAGE_SIZE
) -> list[Announced]:
    """What is announced and on its way, latest first. Two statements."""
    rows = session.execute(
        text(
            f"{_ANNOUNCED} AND e.cancelled_at IS NULL AND e.received_at IS NULL"
            " ORDER BY e.announced_at DESC, e.id LIMIT :size"
        ),
        {"customers": scope(actor, customers), "size": size},
    ).all()
    return _with_parts(session, Announced, rows, _ANNOUNCED_PARTS, PARTS_IN_LIST)


def announced(
    session: Session, actor: Actor, payment_ids: Sequence[UUID], *, customers: Iterable[UUID] | None = None
) -> list[Announced]:
    """These announced payments in the order they were announced; not found when one is somebody else's."""
    rows = session.execute(
        text(f"{_ANNOUNCED} AND e.id = ANY (:ids) ORDER BY e.announced_at, e.id"),
        {"customers": scope(actor, customers), "ids": list(payment_ids)},
    ).all()
    if not rows or len(rows) != len(set(payment_ids)):
        raise NotFound
    return _with_parts(session, Announced, rows, _ANNOUNCED_PARTS, PARTS_ON_PAGE)


def received(
    session: Session,
    actor: Actor,
    *,
    customers: Iterable[UUID] | None = None,
    page: int = 1,
    size: int = PAGE_SIZE,
) -> Page[Received]:
    """The money that came in, latest first; what was taken back stays in sight, marked. Two statements; three beyond
    the last page."""
    given = {"customers": scope(actor, customers)}
    rows = session.execute(
        text(
            f"{_RECEIVED_COLUMNS}, count(*) OVER () AS of_all {_RECEIVED}"
            " ORDER BY p.received_on DESC, p.id DESC LIMIT :size OFFSET :skipped"
        ),
        {**given, "size": size, "skipped": (page - 1) * size},
    ).all()
    if rows or page == 1:
        total = rows[0].of_all if rows else 0
    else:
        total = session.scalar(text(f"SELECT count(*) {_RECEIVED}"), given) or 0
    return Page(_with_parts(session, Received, rows, _SETTLED_PARTS, PARTS_IN_LIST), total)


def one_received(
    session: Session, actor: Actor, receipt_id: UUID, *, customers: Iterable[UUID] | None = None
) -> Received:
    """One receipt with what it settled; not found when it is somebody else's."""
    rows = session.execute(
        text(f"{_RECEIVED_COLUMNS} {_RECEIVED} AND p.id = :id"),
        {"customers": scope(actor, customers), "id": receipt_id},
    ).all()
    if not rows:
        raise NotFound
    found: list[Received] = _with_parts(session, Received, rows, _SETTLED_PARTS, PARTS_ON_PAGE)
    return found[0]


def _with_parts(session: Session, made: Any, rows: Sequence[Any], query: Any, shown: int) -> list[Any]:
    """The payments with their first parts, in one more statement whatever their number."""
    if not rows:
        return []
    counts: dict[UUID, int] = {}
    parts: dict[UUID, list[Part]] = defaultdict(list)
    for p in session.execute(query, {"payments": [row.id for row in rows], "shown": shown}):
        counts[p.payment_id] = p.of_all
        parts[p.payment_id].append(Part(p.item_id, p.kind, p.number, p.customer, p.amount_minor))
    return [
        made(
            **{name: value for name, value in row._mapping.items() if name != "of_all"},
            count=counts.get(row.id, 0),
            parts=tuple(parts.get(row.id, ())),
        )
        for row in rows
    ]
