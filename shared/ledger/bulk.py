"""The set-based path: book any number of staged documents in a handful of statements.

It obeys the same triggers and constraints as the one-item path. O(documents), one pass per statement.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.ledger.rules import CUSTOMERS, SALES, VAT

# What `book_documents` reads, filled by COPY; a view of these columns over a table of the caller's does as well.
# Amounts carry their sign (credit notes are negative).
STAGED_ITEMS = """
    CREATE TEMP TABLE staged_item (
        id uuid, creditor_id uuid, customer_id uuid, kind text, number text, number_key text, currency char(3),
        amount_minor bigint, vat_minor bigint, issued_on date, due_on date, payee_account_id uuid
    ) ON COMMIT DROP"""


def book_documents(session: Session, *, event: str, label: str) -> int:
    """Open the items in `staged_item` and post them to the sales journal; gives how many.

    One entry per creditor, day and currency, with a line per customer document: the daily centralisation French
    sales journals use. A hundred thousand invoices make some hundred entries.
    """
    now = clock.now()
    items = session.execute(
        text("""
            INSERT INTO open_item (id, creditor_id, customer_id, kind, number, number_key, currency, amount_minor,
                                   open_minor, issued_on, due_on, payee_account_id, created_at)
            SELECT id, creditor_id, customer_id, kind, number, number_key, currency, amount_minor,
                   amount_minor, issued_on, due_on, payee_account_id, :now FROM staged_item"""),
        {"now": now},
    )
    session.execute(
        text("""
            WITH day AS (
                INSERT INTO journal_entry (creditor_id, journal, event, booked_on, currency, label, posted_at)
                SELECT creditor_id, 'VT', :event, issued_on, currency, :label, :now
                FROM staged_item GROUP BY creditor_id, issued_on, currency
                RETURNING id, creditor_id, booked_on, currency)
            INSERT INTO journal_line (entry_id, account, customer_id, item_id, amount_minor)
            SELECT day.id, :customers, i.customer_id, i.id, i.amount_minor
            FROM staged_item i JOIN day ON (day.creditor_id, day.booked_on, day.currency)
                                         = (i.creditor_id, i.issued_on, i.currency)
            UNION ALL
            SELECT day.id, side.account, NULL, NULL, -side.minor
            FROM (SELECT creditor_id, issued_on, currency, sum(amount_minor - coalesce(vat_minor, 0)) AS net,
                         sum(coalesce(vat_minor, 0)) AS vat
                  FROM staged_item GROUP BY creditor_id, issued_on, currency) t
            JOIN day ON (day.creditor_id, day.booked_on, day.currency) = (t.creditor_id, t.issued_on, t.currency)
            CROSS JOIN LATERAL (VALUES (:sales, t.net), (:vat, t.vat)) AS side (account, minor)
            WHERE side.minor <> 0"""),
        {"event": event, "label": label, "now": now, "customers": CUSTOMERS, "sales": SALES, "vat": VAT},
    )
    return int(getattr(items, "rowcount", 0))
