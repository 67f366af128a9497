"""Reads of mandates, each in the scope of who asks. Never the sealed account."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.customers.rules import search_key
from shared.errors import NotFound
from shared.mandates.reason_codes import reason_codes
from shared.mandates.rules import Scheme, State, lapses_on


@dataclass(frozen=True, slots=True)
class Row:
    """A mandate as lists show it."""

    id: UUID
    customer_id: UUID
    customer: str
    customer_ref: str
    creditor_id: UUID
    creditor: str
    scheme: str
    provider: str
    reference: str
    debtor_name: str
    iban_last4: str | None
    iban_country: str | None
    recurrent: bool
    notice_days: int
    signed_at: datetime
    signed_by: str
    state: str
    state_reason: str | None
    document_id: UUID | None
    last_collected_on: date | None
    registered_at: datetime | None

    @property
    def living(self) -> bool:
        return self.state in ("pending", "active", "suspended")

    @property
    def lapses_on(self) -> date:
        return lapses_on(clock.day_of(self.signed_at), self.last_collected_on)

    @property
    def why(self) -> str | None:
        """What the bank's code means, as a message id; else the reason as somebody wrote it."""
        known = reason_codes().get(self.state_reason or "")
        return known.sentence if known else self.state_reason


@dataclass(frozen=True, slots=True)
class Found:
    rows: list[Row]
    total: int


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a mandate's history."""

    kind: str
    state: str
    reason_code: str | None
    reason: str | None
    by_whom: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Collecting:
    """A creditor a mandate can be signed for."""

    id: UUID
    name: str
    ics: str
    address: str | None
    postcode: str | None
    city: str | None
    country: str
    core: bool
    b2b: bool
    notice_days: int


_COLUMNS = """m.id, m.customer_id, c.name AS customer, c.ref AS customer_ref, m.creditor_id, k.name AS creditor,
    m.scheme, m.provider, m.reference, m.debtor_name, m.iban_last4, m.iban_country, m.recurrent, m.notice_days,
    m.signed_at, m.signed_by, m.state, m.state_reason, m.document_id, m.last_collected_on, m.registered_at"""
_FROM = "FROM mandate m JOIN customer c ON c.id = m.customer_id JOIN creditor k ON k.id = m.creditor_id"
_MINE = "(NOT :debtor OR m.customer_id = ANY (:customers))"
_CHOSEN = f"""WHERE {_MINE} AND (:state = '' OR m.state = :state)
    AND (:words = '' OR strpos(c.search_key, :key) > 0 OR lower(c.ref) = lower(:words)
         OR strpos(upper(m.reference), upper(:words)) > 0)"""
_LIST = text(f"""
    SELECT {_COLUMNS}, count(*) OVER () AS total {_FROM} {_CHOSEN}
    ORDER BY m.state IN ('cancelled', 'expired', 'replaced'), m.signed_at DESC, m.id LIMIT :size OFFSET :offset""")
_ONE = text(f"SELECT {_COLUMNS} {_FROM} WHERE m.id = :id AND {_MINE}")
_EVENTS = text("""
    SELECT kind, state, reason_code, reason, by_whom, at FROM mandate_event
    WHERE mandate_id = :id ORDER BY id DESC LIMIT 200""")
# Who collects is shown to every debtor, like the creditors' accounts.
_COLLECTING = text("""
    SELECT k.id, k.name, s.ics, k.address, k.postcode, k.city, k.country, s.core_enabled AS core,
           s.b2b_enabled AS b2b, s.notice_days
    FROM creditor_sepa s JOIN creditor k ON k.id = s.creditor_id
    WHERE s.core_enabled OR s.b2b_enabled ORDER BY k.name, k.id LIMIT 500""")
_USABLE = text(f"""
    SELECT {_COLUMNS} {_FROM}
    WHERE m.customer_id = ANY (:whose) AND {_MINE} AND m.creditor_id = :creditor AND m.state = 'active'
    ORDER BY m.signed_at DESC, m.id LIMIT 500""")


def mandates(
    session: Session, actor: Actor, *, state: str = "", words: str = "", page: int = 1, size: int = 50
) -> Found:
    """The actor's mandates, the living first and the newest of them first. One statement."""
    rows = session.execute(
        _LIST,
        _scope(actor)
        | {
            "state": state,
            "words": words,
            "key": search_key(words),
            "size": size,
            "offset": (page - 1) * size,
        },
    ).mappings()
    found = list(rows)
    return Found([_row(row) for row in found], found[0]["total"] if found else 0)


def mandate(session: Session, actor: Actor, mandate_id: UUID) -> Row:
    """One mandate; somebody else's is not found."""
    found = session.execute(_ONE, _scope(actor) | {"id": mandate_id}).mappings().first()
    if found is None:
        raise NotFound
    return _row(found)


def history(session: Session, actor: Actor, mandate_id: UUID) -> list[Event]:
    """What happened to a mandate, the latest first; for the creditor's people."""
    actor.must(Permission.SEE_MANDATES)
    return [Event(**row) for row in session.execute(_EVENTS, {"id": mandate_id}).mappings()]


def usable(
    session: Session, actor: Actor, customers: Collection[UUID], creditor_id: UUID, on: date
) -> list[Row]:
    """Mandates that a collection on this day may use, the newest first: active, and not lapsed by then."""
    given = _scope(actor) | {"whose": list(customers), "creditor": creditor_id}
    rows = [_row(row) for row in session.execute(_USABLE, given).mappings()]
    # Of a provider's mandate the provider watches over its life.
    return [
        row
        for row in rows
        if row.state == State.ACTIVE and (row.provider != "own_bank" or on < row.lapses_on)
    ]


def collecting(session: Session) -> list[Collecting]:
    """The creditors that collect through their own bank. Few: no pages."""
    return [Collecting(**row) for row in session.execute(_COLLECTING).mappings()]


def schemes(creditors: Collection[Collecting]) -> list[Scheme]:
    """The kinds of mandate at least one of these creditors takes."""
    taken = {Scheme.CORE: any(c.core for c in creditors), Scheme.B2B: any(c.b2b for c in creditors)}
    return [scheme for scheme, used in taken.items() if used]


def _scope(actor: Actor) -> dict[str, Any]:
    debtor = actor.kind == "debtor"
    actor.must(Permission.SEE_OWN_ACCOUNT if debtor else Permission.SEE_MANDATES)
    return {"debtor": debtor, "customers": list(actor.customers)}


def _row(row: RowMapping) -> Row:
    return Row(**{name: value for name, value in row.items() if name != "total"})
