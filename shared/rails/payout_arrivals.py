"""A payout reaches the bank: its line clears the provider's account, and can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.db import REFUSALS, driver, hold
from shared.errors import Conflict, DomainError
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.ledger.rules import BANK, UNASSIGNED, Entry, Line
from shared.outbox.actions import record_fact

REFUSALS["payout_arrives_once"] = Conflict("This payout arrived on another bank line meanwhile.")
REFUSALS["payout_arrival_undoes_id_key"] = Conflict("This was undone already.")
REFUSALS["payout_arrival_fits"] = DomainError(
    "A payout arrives on an account of its own creditor, in its own currency."
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole bank line that is a payout; `amount_minor` is signed as the line."""

    payout_id: UUID
    bank_line_id: UUID
    match_id: UUID
    amount_minor: int
    arrived_on: date


_PAYOUTS = text("""
    SELECT p.id, p.provider_ref, p.currency, a.creditor_id, a.clearing_account FROM payout p
    JOIN provider_account a ON a.id = p.account_id WHERE p.id = ANY (:ids)""")
_OF_MATCH = text("""
    SELECT r.id, r.payout_id, r.bank_line_id, r.match_id, r.amount_minor, r.arrived_on FROM payout_arrival r
    WHERE r.match_id = :match AND r.undoes_id IS NULL ORDER BY r.id""")


def arrive(session: Session, arrivals: Sequence[Arrival]) -> None:
    """Book arrivals: money in leaves 471, where the statement put it; money out was not posted by the statement."""
    if not arrivals:
        return
    hold(session, "payout", {each.payout_id for each in arrivals})
    _write(session, arrivals, [None] * len(arrivals))
    _post(session, arrivals, "payout_arrived")
    for each in arrivals:
        record_fact(session, "payout_arrived", each.payout_id, amount_minor=each.amount_minor)


def take_back(session: Session, match_id: UUID) -> None:
    """Undo the arrivals of a match: the line is free again, the payout is awaited again."""
    found = session.execute(_OF_MATCH, {"match": match_id}).all()
    if not found:
        return
    hold(session, "payout", {row.payout_id for row in found})
    today = clock.today()
    back = [Arrival(r.payout_id, r.bank_line_id, r.match_id, -r.amount_minor, today) for r in found]
    _write(session, back, [row.id for row in found])
    _post(session, back, "payout_arrival_undone", undone=True)


def _write(session: Session, arrivals: Sequence[Arrival], undoes: Sequence[UUID | None]) -> None:
    rows = [
        (
            new_id(),
            each.payout_id,
            each.bank_line_id,
            each.match_id,
            undone,
            each.amount_minor,
            each.arrived_on,
        )
        for each, undone in zip(arrivals, undoes, strict=True)
    ]
    driver(session).execute(
        "INSERT INTO payout_arrival (id, payout_id, bank_line_id, match_id, undoes_id, amount_minor, arrived_on)"
        " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s::date[])",
        [list(column) for column in zip(*rows, strict=True)],
    )


def _post(session: Session, arrivals: Sequence[Arrival], event: str, *, undone: bool = False) -> None:
    about = {row.id: row for row in session.execute(_PAYOUTS, {"ids": [each.payout_id for each in arrivals]})}
    entries = []
    for each in arrivals:
        payout = about[each.payout_id]
        came_in = (each.amount_minor > 0) is not undone
        lines = [
            Line(UNASSIGNED if came_in else BANK, each.amount_minor),
            Line(payout.clearing_account, -each.amount_minor),
        ]
        ref = payout.provider_ref
        entries.append(
            Entry(payout.creditor_id, "BQ", event, each.arrived_on, payout.currency, ref, lines, ref)
        )
    ledger.post(session, entries)
