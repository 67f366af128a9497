"""Verbs of the ledger. They are called by the slices above, inside their transaction; each of those says who acts,
writes the audit entry and records the fact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from shared import clock
from shared.db import driver
from shared.errors import NotFound
from shared.ledger.models import Allocation, OpenItem
from shared.ledger.rules import Line, Pair, balanced, number_key


def lock_customers(session: Session, customer_ids: Iterable[UUID]) -> None:
    """Hold these customers' money for the rest of the transaction, always in the same order.

    Advisory locks, because the portal's role may not lock rows it cannot change.
    """
    session.execute(
        text(
            "SELECT pg_advisory_xact_lock(hashtextextended(id::text, 0))"
            " FROM unnest(CAST(:ids AS uuid[])) AS id ORDER BY id"
        ),
        {"ids": sorted(set(customer_ids))},
    )


def open_item(
    session: Session,
    *,
    item_id: UUID,
    creditor_id: UUID,
    customer_id: UUID,
    kind: str,
    number: str,
    currency: str,
    amount_minor: int,
    issued_on: date,
    due_on: date,
    payee_account_id: UUID | None = None,
) -> OpenItem:
    """Open one item; whole, as every item starts."""
    item = OpenItem(
        id=item_id,
        creditor_id=creditor_id,
        customer_id=customer_id,
        kind=kind,
        number=number,
        number_key=number_key(number),
        currency=currency,
        amount_minor=amount_minor,
        open_minor=amount_minor,
        issued_on=issued_on,
        due_on=due_on,
        payee_account_id=payee_account_id,
        created_at=clock.now(),
    )
    session.add(item)
    session.flush()
    session.expire(item, ["open_minor"])  # its allocations will move it in the database
    return item


def post(
    session: Session,
    *,
    creditor_id: UUID,
    journal: str,
    event: str,
    booked_on: date,
    currency: str,
    label: str,
    lines: Iterable[Line],
    document: str = "",
) -> int:
    """Post one balanced entry and give its id. The database checks the balance again at the end."""
    kept = balanced(lines)
    entry_id = session.scalar(
        text(
            "INSERT INTO journal_entry (creditor_id, journal, event, booked_on, currency, label, document, posted_at)"
            " VALUES (:creditor_id, :journal, :event, :booked_on, :currency, :label, :document, :now) RETURNING id"
        ),
        {
            "creditor_id": creditor_id,
            "journal": journal,
            "event": event,
            "booked_on": booked_on,
            "currency": currency,
            "label": label,
            "document": document,
            "now": clock.now(),
        },
    )
    assert entry_id is not None
    rows = [(entry_id, line.account, line.customer_id, line.item_id, line.amount_minor) for line in kept]
    with driver(session).cursor() as cursor:
        cursor.executemany(
            "INSERT INTO journal_line (entry_id, account, customer_id, item_id, amount_minor)"
            " VALUES (%s, %s, %s, %s, %s)",
            rows,
        )
    return int(entry_id)


def allocate(
    session: Session,
    customer_id: UUID,
    pairs: Sequence[Pair],
    *,
    allocated_on: date,
    reason: str,
    match_id: UUID | None = None,
) -> None:
    """Use credits on debits of one customer. More than is open of either is refused by the database."""
    if not pairs:
        return
    session.execute(
        insert(Allocation),
        [
            {
                "customer_id": customer_id,
                "credit_item_id": pair.credit_item_id,
                "debit_item_id": pair.debit_item_id,
                "amount_minor": pair.amount_minor,
                "allocated_on": allocated_on,
                "match_id": match_id,
                "reason": reason,
                "created_at": clock.now(),
            }
            for pair in pairs
        ],
    )


def reverse_allocations(session: Session, allocation_ids: Sequence[int], *, on: date, reason: str) -> None:
    """Undo allocations by adding their opposite; a second undo is refused by the database."""
    found = session.scalars(select(Allocation).where(Allocation.id.in_(allocation_ids))).all()
    if len(found) != len(set(allocation_ids)):
        raise NotFound
    if not found:
        return
    session.execute(
        insert(Allocation),
        [
            {
                "customer_id": each.customer_id,
                "credit_item_id": each.credit_item_id,
                "debit_item_id": each.debit_item_id,
                "amount_minor": -each.amount_minor,
                "allocated_on": on,
                "reverses_id": each.id,
                "match_id": each.match_id,
                "reason": reason,
                "created_at": clock.now(),
            }
            for each in found
        ],
    )
