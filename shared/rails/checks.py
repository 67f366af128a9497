"""What must always be true of payments over a rail, each as one query that finds what breaks it."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_BOOKED = text("""
    SELECT p.reference FROM payment p
    JOIN (SELECT payment_id, sum(CASE WHEN kind IN ('received', 'chargeback_reversed', 'refund_returned')
                                      THEN amount_minor WHEN kind = 'paid_out' THEN 0 ELSE -amount_minor END) AS minor
          FROM payment_fact GROUP BY 1) f ON f.payment_id = p.id
    LEFT JOIN (SELECT payment_id, sum(amount_minor) AS minor FROM receipt WHERE payment_id IS NOT NULL GROUP BY 1) r
        ON r.payment_id = p.id
    LEFT JOIN (SELECT r.payment_id, sum(x.amount_minor) AS minor FROM receipt_reversal x
               JOIN receipt r ON r.id = x.receipt_id GROUP BY 1) b ON b.payment_id = p.id
    WHERE f.minor <> coalesce(r.minor, 0) - coalesce(b.minor, 0) LIMIT 1""")
_ONE_START = text("""
    SELECT p.reference FROM payment p LEFT JOIN payment_operation o ON o.payment_id = p.id AND o.kind = 'start'
    GROUP BY p.id, p.reference HAVING count(o.id) > 1 LIMIT 1""")
_LIVE = text("""
    SELECT p.reference FROM payment p JOIN payment_item i ON i.payment_id = p.id
    WHERE i.live <> (p.status IN ('created', 'unknown', 'awaiting_payer', 'processing'))
       OR i.holds <> (p.status IN ('unknown', 'processing')) LIMIT 1""")


def facts_equal_the_books(session: Session) -> str | None:
    found = session.scalar(_BOOKED)
    return f"payment {found}: its facts and its receipts differ" if found else None


def payments_start_once(session: Session) -> str | None:
    found = session.scalar(_ONE_START)
    return f"payment {found}: more than one command to start" if found else None


def parts_follow_their_payment(session: Session) -> str | None:
    found = session.scalar(_LIVE)
    return f"payment {found}: its items are not held as its status says" if found else None
