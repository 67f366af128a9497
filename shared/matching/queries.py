"""Reads of matching: the queue of lines that hold money, one line with its history, and what was decided.

Every list is bounded; the queue is read through the partial index of lines with money left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared import clock, i18n
from shared.actor import Actor, Permission
from shared.errors import DomainError, NotFound
from shared.money import parse_minor

_PAGE = 50


@dataclass(frozen=True, slots=True)
class Why:
    """The latest decision about a line. `sentence` is a message id."""

    outcome: str
    rule: str
    sentence: str
    params: dict[str, str]
    decided_by: str
    decided_at: datetime

    def told(self, language: str) -> str:
        return i18n.gettext(language, self.sentence, **self.params)


@dataclass(frozen=True, slots=True)
class QueueLine:
    id: UUID
    creditor: str
    booked_on: date
    amount_minor: int
    open_minor: int
    currency: str
    party_name: str | None
    remittance: str
    why: Why | None


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """`words`: parts of the text or payer, or an amount; `older_than_days`: lines that wait longer."""

    words: str = ""
    creditor: str = ""
    older_than_days: int = 0
    currency: str = "EUR"

    def bound(self) -> dict[str, Any]:
        try:
            minor = abs(parse_minor(self.words, self.currency)) if self.words.strip() else None
        except DomainError:
            minor = None
        return {
            "words": self.words.strip().lower(),
            "minor": minor,
            "creditor": self.creditor,
            "until": clock.today() - timedelta(days=self.older_than_days),
        }


_QUEUE = """
    FROM bank_line l JOIN creditor c ON c.id = l.creditor_id
    WHERE l.open_minor > 0 AND (:creditor = '' OR c.code = :creditor) AND l.booked_on <= :until
      AND (:words = '' OR strpos(lower(coalesce(l.party_name, '') || ' ' || l.remittance || ' '
                                       || coalesce(l.creditor_ref, '')), :words) > 0
           OR l.open_minor = :minor OR l.amount_minor = :minor)"""
_LATEST = """
    LEFT JOIN LATERAL (SELECT m.outcome, m.rule, m.why, m.why_params, m.decided_by, m.decided_at FROM match m
                       WHERE m.bank_line_id = l.id ORDER BY m.decided_at DESC, m.id DESC LIMIT 1) d ON true"""
# The page is cut before the decisions are looked up.
_QUEUE_PAGE = text(f"""
    SELECT l.*, d.* FROM (
        SELECT l.id, c.code AS creditor, l.booked_on, l.amount_minor, l.open_minor, l.currency, l.party_name,
               l.remittance {_QUEUE} ORDER BY l.booked_on, l.id LIMIT :limit OFFSET :offset) l
    {_LATEST} ORDER BY l.booked_on, l.id""")
_QUEUE_COUNT = text(f"SELECT count(*) {_QUEUE}")
_NEIGHBOURS = text(f"""
    SELECT (SELECT l.id {_QUEUE} AND (l.booked_on, l.id) > (:day, :id) ORDER BY l.booked_on, l.id LIMIT 1) AS next,
           (SELECT l.id {_QUEUE} AND (l.booked_on, l.id) < (:day, :id)
            ORDER BY l.booked_on DESC, l.id DESC LIMIT 1) AS previous,
           (SELECT count(*) {_QUEUE}) AS waiting""")


def queue(
    session: Session, actor: Actor, wanted: QueueFilter, *, page: int = 1, size: int = _PAGE
) -> tuple[list[QueueLine], int]:
    """A page of lines with money left, oldest first, and how many there are."""
    actor.must(Permission.SEE_BANK)
    bound = wanted.bound()
    total = int(session.scalar(_QUEUE_COUNT, bound) or 0)
    rows = session.execute(_QUEUE_PAGE, {**bound, "limit": size, "offset": (page - 1) * size})
    return [_queue_line(row) for row in rows], total


@dataclass(frozen=True, slots=True)
class Neighbours:
    previous: UUID | None
    next: UUID | None
    waiting: int


def neighbours(session: Session, actor: Actor, line: Line, wanted: QueueFilter) -> Neighbours:
    """The lines before and after in the queue as it is filtered, and how many wait in it."""
    actor.must(Permission.SEE_BANK)
    row = session.execute(_NEIGHBOURS, {**wanted.bound(), "day": line.booked_on, "id": line.id}).one()
    return Neighbours(row.previous, row.next, int(row.waiting))


_FOLLOWING = text(f"""
    SELECT l.id, c.code AS creditor, l.booked_on, l.amount_minor, l.open_minor, l.currency, l.party_name,
           l.remittance, CAST(NULL AS text) AS outcome
    {_QUEUE} AND (l.booked_on, l.id) >= (:day, :id) ORDER BY l.booked_on, l.id LIMIT :limit""")


def following(session: Session, actor: Actor, line: Line, wanted: QueueFilter, limit: int) -> list[QueueLine]:
    """This line, if money is left on it, and those after it in the queue."""
    actor.must(Permission.SEE_BANK)
    bound = {**wanted.bound(), "day": line.booked_on, "id": line.id, "limit": limit}
    return [_queue_line(row) for row in session.execute(_FOLLOWING, bound)]


@dataclass(frozen=True, slots=True)
class Decided:
    """One entry of a line's history. `undone_at`: when it was, if it was."""

    id: UUID
    why: Why
    evidence: list[Any]
    confidence: float
    version: int
    undoes_id: UUID | None
    undone_at: datetime | None

    @property
    def can_be_undone(self) -> bool:
        return self.why.outcome == "applied" and self.undone_at is None


