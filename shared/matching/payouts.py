"""Payouts among the bank lines: booked when certain, and a person's word on which line is which payout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.errors import Conflict, NotFound
from shared.i18n import N_
from shared.matching import candidates
from shared.matching.actions import book_payouts, hold_lines, write_decisions
from shared.matching.rules import APPLIED, Decision


@dataclass(frozen=True, slots=True)
class Fitting:
    """A bank line that could be a payout: its creditor, currency and amount."""

    id: UUID
    booked_on: date
    amount_minor: int
    currency: str
    party_name: str | None
    remittance: str


_FITTING = text("""
    SELECT l.id, l.booked_on, l.amount_minor, l.currency, l.party_name, l.remittance
    FROM payout p JOIN provider_account a ON a.id = p.account_id
    JOIN bank_line l ON l.creditor_id = a.creditor_id AND l.currency = p.currency
                    AND l.amount_minor = p.outstanding_minor
    WHERE p.id = :payout AND p.outstanding_minor <> 0
      AND (l.open_minor = l.amount_minor OR (l.amount_minor < 0 AND NOT EXISTS (
               SELECT FROM payout_arrival r WHERE r.bank_line_id = l.id
               GROUP BY r.bank_line_id HAVING sum(r.amount_minor) <> 0)))
    ORDER BY abs(l.booked_on - coalesce(p.arrives_on, l.booked_on)), l.booked_on, l.id LIMIT 10""")


def fitting_lines(session: Session, actor: Actor, payout_id: UUID) -> list[Fitting]:
    """The free lines a payout could be, the nearest in time first."""
    actor.must(Permission.SEE_BANK)
    return [Fitting(**row._mapping) for row in session.execute(_FITTING, {"payout": payout_id})]


def assign_payout(session: Session, actor: Actor, line_id: UUID, payout_id: UUID) -> UUID:
    """A person says which line a payout is; gives the match, to be undone as any other."""
    actor.must(Permission.RECONCILE)
    hold_lines(session, [line_id])
    lines = candidates.lines(session, [line_id])
    if not lines:
        raise NotFound
    awaited = candidates.awaited(session, lines)
    own = awaited.get((lines[0].creditor_id, lines[0].currency), [])
    payout = next((each for each in own if each.id == payout_id), None)
    if payout is None or payout.outstanding_minor != lines[0].amount_minor:
        raise Conflict("This line and this payout do not have the same amount any more. Look again.")
    told = {"name": actor.name, "payout": payout.ref}
    why = N_("%(name)s said that it is payout %(payout)s.")
    decision = Decision(
        APPLIED, "payout", why, told, 1.0, payout_id=payout.id, evidence=("a person", "amount")
    )
    matches = write_decisions(session, [(lines[0], decision)], actor.name)
    book_payouts(session, [(lines[0], decision)], matches)
    record(session, actor, "assign_payout", "bank_line", line_id, payout=payout.ref)
    return matches[line_id]
