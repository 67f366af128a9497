"""The statement of account: what was open, each document and receipt of a period, what is open after it.

Only documents and receipts move a balance; allocations say which of them belong together. So the closing balance is
account 411 of the ledger on that day, and any past day can be told again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.errors import DomainError
from shared.reporting.scope import PAGE_SIZE, scope


class WrongPeriod(DomainError):
    code = "wrong_period"
    sentence = "The first day of a statement cannot come after its last day."


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day, included, to the day the account is told as of, included."""

    since: date
    as_of: date

    def __post_init__(self) -> None:
        if self.since > self.as_of:
            raise WrongPeriod(field="since")


@dataclass(frozen=True, slots=True)
class Account:
    """One customer with one creditor in one currency: closing = opening + debits + credits (credits are negative)."""

    creditor_id: UUID
    creditor: str
    customer_id: UUID
    customer: str
    customer_ref: str
    currency: str
    opening_minor: int
    debits_minor: int
    credits_minor: int
    closing_minor: int
    lines: int


@dataclass(frozen=True, slots=True)
class Line:
    """A document or receipt, and the balance of its account after it."""

    item_id: UUID
    creditor_id: UUID
    creditor: str
    customer_id: UUID
    customer: str
    customer_ref: str
    currency: str
    on: date
    kind: str
    number: str
    due_on: date
    amount_minor: int
    balance_minor: int


_SCOPE = """open_item i JOIN creditor r ON r.id = i.creditor_id JOIN customer c ON c.id = i.customer_id
    WHERE i.customer_id = ANY (:customers) AND i.issued_on <= :as_of
      AND (CAST(:creditor AS uuid) IS NULL OR i.creditor_id = :creditor)"""

_ACCOUNTS = text(f"""
    SELECT i.creditor_id, r.name AS creditor, i.customer_id, c.name AS customer, c.ref AS customer_ref, i.currency,
           coalesce(sum(i.amount_minor) FILTER (WHERE i.issued_on < :since), 0)::bigint AS opening_minor,
           coalesce(sum(i.amount_minor) FILTER (WHERE i.issued_on >= :since AND i.amount_minor > 0), 0)::bigint
               AS debits_minor,
           coalesce(sum(i.amount_minor) FILTER (WHERE i.issued_on >= :since AND i.amount_minor < 0), 0)::bigint
               AS credits_minor,
           sum(i.amount_minor)::bigint AS closing_minor,
           count(*) FILTER (WHERE i.issued_on >= :since) AS lines
    FROM {_SCOPE}
    GROUP BY i.creditor_id, r.name, i.customer_id, c.name, c.ref, i.currency
    HAVING count(*) FILTER (WHERE i.issued_on >= :since) > 0 OR sum(i.amount_minor) <> 0
    ORDER BY r.name, i.creditor_id, c.name, i.customer_id, i.currency""")

_LINES = f"""
    SELECT * FROM (
        SELECT i.id AS item_id, i.creditor_id, r.name AS creditor, i.customer_id, c.name AS customer,
               c.ref AS customer_ref, i.currency, i.issued_on AS on, i.kind, i.number, i.due_on, i.amount_minor,
               (sum(i.amount_minor) OVER (PARTITION BY i.creditor_id, i.customer_id, i.currency
                                          ORDER BY i.issued_on, i.id))::bigint AS balance_minor
        FROM {_SCOPE}) line
    WHERE line.on >= :since
    ORDER BY line.creditor, line.creditor_id, line.customer, line.customer_id, line.currency, line.on, line.item_id"""


def accounts(
    session: Session,
    actor: Actor,
    period: Period,
    *,
    customers: Iterable[UUID] | None = None,
    creditor: UUID | None = None,
) -> list[Account]:
    """Opening and closing balance of each account that moved in the period or is not settled. One statement."""
    given = _given(actor, period, customers, creditor)
    return [Account(**row._mapping) for row in session.execute(_ACCOUNTS, given)]


def lines(
    session: Session,
    actor: Actor,
    period: Period,
    *,
    customers: Iterable[UUID] | None = None,
    creditor: UUID | None = None,
    page: int = 1,
    size: int = PAGE_SIZE,
) -> list[Line]:
    """A part of the lines, account after account in the order of `accounts`. One statement, O(items of the account)."""
    given = _given(actor, period, customers, creditor)
    rows = session.execute(
        text(f"{_LINES} LIMIT :size OFFSET :skipped"), {**given, "size": size, "skipped": (page - 1) * size}
    )
    return [Line(**row._mapping) for row in rows]


def every_line(
    session: Session,
    actor: Actor,
    period: Period,
    *,
    customers: Iterable[UUID] | None = None,
    creditor: UUID | None = None,
) -> Iterator[Line]:
    """All lines, read from the server as they are used: files of any length in the same memory."""
    given = _given(actor, period, customers, creditor)
    streamed = session.execute(
        text(_LINES), given, execution_options={"stream_results": True, "yield_per": 1000}
    )
    for row in streamed:
        yield Line(**row._mapping)


def _given(
    actor: Actor, period: Period, customers: Iterable[UUID] | None, creditor: UUID | None
) -> dict[str, Any]:
    return {
        "customers": scope(actor, customers),
        "creditor": creditor,
        "since": period.since,
        "as_of": period.as_of,
    }
