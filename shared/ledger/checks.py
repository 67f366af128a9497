"""What must always be true of the books, each as one query that finds what breaks it."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.ledger.rules import CUSTOMERS

_ITEMS = text("""
    SELECT i.number FROM open_item i
    LEFT JOIN (SELECT item_id, sum(minor) AS minor
               FROM (SELECT credit_item_id AS item_id, amount_minor AS minor FROM allocation
                     UNION ALL SELECT debit_item_id, -amount_minor FROM allocation) a
               GROUP BY item_id) a ON a.item_id = i.id
    WHERE i.open_minor <> i.amount_minor + coalesce(a.minor, 0)
       OR (i.amount_minor > 0 AND i.open_minor NOT BETWEEN 0 AND i.amount_minor)
       OR (i.amount_minor < 0 AND i.open_minor NOT BETWEEN i.amount_minor AND 0)
    LIMIT 1""")
_ENTRIES = text("""
    SELECT e.id FROM journal_entry e LEFT JOIN journal_line l ON l.entry_id = e.id
    GROUP BY e.id HAVING count(l.id) < 2 OR sum(l.amount_minor) <> 0 LIMIT 1""")
# Allocations move nothing between customers, so the 411 account of a customer is the sum of their items.
_LEDGER = text("""
    SELECT c.ref, coalesce(i.minor, 0) AS items, coalesce(j.minor, 0) AS ledger
    FROM (SELECT customer_id, creditor_id, currency, sum(open_minor) AS minor FROM open_item GROUP BY 1, 2, 3) i
    FULL JOIN (SELECT l.customer_id, e.creditor_id, e.currency, sum(l.amount_minor) AS minor
               FROM journal_line l JOIN journal_entry e ON e.id = l.entry_id
               WHERE l.account = :customers GROUP BY 1, 2, 3) j
        USING (customer_id, creditor_id, currency)
    JOIN customer c ON c.id = customer_id
    WHERE coalesce(i.minor, 0) <> coalesce(j.minor, 0) LIMIT 1""")


def items_equal_their_allocations(session: Session) -> str | None:
    found = session.execute(_ITEMS).first()
    return f"{found.number}: what is open is not the amount less its allocations" if found else None


def entries_balance(session: Session) -> str | None:
    found = session.execute(_ENTRIES).first()
    return f"journal entry {found.id} does not balance" if found else None


def items_equal_the_ledger(session: Session) -> str | None:
    found = session.execute(_LEDGER, {"customers": CUSTOMERS}).first()
    return (
        f"customer {found.ref}: open items make {found.items}, account 411 {found.ledger} (minor units)"
        if found
        else None
    )
