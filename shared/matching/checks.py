"""What must always be true of bank lines and the money assigned from them."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.ledger.rules import UNASSIGNED

_LINES = text("""
    SELECT l.id FROM bank_line l
    LEFT JOIN (SELECT bank_line_id, sum(amount_minor) AS minor FROM receipt GROUP BY 1) r ON r.bank_line_id = l.id
    LEFT JOIN (SELECT bank_line_id, sum(amount_minor) AS minor FROM payout_arrival GROUP BY 1) p
        ON p.bank_line_id = l.id AND l.amount_minor > 0
    WHERE l.open_minor <> greatest(l.amount_minor, 0) - coalesce(r.minor, 0) - coalesce(p.minor, 0) LIMIT 1""")
_UNASSIGNED = text("""
    SELECT c.code, coalesce(l.minor, 0) AS lines, coalesce(j.minor, 0) AS ledger
    FROM (SELECT creditor_id, currency, sum(open_minor) AS minor FROM bank_line GROUP BY 1, 2) l
    FULL JOIN (SELECT e.creditor_id, e.currency, -sum(x.amount_minor) AS minor
               FROM journal_line x JOIN journal_entry e ON e.id = x.entry_id
               WHERE x.account = :unassigned GROUP BY 1, 2) j USING (creditor_id, currency)
    JOIN creditor c ON c.id = creditor_id
    WHERE coalesce(l.minor, 0) <> coalesce(j.minor, 0) LIMIT 1""")


def lines_equal_their_receipts(session: Session) -> str | None:
    found = session.scalar(_LINES)
    return (
        f"bank line {found}: what is left is not the amount less its receipts and payouts" if found else None
    )


def unassigned_money_equals_the_ledger(session: Session) -> str | None:
    found = session.execute(_UNASSIGNED, {"unassigned": UNASSIGNED}).first()
    return (
        f"creditor {found.code}: bank lines hold {found.lines}, account 471 {found.ledger} (minor units)"
        if found
        else None
    )
