"""Where a customer's account stands, per creditor, customer and currency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor
from shared.ledger.rules import DUE_SOON_DAYS
from shared.payments.queries import ANNOUNCED
from shared.reporting.scope import scope


@dataclass(frozen=True, slots=True)
class Balance:
    """balance = to pay + credits + announced, each counted once: what is announced is neither to pay nor available."""

    creditor_id: UUID
    creditor: str
    customer_id: UUID
    customer: str
    currency: str
    balance_minor: int
    to_pay_minor: int
    to_pay_count: int
    overdue_minor: int
    overdue_count: int
    due_soon_minor: int
    due_soon_count: int
    credits_minor: int
    credits_count: int
    announced_minor: int
    next_due_on: date | None


@dataclass(frozen=True, slots=True)
class Party:
    """A creditor or a customer, as a filter names it."""

    id: UUID
    name: str
    ref: str


@dataclass(frozen=True, slots=True)
class Parties:
    """Who is on the account: lists of several companies or creditors name them, others need not."""

    creditors: tuple[Party, ...]
    customers: tuple[Party, ...]

    @property
    def several_creditors(self) -> bool:
        return len(self.creditors) > 1

    @property
    def several_customers(self) -> bool:
        return len(self.customers) > 1

    def name(self, party_id: UUID) -> str:
        return next((p.name for p in (*self.creditors, *self.customers) if p.id == party_id), "")


@dataclass(frozen=True, slots=True)
class Total:
    """Balances of one currency, added up."""

    currency: str
    balance_minor: int
    to_pay_minor: int
    to_pay_count: int
    overdue_minor: int
    overdue_count: int
    due_soon_minor: int
    due_soon_count: int
    credits_minor: int
    credits_count: int
    announced_minor: int


# What is announced of an item never counts for more than is open of it: it may have been settled otherwise since.
FREE = f"""
    SELECT i.*, i.open_minor - part.announced AS free_minor, part.announced AS announced_minor
    FROM open_item i
    LEFT JOIN ({ANNOUNCED}) a ON a.item_id = i.id
    CROSS JOIN LATERAL (SELECT CASE WHEN i.amount_minor > 0 THEN least(coalesce(a.minor, 0), i.open_minor)
                                    ELSE greatest(coalesce(a.minor, 0), i.open_minor) END::bigint AS announced) part
    WHERE i.customer_id = ANY (:customers)"""

_BALANCES = text(f"""
    SELECT i.creditor_id, r.name AS creditor, i.customer_id, c.name AS customer, i.currency,
           sum(i.open_minor)::bigint AS balance_minor,
           coalesce(sum(i.free_minor) FILTER (WHERE i.free_minor > 0), 0)::bigint AS to_pay_minor,
           count(*) FILTER (WHERE i.free_minor > 0) AS to_pay_count,
           coalesce(sum(i.free_minor) FILTER (WHERE i.free_minor > 0 AND i.due_on < :today), 0)::bigint
               AS overdue_minor,
           count(*) FILTER (WHERE i.free_minor > 0 AND i.due_on < :today) AS overdue_count,
           coalesce(sum(i.free_minor) FILTER (WHERE i.free_minor > 0 AND i.due_on BETWEEN :today AND :soon),
                    0)::bigint AS due_soon_minor,
           count(*) FILTER (WHERE i.free_minor > 0 AND i.due_on BETWEEN :today AND :soon) AS due_soon_count,
           coalesce(sum(i.free_minor) FILTER (WHERE i.free_minor < 0), 0)::bigint AS credits_minor,
           count(*) FILTER (WHERE i.free_minor < 0) AS credits_count,
           sum(i.announced_minor)::bigint AS announced_minor,
           min(i.due_on) FILTER (WHERE i.free_minor > 0 AND i.due_on >= :today) AS next_due_on
    FROM ({FREE} AND i.open_minor <> 0) i
    JOIN creditor r ON r.id = i.creditor_id JOIN customer c ON c.id = i.customer_id
    GROUP BY i.creditor_id, r.name, i.customer_id, c.name, i.currency
    ORDER BY r.name, i.creditor_id, c.name, i.customer_id, i.currency""")


def balances(session: Session, actor: Actor, *, customers: Iterable[UUID] | None = None) -> list[Balance]:
    """One row per creditor, customer and currency in which something is open. One statement, O(open items)."""
    today = clock.today()
    given = {
        "customers": scope(actor, customers),
        "today": today,
        "soon": today + timedelta(days=DUE_SOON_DAYS),
    }
    return [Balance(**row._mapping) for row in session.execute(_BALANCES, given)]


def parties(session: Session, actor: Actor, *, customers: Iterable[UUID] | None = None) -> Parties:
    """The companies in scope, and the creditors that ever invoiced them."""
    given = {"customers": scope(actor, customers)}
    creditors = session.execute(
        text(
            "SELECT r.id, r.name, r.code AS ref FROM creditor r WHERE EXISTS (SELECT FROM open_item i"
            " WHERE i.creditor_id = r.id AND i.customer_id = ANY (:customers)) ORDER BY r.name, r.id"
        ),
        given,
    )
    companies = session.execute(
        text("SELECT id, name, ref FROM customer WHERE id = ANY (:customers) ORDER BY name, ref"), given
    )
    return Parties(
        tuple(Party(**row._mapping) for row in creditors), tuple(Party(**row._mapping) for row in companies)
    )


def totals(found: Sequence[Balance]) -> list[Total]:
    """The balances added up, each currency for itself."""
    added = [field.name for field in fields(Total) if field.name != "currency"]
    return [
        Total(currency, *(sum(getattr(b, name) for b in found if b.currency == currency) for name in added))
        for currency in sorted({b.currency for b in found})
    ]
