"""Verbs of the ledger. They are called by the slices above, inside their transaction; each of those says who acts,
writes the audit entry and records the fact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shared import clock
from shared.db import driver, hold
from shared.errors import NotFound
from shared.ledger.models import Allocation, OpenItem
from shared.ledger.rules import Entry, Pair, balanced, number_key


def lock_customers(session: Session, customer_ids: Iterable[UUID]) -> None:
    """Hold these customers' money for the rest of the transaction."""
    hold(session, "customer", customer_ids)


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


def post(session: Session, entries: Sequence[Entry]) -> None:
    """Post balanced entries, one or many, by COPY. The database checks each balance again at the end."""
    if not entries:
        return
    checked = [(entry, balanced(entry.lines)) for entry in entries]
    connection = driver(session)
    ids = [
        row[0]
        for row in connection.execute(
            "SELECT nextval(pg_get_serial_sequence('journal_entry', 'id')) FROM generate_series(1, %s)",
            [len(entries)],
        )
    ]
    now = clock.now()
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY journal_entry (id, creditor_id, journal, event, booked_on, currency, label, document, posted_at)"
            " FROM STDIN"
        ) as copy,
    ):
        for entry_id, (e, _) in zip(ids, checked, strict=True):
            copy.write_row(
                (
                    entry_id,
                    e.creditor_id,
                    e.journal,
                    e.event,
                    e.booked_on,
                    e.currency,
                    e.label,
                    e.document,
                    now,
                )
            )
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY journal_line (entry_id, account, customer_id, item_id, amount_minor) FROM STDIN"
        ) as copy,
    ):
        for entry_id, (_, lines) in zip(ids, checked, strict=True):
            for line in lines:
                copy.write_row((entry_id, line.account, line.customer_id, line.item_id, line.amount_minor))


def allocate(session: Session, pairs: Sequence[Pair]) -> None:
    """Use credits on debits, one pair or many, in one statement. More than is open of either side is refused by
    the database, as is a pair across customers, creditors or currencies."""
    if not pairs:
        return
    # One statement, not COPY: PostgreSQL refuses COPY into a table under row-level security.
    columns = zip(
        *(
            (
                p.customer_id,
                p.credit_item_id,
                p.debit_item_id,
                p.amount_minor,
                p.allocated_on,
                p.match_id,
                p.reason,
            )
            for p in pairs
        ),
        strict=True,
    )
    driver(session).execute(
        "INSERT INTO allocation (customer_id, credit_item_id, debit_item_id, amount_minor, allocated_on, match_id,"
        " reason, created_at)"
        " SELECT *, %s FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s::date[], %s::uuid[],"
        " %s::text[])",
        [clock.now(), *(list(column) for column in columns)],
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
