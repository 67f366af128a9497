"""A matching run: lines that nobody decided about since they came, in batches, each in its own transaction.

A run may be killed at any moment: what is committed is done, what is not is found again by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.db import reading, writing
from shared.errors import Conflict
from shared.i18n import N_
from shared.ledger import actions as ledger
from shared.matching import candidates
from shared.matching.actions import apply, hold_lines, write_decisions
from shared.matching.rules import (
    APPLIED,
    UNMATCHED,
    VERSION,
    Allocated,
    BankLine,
    Candidates,
    Decision,
    decide,
)

BATCH = 500
_ATTEMPTS = 3

# A line is looked at when it still holds money and the engine may decide: a person's word on it is final, and so
# is an undo. Payments out are recorded once, as no receipt, and looked at again only for a payout that takes as much.
_TO_DECIDE = """
    SELECT l.id FROM bank_line l
    WHERE (l.open_minor > 0 OR l.amount_minor <= 0)
      AND NOT EXISTS (SELECT FROM match m WHERE m.bank_line_id = l.id
                      AND (m.outcome IN ('applied', 'undone') OR (m.outcome = 'not_receivable' AND NOT EXISTS (
                          SELECT FROM payout p JOIN provider_account a ON a.id = p.account_id
                          WHERE p.outstanding_minor < 0 AND p.outstanding_minor = l.amount_minor
                            AND (a.creditor_id, p.currency) = (l.creditor_id, l.currency)))))"""
_WAITING = text(f"""{_TO_DECIDE}
      AND (CAST(:statement AS text) IS NULL OR l.statement_id IN
              (SELECT id FROM bank_statement WHERE reference = :statement OR id::text = :statement))
    ORDER BY l.booked_on, l.id""")
_STILL_WAITING = text(f"{_TO_DECIDE} AND l.id = ANY (:ids)")

_LATEST = text("""
    SELECT DISTINCT ON (bank_line_id) bank_line_id, outcome, rule, why, why_params FROM match
    WHERE bank_line_id = ANY (:ids) ORDER BY bank_line_id, decided_at DESC, id DESC""")


def waiting(session: Session, actor: Actor) -> int:
    """How many lines a run would look at."""
    actor.must(Permission.SEE_BANK)
    return len(session.scalars(_WAITING, {"statement": None}).all())


@dataclass(frozen=True, slots=True)
class Result:
    line: BankLine
    decision: Decision


def run(
    actor: Actor,
    *,
    statement: str | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Result]:
    """Decide and, unless `dry_run`, apply. Yields every line's decision; `progress` gets (done, total)."""
    actor.must(Permission.RECONCILE)
    with reading(actor) as session:
        waiting = list(session.scalars(_WAITING, {"statement": statement}))
    used: dict[UUID, int] = {}
    for start in range(0, len(waiting), BATCH):
        batch = waiting[start : start + BATCH]
        yield from _preview(actor, batch, used) if dry_run else _apply_persistently(actor, batch)
        progress(start + len(batch), len(waiting))


def _apply_persistently(actor: Actor, batch: list[UUID]) -> list[Result]:
    """Somebody may settle an item between the decision and its booking: then all is looked at anew."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return _apply_batch(actor, batch)
        except Conflict:
            continue
    return _apply_batch(actor, batch)


def _apply_batch(actor: Actor, batch: list[UUID]) -> list[Result]:
    with writing(actor) as session:
        # Two runs at once, or a run and a person: who comes second finds the line decided.
        hold_lines(session, batch)
        batch = list(session.scalars(_STILL_WAITING, {"ids": batch}))
        # Look, hold the money of all customers concerned, look again: what is decided is decided on what is held.
        found = candidates.lines(session, batch)
        first = candidates.find(session, found)
        concerned = {item.customer_id for each in first.values() for item in each.by_number}
        announced = [a for each in first.values() for a in (*each.by_reference, *each.by_account)]
        concerned |= {item.customer_id for each in announced for item, _ in each.items}
        if concerned:
            ledger.lock_customers(session, concerned)
            found = candidates.lines(session, batch)
            first = candidates.find(session, found)
        results = _decide_all(found, first, {})
        decided = _news(session, [(result.line, result.decision) for result in results])
        match_ids = write_decisions(session, decided, "Quittance")
        apply(session, decided, match_ids)
        applied = sum(result.decision.outcome == APPLIED for result in results)
        record(session, actor, "match", "bank_lines", len(results), applied=applied, version=VERSION)
    return results


def _news(session: Session, decided: list[tuple[BankLine, Decision]]) -> list[tuple[BankLine, Decision]]:
    """Leave out what was said about the line before in the same words."""
    latest = session.execute(_LATEST, {"ids": [line.id for line, _ in decided]})
    said = {row.bank_line_id: (row.outcome, row.rule, row.why, row.why_params) for row in latest}
    return [(line, d) for line, d in decided if said.get(line.id) != (d.outcome, d.rule, d.why, d.params)]


def _preview(actor: Actor, batch: list[UUID], used: dict[UUID, int]) -> list[Result]:
    with reading(actor) as session:
        found = candidates.lines(session, batch)
        return _decide_all(found, candidates.find(session, found), used)


def _decide_all(
    found: list[BankLine], options: dict[UUID, Candidates], used: dict[UUID, int]
) -> list[Result]:
    """Decide in the order of booking; two lines of one run never use the same announcement, nor the same money of
    an item. `used`: what they took so far."""
    results = []
    for line in found:
        decision = decide(line, options[line.id])
        if decision.outcome == APPLIED:
            claimed = decision.expected_payment_id or decision.payout_id
            if claimed in used or _used_before(decision.allocations, used):
                why = N_("Another line of this run settles the same item: only one of them can be right.")
                decision = Decision(UNMATCHED, decision.rule, why)
            else:
                if claimed:
                    used[claimed] = line.amount_minor
                for part in decision.allocations:
                    used[part.item.id] = used.get(part.item.id, 0) + part.amount_minor
        results.append(Result(line, decision))
    return results


def _used_before(allocations: tuple[Allocated, ...], used: dict[UUID, int]) -> bool:
    return any(abs(used.get(p.item.id, 0) + p.amount_minor) > abs(p.item.open_minor) for p in allocations)
