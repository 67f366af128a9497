"""What the bank answers to the transfers debtors announced: the demo's shortcut from the portal to the statement."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared.sandbox.camt_files import Camt053, Line, Statement

# Announced and still on its way, to an account of the creditor's own: a factor's bank tells us nothing.
_WAITING = text("""
    SELECT e.id, e.reference, e.amount_minor, b.iban, b.holder_name, c.name AS payer,
           (SELECT min(k.iban) FROM customer_iban k WHERE k.customer_id = e.customer_id) AS payer_iban,
           (SELECT s.closing_minor FROM bank_statement s WHERE s.bank_account_id = b.id
            ORDER BY s.closing_on DESC NULLS LAST, s.imported_at DESC LIMIT 1) AS balance_minor
    FROM expected_payment e JOIN bank_account b ON b.id = e.bank_account_id JOIN customer c ON c.id = e.customer_id
    WHERE e.cancelled_at IS NULL AND e.received_at IS NULL AND b.holder_kind = 'creditor' AND e.currency = 'EUR'
    ORDER BY b.iban, e.announced_at, e.id""")


def waiting(session: Session) -> list[Row[Any]]:
    """The announced transfers that the bank would report today."""
    return list(session.execute(_WAITING))


def statement_of(rows: list[Row[Any]], day: date) -> bytes:
    """A camt.053 in which these transfers arrived on `day`. Asked for twice, it names the same bank references."""
    accounts: dict[str, list[Row[Any]]] = {}
    for row in rows:
        accounts.setdefault(row.iban, []).append(row)
    statements = [
        Statement(
            lines=[_transfer(row, day) for row in group],
            id=f"{iban[-8:]}-{day:%Y%m%d}-ANSWER",
            account=iban,
            owner=group[0].holder_name,
            opening_minor=group[0].balance_minor or 0,
            sequence=int(f"{day:%j}"),
            on=day,
        )
        for iban, group in accounts.items()
    ]
    return Camt053().bytes(*statements)


def _transfer(row: Row[Any], day: date) -> Line:
    return Line(
        amount_minor=row.amount_minor,
        booked_on=day,
        value_on=day,
        entry_ref=f"BK{row.id.hex[-20:].upper()}",
        end_to_end_id=row.reference,
        name=row.payer,
        iban=row.payer_iban,
        reference=row.reference,
    )
