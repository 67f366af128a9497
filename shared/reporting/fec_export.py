"""Receipts as a FEC file, for the system that keeps the general ledger.

Only the bank journal: sales come from that system, it has them. Entry numbers count the entries of a creditor's
year in the order of posting, so they are continuous and a later export never renumbers what an earlier one told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.creditors.models import Creditor
from shared.errors import DomainError
from shared.ledger.fec_writer import FecLine, fec_name, write_fec
from shared.ledger.rules import BANK, CUSTOMERS, TAKEN_OVER, UNASSIGNED
from shared.rails.payout_rules import REMAINDER
from shared.rails.rules import CLEARING, FEES

_PROVIDERS = {"stripe": "Stripe", "gocardless": "GoCardless", "own_bank": "prélèvements remis"}
_JOURNALS = {"BQ": "Banque"}
_ACCOUNTS = {
    BANK: "Banque",
    UNASSIGNED: "Compte d'attente",
    CUSTOMERS: "Clients",
    FEES: "Services bancaires et assimilés",
    REMAINDER: "Encaissements de prestataires à identifier",
    **{account: f"Encaissements {_PROVIDERS[name]}" for name, account in CLEARING.items()},
    TAKEN_OVER: "Bilan d'ouverture",
}
_BATCH = 2000

_LINES = text("""
    SELECT n.number, e.journal, e.booked_on, e.posted_at, e.label, e.document, l.account, l.amount_minor,
           c.ref, c.name
    FROM (SELECT id, row_number() OVER (PARTITION BY extract(year FROM booked_on) ORDER BY id) AS number
          FROM journal_entry WHERE creditor_id = :creditor AND journal = 'BQ' AND currency = :currency) n
    JOIN journal_entry e ON e.id = n.id
    JOIN journal_line l ON l.entry_id = e.id
    LEFT JOIN customer c ON c.id = l.customer_id
    WHERE e.booked_on BETWEEN :first AND :last
    ORDER BY e.booked_on, e.id, l.id""")


@dataclass(frozen=True, slots=True)
class Written:
    path: Path
    lines: int
    debit_minor: int


def lines(session: Session, creditor: Creditor, first: date, last: date, currency: str) -> Iterator[FecLine]:
    """The journal's lines as the law's columns; streams, so memory does not grow with the period."""
    found = session.execute(
        _LINES,
        {"creditor": creditor.id, "currency": currency, "first": first, "last": last},
        execution_options={"yield_per": _BATCH},
    )
    for r in found:
        yield FecLine(
            journal_code=r.journal,
            journal_name=_JOURNALS[r.journal],
            entry_number=f"{r.journal}{r.number:06d}",
            booked_on=r.booked_on,
            account=r.account,
            account_name=_ACCOUNTS.get(r.account, r.account),
            auxiliary=r.ref or "",
            auxiliary_name=r.name or "",
            piece=r.document or f"{r.journal}{r.number:06d}",
            piece_on=r.booked_on,
            label=r.label,
            debit_minor=max(r.amount_minor, 0),
            credit_minor=max(-r.amount_minor, 0),
            validated_on=r.posted_at.date(),
        )


def write(
    session: Session,
    actor: Actor,
    creditor: Creditor,
    first: date,
    last: date,
    folder: Path,
    currency: str = "EUR",
) -> Written:
    """Write the file into `folder` under the name the law gives it."""
    actor.must(Permission.EXPORT_BOOKS)
    if last < first:
        raise DomainError("The period ends before it starts.")
    counted = [0, 0]

    def counting() -> Iterator[FecLine]:
        for line in lines(session, creditor, first, last, currency):
            counted[0] += 1
            counted[1] += line.debit_minor
            yield line

    path = folder / fec_name(creditor.siren or "", last)
    with path.open("wb") as file:
        file.writelines(write_fec(counting(), currency))
    return Written(path, counted[0], counted[1])


def stream(
    session: Session, actor: Actor, creditor: Creditor, first: date, last: date, currency: str = "EUR"
) -> Iterator[bytes]:
    """The same file for a download."""
    actor.must(Permission.EXPORT_BOOKS)
    return write_fec(lines(session, creditor, first, last, currency), currency)
