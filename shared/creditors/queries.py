"""Reads about creditors and their accounts. Creditors are few: these lists need no pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.creditors.rules import TOLD_FOR
from shared.errors import NotFound

# The payee `b` of an open item `i`. An item without one of its own is paid to the account its creditor receives on
# in that currency; one that names an account which received once, to the account in its place. An account nobody
# confirmed is no payee: row-level security hides it from the portal, the condition from everybody else.
PAYEE = """
    LEFT JOIN bank_account named ON named.id = i.payee_account_id
    LEFT JOIN bank_account b ON b.confirmed_at IS NOT NULL AND b.creditor_id = i.creditor_id
         AND CASE WHEN i.payee_account_id IS NULL THEN b.receives AND b.currency = i.currency
                  ELSE b.id = coalesce(named.replaced_by_id, i.payee_account_id) END"""


@dataclass(frozen=True, slots=True)
class CreditorName:
    id: UUID
    code: str
    name: str


def creditor_names(session: Session) -> list[CreditorName]:
    """All legal entities, in the order of their names."""
    rows = session.execute(text("SELECT id, code, name FROM creditor ORDER BY name, code LIMIT 500"))
    return [CreditorName(**row._mapping) for row in rows]


def currencies(session: Session) -> list[str]:
    """The currencies of the accounts, the euro first: what a report can be asked for."""
    found = session.scalars(text("SELECT DISTINCT currency FROM bank_account ORDER BY currency"))
    return ["EUR", *(each for each in found if each != "EUR")]


@dataclass(frozen=True, slots=True)
class Account:
    """An account money may go to. `change_id`: the change of it that waits."""

    id: UUID
    creditor_code: str
    creditor: str
    holder_kind: str
    holder_name: str
    iban: str
    bic: str | None
    currency: str
    receives: bool
    confirmed_at: datetime | None
    replaced: bool
    change_id: UUID | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of what debtors are shown: as it is, as it will be, and who said so."""

    id: UUID
    creditor_code: str
    creditor: str
    account_change_days: int
    kind: str
    currency: str
    iban: str
    holder_kind: str
    holder_name: str
    bic: str | None
    old_iban: str | None
    old_holder_name: str | None
    old_bic: str | None
    reason: str
    source: str
    call_back: str | None
    asked_by: UUID | None
    asked_by_name: str
    asked_at: datetime
    approved_by_name: str | None
    approved_at: datetime | None
    due_at: datetime | None
    ended: str | None
    ended_by_name: str | None
    ended_at: datetime | None
    ended_reason: str | None
    in_force_at: datetime | None

    @property
    def state(self) -> str:
        if self.ended is not None:
            return self.ended
        if self.in_force_at is not None:
            return "in_force"
        return "waiting" if self.approved_at is None else "approved"


@dataclass(frozen=True, slots=True)
class ToldChange:
    """What a debtor is told of a change: which account by its last digits, and since when or from when."""

    creditor_id: UUID
    creditor: str
    kind: str
    holder_kind: str
    old_end: str | None
    new_end: str
    due_at: datetime
    in_force_at: datetime | None


_ACCOUNTS = """
    SELECT b.id, k.code AS creditor_code, k.name AS creditor, b.holder_kind, b.holder_name, b.iban, b.bic, b.currency,
           b.receives, b.confirmed_at, b.replaced_by_id IS NOT NULL AS replaced, h.id AS change_id
    FROM bank_account b JOIN creditor k ON k.id = b.creditor_id
    LEFT JOIN account_change h ON h.account_id = b.id AND h.in_force_at IS NULL AND h.ended IS NULL"""

_CHANGES = """
    SELECT h.id, k.code AS creditor_code, k.name AS creditor, k.account_change_days, h.kind, h.currency, h.iban,
           h.holder_kind, h.holder_name, h.bic, h.old_iban, h.old_holder_name, h.old_bic, h.reason, h.source,
           h.call_back, h.asked_by, h.asked_by_name, h.asked_at, h.approved_by_name, h.approved_at, h.due_at, h.ended,
           h.ended_by_name, h.ended_at, h.ended_reason, h.in_force_at
    FROM account_change h JOIN creditor k ON k.id = h.creditor_id"""

# Row-level security leaves a debtor the changes that concern them.
_TOLD = text("""
    SELECT h.creditor_id, k.name AS creditor, h.kind, h.holder_kind, h.old_end, h.new_end, h.due_at, h.in_force_at
    FROM account_change h JOIN creditor k ON k.id = h.creditor_id
    WHERE h.approved_at IS NOT NULL AND h.ended IS NULL AND (h.in_force_at IS NULL OR h.in_force_at > :since)
    ORDER BY h.due_at, h.id LIMIT 20""")

# A creditor has a handful of accounts and a factor or two.
_MOST_ACCOUNTS, _MOST_CHANGES = 500, 100


def accounts(session: Session, actor: Actor) -> list[Account]:
    """Every account money may go to: those that receive first, then by creditor and number."""
    actor.must(Permission.SEE_BANK)
    order = "ORDER BY k.name, k.code, b.receives DESC, b.confirmed_at IS NULL, b.iban LIMIT :most"
    rows = session.execute(text(f"{_ACCOUNTS} {order}"), {"most": _MOST_ACCOUNTS})
    return [Account(**row._mapping) for row in rows]


def account(session: Session, actor: Actor, account_id: UUID) -> Account:
    actor.must(Permission.SEE_BANK)
    row = session.execute(text(f"{_ACCOUNTS} WHERE b.id = :id"), {"id": account_id}).first()
    if row is None:
        raise NotFound
    return Account(**row._mapping)


def changes(session: Session, actor: Actor) -> list[Change]:
    """The changes of all creditors' accounts, those that wait first, then the latest."""
    actor.must(Permission.SEE_BANK)
    order = "ORDER BY h.in_force_at IS NULL AND h.ended IS NULL DESC, h.asked_at DESC, h.id LIMIT :most"
    rows = session.execute(text(f"{_CHANGES} {order}"), {"most": _MOST_CHANGES})
    return [Change(**row._mapping) for row in rows]


def change(session: Session, actor: Actor, change_id: UUID) -> Change:
    actor.must(Permission.SEE_BANK)
    row = session.execute(text(f"{_CHANGES} WHERE h.id = :id"), {"id": change_id}).first()
    if row is None:
        raise NotFound
    return Change(**row._mapping)


def told_changes(session: Session, actor: Actor) -> Sequence[ToldChange]:
    """What the debtor's payment pages tell: changes approved, until a month after they are in force."""
    actor.must(Permission.SEE_OWN_ACCOUNT)
    return [ToldChange(**row._mapping) for row in session.execute(_TOLD, {"since": clock.now() - TOLD_FOR})]
