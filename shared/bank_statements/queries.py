"""Reads of statements and their lines: scoped by actor, ordered, bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.errors import NotFound

PAGE = 50
_MOST = 500


@dataclass(frozen=True, slots=True)
class AccountState:
    """How far the statements of an account reach. `fresh_until` is None before the first one."""

    bank_account_id: UUID
    creditor_code: str
    iban: str
    currency: str
    statements: int
    fresh_until: date | None
    closing_minor: int | None
    imported_at: datetime | None
    gaps: int


@dataclass(frozen=True, slots=True)
class StatementRow:
    """`follows`: takes up the balance where an earlier statement ended; None for the first, or without balances."""

    id: UUID
    iban: str
    reference: str
    sequence: str | None
    currency: str
    opening_minor: int | None
    closing_minor: int | None
    opening_on: date | None
    closing_on: date | None
    entries: int
    credits_minor: int
    debits_minor: int
    balance_ok: bool | None
    file_name: str
    imported_at: datetime
    follows: bool | None


@dataclass(frozen=True, slots=True)
class LineRow:
    id: UUID
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
    details: dict[str, Any] | None


# A statement follows when one that closed by its own closing day ended with its opening balance. Overlapping
# exports follow too: the day before their first one has a statement of its own.
_FOLLOWS = """
    CASE WHEN s.opening_minor IS NULL OR s.closing_on IS NULL OR NOT EXISTS (
              SELECT FROM bank_statement e WHERE e.bank_account_id = s.bank_account_id
              AND (e.closing_on, e.imported_at, e.id) < (s.closing_on, s.imported_at, s.id)) THEN NULL
         ELSE EXISTS (
              SELECT FROM bank_statement e WHERE e.bank_account_id = s.bank_account_id AND e.id <> s.id
              AND e.closing_on <= s.closing_on AND e.closing_minor = s.opening_minor) END"""
_STATEMENT = f"""
    SELECT s.id, b.iban, s.reference, s.sequence, s.currency, s.opening_minor, s.closing_minor, s.opening_on,
           s.closing_on, s.entries, s.credits_minor, s.debits_minor, s.balance_ok, s.file_name, s.imported_at,
           {_FOLLOWS} AS follows
    FROM bank_statement s JOIN bank_account b ON b.id = s.bank_account_id"""
_ONE = text(f"{_STATEMENT} WHERE s.id = :id")
_LATEST = text(f"""{_STATEMENT}
    WHERE s.bank_account_id = :account
    ORDER BY s.closing_on DESC NULLS LAST, s.imported_at DESC, s.id DESC LIMIT :limit OFFSET :offset""")
_ACCOUNTS = text(f"""
    SELECT b.id, c.code, b.iban, b.currency, coalesce(n.statements, 0), l.closing_on, l.closing_minor,
           n.imported_at, coalesce(n.gaps, 0)
    FROM bank_account b JOIN creditor c ON c.id = b.creditor_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS statements, max(s.imported_at) AS imported_at,
               count(*) FILTER (WHERE NOT {_FOLLOWS}) AS gaps
        FROM bank_statement s WHERE s.bank_account_id = b.id) n ON true
    LEFT JOIN LATERAL (
        SELECT closing_on, closing_minor FROM bank_statement WHERE bank_account_id = b.id
        ORDER BY closing_on DESC NULLS LAST, imported_at DESC, id DESC LIMIT 1) l ON true
    WHERE b.holder_kind = 'creditor' ORDER BY c.code, b.iban LIMIT {_MOST}""")
_LINES = text("""
    SELECT id, position, booked_on, value_on, amount_minor, open_minor, currency, party_name, party_iban, remittance,
           creditor_ref, end_to_end_id, entry_ref, is_reversal, details
    FROM bank_line WHERE statement_id = :id AND position > :after ORDER BY position LIMIT :limit""")


def accounts(session: Session, actor: Actor) -> list[AccountState]:
    """The creditors' own accounts, how far their statements reach, and how many holes there are before that."""
    actor.must(Permission.SEE_BANK)
    return [AccountState(*row) for row in session.execute(_ACCOUNTS)]


def statements(
    session: Session, actor: Actor, bank_account_id: UUID, *, page: int = 1, per_page: int = PAGE
) -> list[StatementRow]:
    """The statements of an account, the latest first."""
    actor.must(Permission.SEE_BANK)
    per_page = min(max(per_page, 1), _MOST)
    bounds = {"limit": per_page, "offset": (max(page, 1) - 1) * per_page}
    return [StatementRow(*row) for row in session.execute(_LATEST, {"account": bank_account_id, **bounds})]


def statement(session: Session, actor: Actor, statement_id: UUID) -> StatementRow:
    actor.must(Permission.SEE_BANK)
    row = session.execute(_ONE, {"id": statement_id}).first()
    if row is None:
        raise NotFound
    return StatementRow(*row)


def lines(
    session: Session, actor: Actor, statement_id: UUID, *, after: int = 0, limit: int = PAGE
) -> Sequence[LineRow]:
    """The lines a statement brought, in the bank's order, those behind position `after`: O(lines shown)."""
    actor.must(Permission.SEE_BANK)
    bounds = {"after": after, "limit": min(max(limit, 1), _MOST)}
    return [LineRow(*row) for row in session.execute(_LINES, {"id": statement_id, **bounds})]
