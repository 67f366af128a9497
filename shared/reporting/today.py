"""The first page of the back office: the day in a few figures."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission


@dataclass(frozen=True, slots=True)
class Owed:
    """What customers owe in one currency; minor units. `credits_minor` is negative."""

    currency: str
    open_minor: int
    overdue_minor: int
    overdue_items: int
    credits_minor: int


_OWED = text("""
    SELECT currency,
           coalesce(sum(open_minor) FILTER (WHERE open_minor > 0), 0)::bigint AS open_minor,
           coalesce(sum(open_minor) FILTER (WHERE open_minor > 0 AND due_on < :today), 0)::bigint AS overdue_minor,
           count(*) FILTER (WHERE open_minor > 0 AND due_on < :today) AS overdue_items,
           coalesce(sum(open_minor) FILTER (WHERE open_minor < 0), 0)::bigint AS credits_minor
    FROM open_item WHERE open_minor <> 0 GROUP BY currency ORDER BY currency""")


def owed(session: Session, actor: Actor) -> list[Owed]:
    """One row per currency; one pass over the open items."""
    actor.must(Permission.SEE_RECEIVABLES)
    return [Owed(**row._mapping) for row in session.execute(_OWED, {"today": clock.today()})]


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """Transfers that debtors announced and that have not come."""

    currency: str
    payments: int
    amount_minor: int


_ON_THE_WAY = text("""
    SELECT currency, count(*) AS payments, sum(amount_minor)::bigint AS amount_minor FROM expected_payment
    WHERE cancelled_at IS NULL AND received_at IS NULL GROUP BY currency ORDER BY currency""")


def on_the_way(session: Session, actor: Actor) -> list[OnTheWay]:
    actor.must(Permission.SEE_RECEIVABLES)
    return [OnTheWay(**row._mapping) for row in session.execute(_ON_THE_WAY)]


@dataclass(frozen=True, slots=True)
class Started:
    """How far a new installation has come."""

    customers: bool
    invoices: bool
    statements: bool

    @property
    def whole(self) -> bool:
        return self.customers and self.invoices and self.statements


_STARTED = text("""
    SELECT EXISTS (SELECT FROM customer) AS customers, EXISTS (SELECT FROM open_item) AS invoices,
           EXISTS (SELECT FROM bank_statement) AS statements""")


def started(session: Session, actor: Actor) -> Started:
    actor.must(Permission.SEE_CUSTOMERS)
    return Started(**session.execute(_STARTED).one()._mapping)
