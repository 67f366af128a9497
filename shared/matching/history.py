"""Reads of what was decided: assigned lines, one match with what it settled, and the day in figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.errors import NotFound
from shared.matching.queries import Decided, Line, Why, line, why_of

_PAGE = 50
AUTOMATIC = "Quittance"  # who decided, when it was nobody


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
           p.minor::bigint AS amount_minor, p.on_account
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
            r.match_id, r.line_id, r.booked_on, r.amount_minor, r.currency, r.party_name, r.remittance, why_of(r),
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


_UNDECIDED = text("""
    SELECT count(*) FROM bank_line l WHERE l.open_minor > 0
      AND NOT EXISTS (SELECT FROM match m WHERE m.bank_line_id = l.id)""")


def undecided(session: Session, actor: Actor) -> int:
    """How many lines hold money that no rule and no person has looked at."""
    actor.must(Permission.SEE_BANK)
    return int(session.scalar(_UNDECIDED) or 0)


@dataclass(frozen=True, slots=True)
class Unidentified:
    """Money on the bank that belongs to nobody yet, by how long it waits; minor units."""

    currency: str
    lines: int
    total_minor: int
    week_minor: int
    month_minor: int
    older_minor: int
    oldest_on: date


_UNIDENTIFIED = text("""
    SELECT currency, count(*) AS lines, sum(open_minor)::bigint AS total_minor,
           coalesce(sum(open_minor) FILTER (WHERE booked_on > :week), 0)::bigint AS week_minor,
           coalesce(sum(open_minor) FILTER (WHERE booked_on <= :week AND booked_on > :month), 0)::bigint AS month_minor,
           coalesce(sum(open_minor) FILTER (WHERE booked_on <= :month), 0)::bigint AS older_minor,
           min(booked_on) AS oldest_on
    FROM bank_line WHERE open_minor > 0 GROUP BY currency ORDER BY currency""")


def unidentified(session: Session, actor: Actor) -> list[Unidentified]:
    """One row per currency. One pass over the queue's index."""
    actor.must(Permission.SEE_BANK)
    today = clock.today()
    days = {"week": today - timedelta(days=7), "month": today - timedelta(days=30)}
    return [Unidentified(**row._mapping) for row in session.execute(_UNIDENTIFIED, days)]


@dataclass(frozen=True, slots=True)
class DaySummary:
    """Lines assigned today: by rules, and by each person."""

    automatic: int
    people: list[tuple[str, int]]


_DAY = text("""
    SELECT m.decided_by, count(*) AS lines FROM match m WHERE m.outcome = 'applied' AND m.decided_at >= :since
    GROUP BY m.decided_by ORDER BY 2 DESC, 1 LIMIT 50""")


def day_summary(session: Session, actor: Actor) -> DaySummary:
    """What was assigned since midnight."""
    actor.must(Permission.SEE_BANK)
    midnight = datetime.combine(clock.today(), datetime.min.time(), clock.BUSINESS_ZONE)
    rows = session.execute(_DAY, {"since": midnight}).all()
    by = {row.decided_by: int(row.lines) for row in rows}
    return DaySummary(by.pop(AUTOMATIC, 0), sorted(by.items(), key=lambda each: (-each[1], each[0])))


_OF_ITEM = text("""
    SELECT CASE WHEN a.debit_item_id = :item THEN a.credit_item_id ELSE a.debit_item_id END AS other_id, a.match_id
    FROM allocation a JOIN match m ON m.id = a.match_id
    WHERE (a.debit_item_id = :item OR a.credit_item_id = :item) AND a.reverses_id IS NULL
    ORDER BY a.id LIMIT 200""")


def matches_of_item(session: Session, actor: Actor, item_id: UUID) -> dict[UUID, UUID]:
    """The match behind each settlement of an item, by the item on its other side."""
    actor.must(Permission.SEE_BANK)
    return {row.other_id: row.match_id for row in session.execute(_OF_ITEM, {"item": item_id})}
