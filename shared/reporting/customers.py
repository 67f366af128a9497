"""The customers of the creditors, each with what it owes today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.customers.rules import search_key
from shared.errors import NotFound


@dataclass(frozen=True, slots=True)
class CustomerRow:
    id: UUID
    ref: str
    name: str
    city: str | None
    group_code: str | None
    balance_minor: int
    overdue_minor: int


@dataclass(frozen=True, slots=True)
class CustomerCard:
    """What the file says about one customer."""

    id: UUID
    ref: str
    name: str
    kind: str
    siren: str | None
    vat_id: str | None
    email: str | None
    phone: str | None
    address: str | None
    postcode: str | None
    city: str | None
    country: str
    language: str
    group_code: str | None
    sales_owner: str | None
    payment_terms: str


_CHOSEN = """
    (:words = '' OR strpos(c.search_key, :words) > 0 OR lower(c.ref) = :ref)
    AND (:group = '' OR c.group_code = :group)"""
_OWED = """
    SELECT sum(i.open_minor)::bigint AS balance_minor,
           (sum(i.open_minor) FILTER (WHERE i.open_minor > 0 AND i.due_on < :today))::bigint AS overdue_minor
    FROM open_item i WHERE i.open_minor <> 0 AND i.currency = :currency"""
_FIELDS = """c.id, c.ref, c.name, c.city, c.group_code, coalesce(o.balance_minor, 0) AS balance_minor,
    coalesce(o.overdue_minor, 0) AS overdue_minor"""
# By name: what they owe is looked up for the page's customers only.
_BY_NAME = text(f"""
    SELECT {_FIELDS} FROM (SELECT * FROM customer c WHERE {_CHOSEN} ORDER BY name, ref LIMIT :limit OFFSET :offset) c
    CROSS JOIN LATERAL ({_OWED} AND i.customer_id = c.id) o ORDER BY c.name, c.ref""")
_COUNT = text(f"SELECT count(*) FROM customer c WHERE {_CHOSEN}")
# Those who are late, the largest amount first: one pass over what is due.
_LATE = f"""
    FROM (SELECT i.customer_id, sum(i.open_minor) AS minor FROM open_item i
          WHERE i.open_minor > 0 AND i.due_on < :today AND i.currency = :currency GROUP BY i.customer_id) l
    JOIN customer c ON c.id = l.customer_id WHERE {_CHOSEN}"""
_BY_LATE = text(f"""
    SELECT {_FIELDS} FROM (SELECT c.*, l.minor {_LATE} ORDER BY l.minor DESC, c.ref LIMIT :limit OFFSET :offset) c
    CROSS JOIN LATERAL ({_OWED} AND i.customer_id = c.id) o ORDER BY c.minor DESC, c.ref""")
_COUNT_LATE = text(f"SELECT count(*) {_LATE}")


def customers(
    session: Session,
    actor: Actor,
    *,
    words: str = "",
    group: str = "",
    late: bool = False,
    currency: str = "EUR",
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[CustomerRow], int]:
    """A page of customers and how many there are; `late`: only those with something past due."""
    actor.must(Permission.SEE_CUSTOMERS)
    bound = {
        "words": search_key(words),
        "ref": words.strip().lower(),
        "group": group,
        "today": clock.today(),
        "currency": currency,
    }
    total = session.scalar(_COUNT_LATE if late else _COUNT, bound)
    rows = session.execute(_BY_LATE if late else _BY_NAME, {**bound, "limit": limit, "offset": offset})
    return [CustomerRow(**row._mapping) for row in rows], int(total or 0)


_CARD = text("""
    SELECT id, ref, name, kind, siren, vat_id, email, phone, address, postcode, city, country, language, group_code,
           sales_owner, payment_terms
    FROM customer WHERE id = :id""")


def customer(session: Session, actor: Actor, customer_id: UUID) -> CustomerCard:
    """One customer, or NotFound."""
    actor.must(Permission.SEE_CUSTOMERS)
    row = session.execute(_CARD, {"id": customer_id}).first()
    if row is None:
        raise NotFound
    return CustomerCard(**row._mapping)


@dataclass(frozen=True, slots=True)
class Contact:
    """A person who acts for the customer in the portal."""

    name: str
    email: str
    active: bool
    granted_at: datetime
    signed_in: bool


_CONTACTS = text("""
    SELECT u.name, u.email, u.active, a.granted_at,
           EXISTS (SELECT FROM web_session s WHERE s.user_id = u.id AND s.audience = 'portal') AS signed_in
    FROM debtor_access a JOIN debtor_user u ON u.id = a.user_id
    WHERE a.customer_id = :id ORDER BY u.name, u.email LIMIT 100""")


def contacts(session: Session, actor: Actor, customer_id: UUID) -> list[Contact]:
    """Who may see this customer's account in the portal."""
    actor.must(Permission.SEE_CUSTOMERS)
    return [Contact(**row._mapping) for row in session.execute(_CONTACTS, {"id": customer_id})]
