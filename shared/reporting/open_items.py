"""The open items on a day: what stands behind each figure of the aged balance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.reporting.as_of import BUCKET, OPEN_AT


@dataclass(frozen=True, slots=True)
class OpenItemRow:
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
    bucket: str


_OPEN = f"""
    WITH {OPEN_AT}, chosen AS (
        SELECT at.*, {BUCKET} AS bucket FROM at
        WHERE currency = :currency
          AND (CAST(:creditor AS uuid) IS NULL OR creditor_id = :creditor)
          AND (CAST(:customer AS uuid) IS NULL OR customer_id = :customer))"""
_OPEN_PAGE = text(f"""{_OPEN}
    SELECT i.id AS item_id, k.code AS creditor, i.customer_id, c.ref AS customer_ref, c.name AS customer_name,
           i.kind, i.number, i.currency, i.issued_on, i.due_on, i.amount_minor, i.minor AS open_minor, i.bucket
    FROM chosen i JOIN customer c ON c.id = i.customer_id JOIN creditor k ON k.id = i.creditor_id
    WHERE :bucket = '' OR bucket = :bucket
    ORDER BY i.due_on, i.number, i.id LIMIT :limit OFFSET :offset""")
_OPEN_TOTAL = text(f"""{_OPEN}
    SELECT count(*) AS items, coalesce(sum(minor), 0) AS minor FROM chosen WHERE :bucket = '' OR bucket = :bucket""")


@dataclass(frozen=True, slots=True)
class OpenFilter:
    """Which open items, on which day; `bucket`: one of the aged balance's, or all."""

    as_of: date
    currency: str = "EUR"
    creditor: UUID | None = None
    customer: UUID | None = None
    bucket: str = ""

    def bound(self) -> dict[str, Any]:
        return {
            "as_of": self.as_of,
            "currency": self.currency,
            "creditor": self.creditor,
            "customer": self.customer,
            "bucket": self.bucket,
        }


def open_items(
    session: Session, actor: Actor, wanted: OpenFilter, *, limit: int | None = None, offset: int = 0
) -> Iterator[OpenItemRow]:
    """The items behind a figure of the aged balance, oldest due first; streamed, however many."""
    actor.must(Permission.SEE_REPORTS)
    bound = {**wanted.bound(), "limit": limit, "offset": offset}
    for row in session.execute(_OPEN_PAGE, bound, execution_options={"yield_per": 1000}):
        yield OpenItemRow(**row._mapping)


def open_total(session: Session, actor: Actor, wanted: OpenFilter) -> tuple[int, int]:
    """How many items, and what they make in minor units."""
    actor.must(Permission.SEE_REPORTS)
    row = session.execute(_OPEN_TOTAL, wanted.bound()).one()
    return int(row.items), int(row.minor)