@dataclass(frozen=True, slots=True)
class Line:
    """One bank line with everything the bank said, its statement and its history (newest first)."""

    id: UUID
    creditor_id: UUID
    creditor: str
    statement_id: UUID
    statement: str
    account_iban: str
    position: int
    booked_on: date
    value_on: date | None
    amount_minor: int
    open_minor: int
    currency: str
    party_name: str | None
    party_iban: str | None
    remittance: str
    creditor_ref: str | None
    end_to_end_id: str | None
    entry_ref: str | None
    is_reversal: bool
    raw: str
    history: list[Decided] = field(default_factory=list)

    @property
    def why(self) -> Why | None:
        return self.history[0].why if self.history else None


_LINE = text("""
    SELECT l.id, l.creditor_id, c.code AS creditor, l.statement_id, s.reference AS statement,
           b.iban AS account_iban, l.position, l.booked_on, l.value_on, l.amount_minor, l.open_minor, l.currency,
           l.party_name, l.party_iban, l.remittance, l.creditor_ref, l.end_to_end_id, l.entry_ref, l.is_reversal,
           l.raw
    FROM bank_line l JOIN bank_statement s ON s.id = l.statement_id
    JOIN creditor c ON c.id = l.creditor_id JOIN bank_account b ON b.id = l.bank_account_id
    WHERE l.id = :id""")
_HISTORY = text("""
    SELECT m.id, m.outcome, m.rule, m.why, m.why_params, m.decided_by, m.decided_at, m.evidence, m.confidence,
           m.version, m.undoes_id, u.decided_at AS undone_at
    FROM match m LEFT JOIN match u ON u.undoes_id = m.id
    WHERE m.bank_line_id = :id ORDER BY m.decided_at DESC, m.id DESC LIMIT 100""")


def line(session: Session, actor: Actor, line_id: UUID) -> Line:
    """One line, or NotFound. Two statements."""
    actor.must(Permission.SEE_BANK)
    row = session.execute(_LINE, {"id": line_id}).first()
    if row is None:
        raise NotFound
    history = [
        Decided(r.id, why_of(r), r.evidence, float(r.confidence), r.version, r.undoes_id, r.undone_at)
        for r in session.execute(_HISTORY, {"id": line_id})
    ]
    return Line(**row._mapping, history=history)


def _queue_line(row: Row[Any]) -> QueueLine:
    values = {name: getattr(row, name) for name in _QUEUE_FIELDS}
    return QueueLine(**values, why=why_of(row) if row.outcome else None)


_QUEUE_FIELDS: Sequence[str] = (
    "id", "creditor", "booked_on", "amount_minor", "open_minor", "currency", "party_name", "remittance",
)  # fmt: skip


def why_of(row: Row[Any]) -> Why:
    return Why(row.outcome, row.rule, row.why, row.why_params, row.decided_by, row.decided_at)
