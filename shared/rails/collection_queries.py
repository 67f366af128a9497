"""Reads of collection files, their collections, and the bank's answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.errors import NotFound
from shared.mandates.reason_codes import reason_code
from shared.mandates.rules import present_by


@dataclass(frozen=True, slots=True)
class Batch:
    """A file for the bank. `open_count`: not answered yet; `back_minor`: refused or brought back."""

    id: UUID
    message_id: str
    creditor: str
    scheme: str
    sequence: str
    state: str
    entries: int
    amount_minor: int
    first_due_on: date
    last_due_on: date
    made_at: datetime
    made_by: str
    sent_at: datetime | None
    sent_by: str | None
    open_count: int
    back_count: int
    back_minor: int

    @property
    def present_by(self) -> date:
        """The last day on which the bank takes it."""
        return present_by(self.first_due_on)


@dataclass(frozen=True, slots=True)
class Group:
    """What falls due on one day, and what the bank has still to show of it."""

    payout_id: UUID
    due_on: date
    amount_minor: int
    outstanding_minor: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One collection of a file."""

    payment_id: UUID
    reference: str
    customer_id: UUID
    customer: str
    amount_minor: int
    due_on: date
    mandate_id: UUID
    mandate_reference: str
    iban_last4: str
    state: str
    reason_code: str | None

    @property
    def why(self) -> str | None:
        """What the bank's reason means, as a message id."""
        return reason_code(self.reason_code).sentence if self.reason_code else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A file of the bank's that was read."""

    id: UUID
    kind: str
    file_name: str
    taken_at: datetime
    taken_by: str
    accepted: int
    batch_id: UUID | None
    message_id: str | None
    lines: int


@dataclass(frozen=True, slots=True)
class AnswerLine:
    payment_id: UUID | None
    reference: str | None
    customer: str | None
    end_to_end_id: str
    status: str
    reason_code: str | None
    info: str | None
    outcome: str

    @property
    def why(self) -> str | None:
        return reason_code(self.reason_code).sentence if self.reason_code else None


_BATCHES = """
    SELECT b.id, b.message_id, k.name AS creditor, b.scheme, b.sequence, b.state, b.entries, b.amount_minor,
           b.first_due_on, b.last_due_on, b.made_at, b.made_by, b.sent_at, b.sent_by, e.open_count, e.back_count,
           e.back_minor
    FROM collection_batch b JOIN provider_account a ON a.id = b.account_id JOIN creditor k ON k.id = a.creditor_id
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state IN ('made', 'sent')) AS open_count,
               count(*) FILTER (WHERE state IN ('rejected', 'returned')) AS back_count,
               coalesce(sum(amount_minor) FILTER (WHERE state IN ('rejected', 'returned')), 0)::bigint AS back_minor
        FROM collection_entry WHERE batch_id = b.id) e"""
_PAGE = text(f"{_BATCHES} ORDER BY b.made_at DESC, b.id DESC LIMIT :limit OFFSET :offset")
_ONE = text(f"{_BATCHES} WHERE b.id = :id")
_COUNT = text("SELECT count(*) FROM collection_batch")
_GROUPS = text("""
    SELECT id AS payout_id, arrives_on AS due_on, amount_minor, outstanding_minor FROM payout
    WHERE batch_id = :id ORDER BY arrives_on""")
_ENTRIES = text("""
    SELECT e.payment_id, p.reference, e.customer_id, c.name AS customer, e.amount_minor, e.due_on, e.mandate_id,
           e.mandate_reference, e.iban_last4, e.state, e.reason_code
    FROM collection_entry e JOIN payment p ON p.id = e.payment_id JOIN customer c ON c.id = e.customer_id
    WHERE e.batch_id = :id
    ORDER BY e.state NOT IN ('rejected', 'returned'), e.position LIMIT :limit OFFSET :offset""")
_ANSWERS = """
    SELECT a.id, a.kind, a.file_name, a.taken_at, a.taken_by, a.accepted, a.batch_id, b.message_id,
           (SELECT count(*) FROM collection_answer_line l WHERE l.answer_id = a.id) AS lines
    FROM collection_answer a LEFT JOIN collection_batch b ON b.id = a.batch_id"""
_SOME_ANSWERS = text(f"""{_ANSWERS}
    WHERE CAST(:batch AS uuid) IS NULL OR a.batch_id = :batch ORDER BY a.taken_at DESC, a.id DESC LIMIT :limit""")
_ONE_ANSWER = text(f"{_ANSWERS} WHERE a.id = :id")
_LINES = text("""
    SELECT l.payment_id, p.reference, c.name AS customer, l.end_to_end_id, l.status, l.reason_code, l.info, l.outcome
    FROM collection_answer_line l LEFT JOIN payment p ON p.id = l.payment_id
    LEFT JOIN customer c ON c.id = p.customer_id
    WHERE l.answer_id = :id ORDER BY l.id LIMIT :limit OFFSET :offset""")


def batches(session: Session, actor: Actor, *, limit: int, offset: int = 0) -> tuple[list[Batch], int]:
    """A page of files, the latest first, and how many there are."""
    actor.must(Permission.SEE_PAYMENTS)
    rows = session.execute(_PAGE, {"limit": limit, "offset": offset})
    return [Batch(**row._mapping) for row in rows], int(session.scalar(_COUNT) or 0)


def batch(session: Session, actor: Actor, batch_id: UUID) -> Batch:
    """One file."""
    actor.must(Permission.SEE_PAYMENTS)
    found = session.execute(_ONE, {"id": batch_id}).first()
    if found is None:
        raise NotFound
    return Batch(**found._mapping)


def groups(session: Session, actor: Actor, batch_id: UUID) -> list[Group]:
    """The days of a file that the bank has."""
    actor.must(Permission.SEE_PAYMENTS)
    return [Group(**row._mapping) for row in session.execute(_GROUPS, {"id": batch_id})]


def entries(session: Session, actor: Actor, batch_id: UUID, *, limit: int, offset: int = 0) -> list[EntryRow]:
    """The collections of a file; what was refused or came back stands first."""
    actor.must(Permission.SEE_PAYMENTS)
    found = session.execute(_ENTRIES, {"id": batch_id, "limit": limit, "offset": offset})
    return [EntryRow(**row._mapping) for row in found]


def answers(session: Session, actor: Actor, batch_id: UUID | None = None, limit: int = 50) -> list[Answer]:
    """The bank's answers, the latest first: all, or those to one file."""
    actor.must(Permission.SEE_PAYMENTS)
    return [
        Answer(**row._mapping) for row in session.execute(_SOME_ANSWERS, {"batch": batch_id, "limit": limit})
    ]


def answer(session: Session, actor: Actor, answer_id: UUID) -> Answer:
    """One answer."""
    actor.must(Permission.SEE_PAYMENTS)
    found = session.execute(_ONE_ANSWER, {"id": answer_id}).first()
    if found is None:
        raise NotFound
    return Answer(**found._mapping)


def answer_lines(
    session: Session, actor: Actor, answer_id: UUID, *, limit: int, offset: int = 0
) -> list[AnswerLine]:
    """What an answer refused or brought back, and what nobody could place."""
    actor.must(Permission.SEE_PAYMENTS)
    found = session.execute(_LINES, {"id": answer_id, "limit": limit, "offset": offset})
    return [AnswerLine(**row._mapping) for row in found]
