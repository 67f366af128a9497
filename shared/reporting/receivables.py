"""Invoices and credit notes of all customers, each with the status both apps show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.customers.rules import search_key
from shared.errors import NotFound
from shared.ledger.rules import Status, number_key, status


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An invoice or credit note as it stands today."""

    item_id: UUID
    creditor: str
    customer_id: UUID
    customer_ref: str
    customer_name: str
    kind: str
    number: str
    currency: str
    issued_on: date
    due_on: date
    amount_minor: int
    open_minor: int
    announced_minor: int
    payee_is_other: bool

    @property
    def status(self) -> Status:
        return status(
            amount_minor=self.amount_minor,
            open_minor=self.open_minor,
            due_on=self.due_on,
            today=clock.today(),
            announced_minor=self.announced_minor,
        )


# One list per tab; each has its own condition, so that each is answered by an index or one pass.
_TABS = {
    "open": "i.open_minor > 0",
    "overdue": "i.open_minor > 0 AND i.due_on < :today",
    "credits": "i.amount_minor < 0 AND i.open_minor <> 0",
    "all": "true",
}
TABS = tuple(_TABS)
_ITEM_FIELDS = """
    SELECT i.id AS item_id, k.code AS creditor, i.customer_id, c.ref AS customer_ref, c.name AS customer_name,
           i.kind, i.number, i.currency, i.issued_on, i.due_on, i.amount_minor, i.open_minor,
           coalesce(a.minor, 0)::bigint AS announced_minor, coalesce(b.holder_kind = 'factor', false) AS payee_is_other
    FROM open_item i JOIN customer c ON c.id = i.customer_id JOIN creditor k ON k.id = i.creditor_id
    LEFT JOIN bank_account b ON b.id = i.payee_account_id
    LEFT JOIN LATERAL (SELECT sum(p.amount_minor)::bigint AS minor FROM item_in_flight p
                       WHERE p.item_id = i.id) a ON true"""
_CHOSEN = """
    i.kind IN ('invoice', 'credit_note') AND (:creditor = '' OR k.code = :creditor)
    AND (:words = '' OR i.number_key LIKE :key || '%' OR strpos(c.search_key, :words) > 0
         OR lower(c.ref) = :words)"""


def items(
    session: Session,
    actor: Actor,
    *,
    tab: str = "open",
    words: str = "",
    creditor: str = "",
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[ItemRow], int]:
    """A page of invoices and credit notes, oldest due first (newest first in `all`), and how many there are."""
    actor.must(Permission.SEE_RECEIVABLES)
    where = f"{_TABS[tab]} AND {_CHOSEN}"
    order = "i.issued_on DESC, i.number DESC" if tab == "all" else "i.due_on, i.number"
    bound = {
        "today": clock.today(),
        "creditor": creditor,
        "words": search_key(words),
        "key": number_key(words) or "-",
    }
    count = text(
        f"SELECT count(*) FROM open_item i JOIN customer c ON c.id = i.customer_id"
        f" JOIN creditor k ON k.id = i.creditor_id WHERE {where}"
    )
    page = text(f"{_ITEM_FIELDS} WHERE {where} ORDER BY {order}, i.id LIMIT :limit OFFSET :offset")
    rows = session.execute(page, {**bound, "limit": limit, "offset": offset})
    return [ItemRow(**row._mapping) for row in rows], int(session.scalar(count, bound) or 0)


_CUSTOMER = text("SELECT customer_id FROM open_item WHERE id = :id")


def customer_of(session: Session, actor: Actor, item_id: UUID) -> UUID:
    """Whose item this is; the pages of one account ask for it."""
    actor.must(Permission.SEE_RECEIVABLES)
    found: UUID | None = session.scalar(_CUSTOMER, {"id": item_id})
    if found is None:
        raise NotFound
    return found
