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

# What stands with a provider: money of our payments, less fees, more of what is nobody's, less what reached the bank.
_CLEARING = text("""
    WITH made AS (
        SELECT f.account_id, f.currency,
               CASE WHEN f.kind IN ('received', 'chargeback_reversed', 'refund_returned') THEN f.amount_minor
                    ELSE -f.amount_minor END AS minor
        FROM payment_fact f WHERE f.kind <> 'paid_out'
        UNION ALL SELECT account_id, currency, remainder_minor - fees_minor FROM payout WHERE booked_at IS NOT NULL
        UNION ALL SELECT p.account_id, p.currency, -r.amount_minor FROM payout_arrival r JOIN payout p ON p.id = r.payout_id)
    SELECT c.code, a.provider, currency, coalesce(m.minor, 0) AS made, coalesce(j.minor, 0) AS ledger
    FROM (SELECT a.creditor_id, a.clearing_account, m.currency, sum(m.minor) AS minor
          FROM made m JOIN provider_account a ON a.id = m.account_id GROUP BY 1, 2, 3) m
    FULL JOIN (SELECT e.creditor_id, l.account AS clearing_account, e.currency, sum(l.amount_minor) AS minor
               FROM journal_line l JOIN journal_entry e ON e.id = l.entry_id
               WHERE l.account LIKE '511%' GROUP BY 1, 2, 3) j USING (creditor_id, clearing_account, currency)
    JOIN provider_account a USING (creditor_id, clearing_account) JOIN creditor c ON c.id = a.creditor_id
    WHERE coalesce(m.minor, 0) <> coalesce(j.minor, 0) LIMIT 1""")


def facts_equal_the_books(session: Session) -> str | None:
    found = session.scalar(_BOOKED)
    return f"payment {found}: its facts and its receipts differ" if found else None


def payments_start_once(session: Session) -> str | None:
    found = session.scalar(_ONE_START)
    return f"payment {found}: more than one command to start" if found else None


def parts_follow_their_payment(session: Session) -> str | None:
    found = session.scalar(_LIVE)
    return f"payment {found}: its items are not held as its status says" if found else None


def clearing_accounts_equal_what_moved(session: Session) -> str | None:
    found = session.execute(_CLEARING).first()
    return (
        f"{found.provider} of {found.code}: {found.currency} payments, fees and payouts make {found.made},"
        f" the clearing account {found.ledger} (minor units)"
        if found
        else None
    )
