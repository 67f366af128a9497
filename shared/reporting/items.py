"""Invoices and credit notes of an account: the list, filtered and cut in SQL, each with the one status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor
from shared.errors import DomainError
from shared.ledger.rules import Status, number_key, status
from shared.money import parse_minor
from shared.reporting.account import FREE
from shared.reporting.scope import PAGE_SIZE, Page, scope


@dataclass(frozen=True, slots=True)
class Item:
    """A document as lists show it. Credits have negative amounts; `free_minor`: open and not announced."""

    id: UUID
    creditor_id: UUID
    creditor: str
    customer_id: UUID
    customer: str
    kind: str
    number: str
    currency: str
    amount_minor: int
    open_minor: int
    announced_minor: int
    free_minor: int
    issued_on: date
    due_on: date
    order_ref: str | None
    factored: bool
    document_id: UUID | None
    status: Status


@dataclass(frozen=True, slots=True)
class Sum:
    """What a filtered list adds up to, in one currency."""

    currency: str
    count: int
    amount_minor: int
    open_minor: int


@dataclass(frozen=True, slots=True)
class Items(Page[Item]):
    sums: tuple[Sum, ...]


_DOCUMENTS = "i.kind IN ('invoice', 'credit_note')"
_OLDEST_DUE, _LATEST = "i.due_on, i.number, i.id", "i.issued_on DESC, i.number DESC, i.id"
# Each says in SQL what the status function says of one item; a test holds the two together.
STATES: dict[str, tuple[str, str]] = {
    "open": ("i.amount_minor > 0 AND i.open_minor > 0", _OLDEST_DUE),
    "overdue": ("i.amount_minor > 0 AND i.free_minor > 0 AND i.due_on < :today", _OLDEST_DUE),
    # Credits: credit notes, and money that is on account because it paid nothing yet.
    "credits": ("i.amount_minor < 0 AND i.open_minor < 0", "i.issued_on, i.number, i.id"),
    "paid": (f"{_DOCUMENTS} AND i.open_minor = 0", _LATEST),
    "all": (_DOCUMENTS, _LATEST),
}

_COLUMNS = """i.id, i.creditor_id, r.name AS creditor, i.customer_id, c.name AS customer, i.kind, i.number,
    i.currency, i.amount_minor, i.open_minor, i.announced_minor, i.free_minor, i.issued_on, i.due_on,
    v.order_ref, coalesce(v.factored, false) AS factored, v.document_id"""
_FROM = f"""({FREE}) i JOIN creditor r ON r.id = i.creditor_id JOIN customer c ON c.id = i.customer_id
    LEFT JOIN invoice v ON v.id = i.id"""
ONE_ITEM = f"SELECT {_COLUMNS} FROM {_FROM} WHERE i.id = :item AND {_DOCUMENTS}"


def items(
    session: Session,
    actor: Actor,
    *,
    customers: Iterable[UUID] | None = None,
    state: str = "open",
    search: str = "",
    creditor: UUID | None = None,
    page: int = 1,
    size: int = PAGE_SIZE,
) -> Items:
    """The items in a state (a key of STATES; another one means all). Two statements, at any size of the ledger.

    `search`: part of a number or of an order reference, or an amount.
    """
    condition, order = STATES.get(state, STATES["all"])
    given: dict[str, Any] = {"customers": scope(actor, customers), "today": clock.today()}
    where = [condition]
    if creditor is not None:
        where.append("i.creditor_id = :creditor")
        given["creditor"] = creditor
    if search.strip():
        where.append(_searched(search.strip(), given))
    source = f"{_FROM} WHERE {' AND '.join(where)}"
    sums = tuple(
        Sum(**row._mapping)
        for row in session.execute(
            text(
                "SELECT i.currency, count(*) AS count, sum(i.amount_minor)::bigint AS amount_minor,"
                f" sum(i.open_minor)::bigint AS open_minor FROM {source} GROUP BY i.currency ORDER BY i.currency"
            ),
            given,
        )
    )
    rows = session.execute(
        text(f"SELECT {_COLUMNS} FROM {source} ORDER BY {order} LIMIT :size OFFSET :skipped"),
        {**given, "size": size, "skipped": (page - 1) * size},
    )
    return Items([item_of(row._mapping) for row in rows], sum(s.count for s in sums), sums)


def item_of(row: RowMapping) -> Item:
    """An item with the status both apps show."""
    told = status(
        amount_minor=row["amount_minor"],
        open_minor=row["open_minor"],
        due_on=row["due_on"],
        today=clock.today(),
        announced_minor=row["announced_minor"],
    )
    return Item(**row, status=told)


def _searched(search: str, given: dict[str, Any]) -> str:
    given["search"] = search.lower()
    either = ["strpos(lower(coalesce(v.order_ref, '')), :search) > 0"]
    if key := number_key(search):
        given["key"] = key
        either.append("strpos(i.number_key, :key) > 0")
    try:
        given["minor"] = abs(parse_minor(search, "EUR"))
        either.append("abs(i.amount_minor) = :minor OR abs(i.open_minor) = :minor")
    except DomainError:
        pass  # not an amount: then it is a number or an order
    return f"({' OR '.join(either)})"
