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
AUTOMATIC = "Quittance"  # who decided, when it was nobody


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
        Decided(r.id, _why(r), r.evidence, float(r.confidence), r.version, r.undoes_id, r.undone_at)
        for r in session.execute(_HISTORY, {"id": line_id})
    ]
    return Line(**row._mapping, history=history)


@dataclass(frozen=True, slots=True)
class AssignedPart:
    """What a match settled: an amount of an item, or (`number` of the receipt) money kept on account."""

    item_id: UUID
    number: str
    kind: str
    customer_id: UUID
    customer_ref: str
    customer_name: str
    amount_minor: int
    on_account: bool


@dataclass(frozen=True, slots=True)
class MatchPage:
    line: Line
    decided: Decided
    parts: list[AssignedPart]


# Signed as the item. What a receipt did not settle in its match is on account.
_PARTS = text("""
    WITH made AS (SELECT a.* FROM allocation a WHERE a.match_id = :match AND a.reverses_id IS NULL
                  AND NOT EXISTS (SELECT FROM receipt u WHERE u.id = a.debit_item_id AND u.undoes_id IS NOT NULL))
    SELECT i.id AS item_id, i.number, i.kind, c.id AS customer_id, c.ref AS customer_ref, c.name AS customer_name,
           p.minor AS amount_minor, p.on_account
    FROM (SELECT debit_item_id AS item_id, sum(amount_minor) AS minor, false AS on_account FROM made GROUP BY 1
          UNION ALL
          SELECT credit_item_id, -sum(amount_minor), false FROM made
          WHERE credit_item_id NOT IN (SELECT id FROM receipt WHERE match_id = :match) GROUP BY 1
          UNION ALL
          SELECT r.id, r.amount_minor - coalesce(sum(made.amount_minor), 0), true
          FROM receipt r LEFT JOIN made ON made.credit_item_id = r.id
          WHERE r.match_id = :match AND r.undoes_id IS NULL GROUP BY r.id
          HAVING r.amount_minor <> coalesce(sum(made.amount_minor), 0)) p
    JOIN open_item i ON i.id = p.item_id JOIN customer c ON c.id = i.customer_id
    ORDER BY p.on_account, c.ref, i.number""")
_LINE_OF = text("SELECT bank_line_id FROM match WHERE id = :id")


def match(session: Session, actor: Actor, match_id: UUID) -> MatchPage:
    """One decision with its evidence and what it settled. Four statements."""
    actor.must(Permission.SEE_BANK)
    line_id = session.scalar(_LINE_OF, {"id": match_id})
    if line_id is None:
        raise NotFound
    found = line(session, actor, line_id)
    decided = next((each for each in found.history if each.id == match_id), None)
    if decided is None:
        raise NotFound
    rows = session.execute(_PARTS, {"match": match_id})
    return MatchPage(found, decided, [AssignedPart(**row._mapping) for row in rows])


@dataclass(frozen=True, slots=True)
class MatchedLine:
    match_id: UUID
    line_id: UUID
    booked_on: date
    amount_minor: int
    currency: str
    party_name: str | None
    remittance: str
    why: Why
    undone_at: datetime | None


_MATCHED = """
    FROM match m JOIN bank_line l ON l.id = m.bank_line_id LEFT JOIN match u ON u.undoes_id = m.id
    WHERE m.outcome = 'applied'
      AND (:by = '' OR (:by = 'automatic') = (m.decided_by = :automatic))
      AND (:words = '' OR strpos(lower(coalesce(l.party_name, '') || ' ' || l.remittance || ' ' || m.decided_by),
                                 :words) > 0)"""
_MATCHED_PAGE = text(f"""
    SELECT m.id AS match_id, l.id AS line_id, l.booked_on, l.amount_minor, l.currency, l.party_name, l.remittance,
           m.outcome, m.rule, m.why, m.why_params, m.decided_by, m.decided_at, u.decided_at AS undone_at
    {_MATCHED} ORDER BY m.decided_at DESC, m.id DESC LIMIT :limit OFFSET :offset""")
_MATCHED_COUNT = text(f"SELECT count(*) {_MATCHED}")


def matched(
    session: Session, actor: Actor, *, words: str = "", by: str = "", page: int = 1, size: int = _PAGE
) -> tuple[list[MatchedLine], int]:
    """What was assigned, newest first; `by`: "automatic", "person" or all."""
    actor.must(Permission.SEE_BANK)
    bound = {"words": words.strip().lower(), "by": by, "automatic": AUTOMATIC}
    total = int(session.scalar(_MATCHED_COUNT, bound) or 0)
    rows = session.execute(_MATCHED_PAGE, {**bound, "limit": size, "offset": (page - 1) * size})
    found = [
        MatchedLine(
            r.match_id, r.line_id, r.booked_on, r.amount_minor, r.currency, r.party_name, r.remittance, _why(r),
            r.undone_at,
        )
        for r in rows
    ]  # fmt: skip
    return found, total


_LAST_BY = text("""
    SELECT m.id FROM match m WHERE m.decided_by = :name AND m.outcome = 'applied' AND m.rule = 'by hand'
      AND m.decided_at >= :since AND NOT EXISTS (SELECT FROM match u WHERE u.undoes_id = m.id)
    ORDER BY m.decided_at DESC, m.id DESC LIMIT 1""")


def last_assigned_by(session: Session, actor: Actor) -> UUID | None:
    """What this person assigned last within a day and has not undone: what "undo" means on the queue."""
    actor.must(Permission.RECONCILE)
    since = clock.now() - timedelta(days=1)
    found: UUID | None = session.scalar(_LAST_BY, {"name": actor.name, "since": since})
    return found


def _queue_line(row: Row[Any]) -> QueueLine:
    values = {name: getattr(row, name) for name in _QUEUE_FIELDS}
    return QueueLine(**values, why=_why(row) if row.outcome else None)


_QUEUE_FIELDS: Sequence[str] = (
    "id", "creditor", "booked_on", "amount_minor", "open_minor", "currency", "party_name", "remittance",
)  # fmt: skip


def _why(row: Row[Any]) -> Why:
    return Why(row.outcome, row.rule, row.why, row.why_params, row.decided_by, row.decided_at)
