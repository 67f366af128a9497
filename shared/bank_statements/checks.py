"""What must always be true of statements, each as one query that finds what breaks it."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

# A statement that brought all of its lines must equal them; one whose lines partly came before holds the others.
# Entries in another currency than the account's are left out: their numbers stand in the sums as written.
_SUMS = text("""
    SELECT s.reference, b.iban, s.entries, l.lines, s.credits_minor, s.debits_minor, l.credits, l.debits
    FROM bank_statement s
    JOIN bank_account b ON b.id = s.bank_account_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS lines, coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0) AS credits,
               coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0) AS debits,
               coalesce(bool_and(currency = s.currency), true) AS own_currency
        FROM bank_line WHERE statement_id = s.id) l
    WHERE l.own_currency AND (
        l.lines > s.entries OR l.credits > s.credits_minor OR l.debits > s.debits_minor
        OR (l.lines = s.entries AND (l.credits, l.debits) <> (s.credits_minor, s.debits_minor)))
    ORDER BY s.imported_at, s.id LIMIT 1""")
_TWICE = text("""
    SELECT b.iban, l.booked_on, l.entry_ref
    FROM bank_line l JOIN bank_account b ON b.id = l.bank_account_id
    GROUP BY b.iban, l.bank_account_id, l.identity, l.booked_on, l.entry_ref
    HAVING count(*) <> count(DISTINCT l.occurrence) OR max(l.occurrence) <> count(*)
    ORDER BY 1, 2, 3 LIMIT 1""")
_UNBALANCED = text("""
    SELECT count(*) AS statements, min(reference) AS first FROM bank_statement WHERE balance_ok = false""")


def statements_equal_their_lines(session: Session) -> str | None:
    found = session.execute(_SUMS).first()
    return (
        f"statement {found.reference} of {found.iban}: {found.entries} entries, +{found.credits_minor}"
        f" -{found.debits_minor} reported; {found.lines} lines, +{found.credits} -{found.debits} kept (minor units)"
        if found
        else None
    )


def lines_are_kept_once(session: Session) -> str | None:
    """Lines alike to the letter are numbered 1, 2, 3 without a hole: no number twice, none skipped."""
    found = session.execute(_TWICE).first()
    return (
        f"account {found.iban}, {found.booked_on}, {found.entry_ref}: alike lines are misnumbered"
        if found
        else None
    )


def balances_add_up(session: Session) -> str | None:
    """Statements are taken as banks send them; those that do not add up are named until somebody asked the bank."""
    found = session.execute(_UNBALANCED).one()
    return (
        f"{found.statements} statements do not add up, the first is {found.first}"
        if found.statements
        else None
    )
