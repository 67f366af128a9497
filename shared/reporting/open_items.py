"""The open items on a day: what stands behind each figure of the aged balance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.reporting.as_of import BUCKET, creditor_id, customer_id, open_at
from shared.reporting.sheets import csv_lines, decimals


@dataclass(frozen=True, slots=True)
class OpenItem:
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

    def as_json(self) -> dict[str, Any]:
        """One item of `report open-items --format json`; minor units."""
        return {
            "creditor": self.creditor,
            "customer_ref": self.customer_ref,
            "name": self.customer_name,
            "kind": self.kind,
            "number": self.number,
            "currency": self.currency,
            "issued_on": self.issued_on.isoformat(),
            "due_on": self.due_on.isoformat(),
            "amount_minor": self.amount_minor,
            "open_minor": self.open_minor,
            "bucket": self.bucket,
        }

    def cells(self) -> tuple[str, ...]:
        """The item under `COLUMNS`."""
        written = decimals(self.currency)
        return (
            self.creditor, self.customer_ref, self.customer_name, self.number, self.due_on.isoformat(),
            written(self.amount_minor), written(self.open_minor), self.bucket, self.kind, self.currency,
        )  # fmt: skip


COLUMNS = (
    "creditor", "customer_ref", "name", "number", "due_on", "amount", "open", "bucket", "kind", "currency",
)  # fmt: skip


_OPEN = f"""
    chosen AS (
        SELECT at.*, {BUCKET} AS bucket FROM at
        WHERE currency = :currency
          AND (CAST(:creditor AS uuid) IS NULL OR creditor_id = :creditor)
          AND (CAST(:customer AS uuid) IS NULL OR customer_id = :customer))"""
_OPEN_PAGE = f"""{_OPEN}
    SELECT i.id AS item_id, k.code AS creditor, i.customer_id, c.ref AS customer_ref, c.name AS customer_name,
           i.kind, i.number, i.currency, i.issued_on, i.due_on, i.amount_minor, i.minor::bigint AS open_minor, i.bucket
    FROM chosen i JOIN customer c ON c.id = i.customer_id JOIN creditor k ON k.id = i.creditor_id
    WHERE :bucket = '' OR bucket = :bucket
    ORDER BY i.due_on, i.number, i.id LIMIT :limit OFFSET :offset"""
_OPEN_TOTAL = f"""{_OPEN}
    SELECT count(*) AS items, coalesce(sum(minor), 0) AS minor FROM chosen WHERE :bucket = '' OR bucket = :bucket"""


def report(
    session: Session,
    actor: Actor,
    *,
    as_of: date,
    creditor: str | None = None,
    customer: str | None = None,
    currency: str = "EUR",
    bucket: str = "",
    limit: int | None = None,
    offset: int = 0,
) -> Iterator[OpenItem]:
    """The open items at the end of a day, oldest due first, streamed; `bucket`: those behind one figure."""
    actor.must(Permission.SEE_REPORTS)
    asked = _asked(session, as_of, creditor, customer, currency, bucket)
    return _streamed(session, {**asked, "limit": limit, "offset": offset})


def total(
    session: Session,
    actor: Actor,
    *,
    as_of: date,
    creditor: str | None = None,
    customer: str | None = None,
    currency: str = "EUR",
    bucket: str = "",
) -> tuple[int, int]:
    """How many items `report` gives, and what they make in minor units."""
    actor.must(Permission.SEE_REPORTS)
    statement = text(f"WITH {open_at(session, as_of)}, {_OPEN_TOTAL}")
    row = session.execute(statement, _asked(session, as_of, creditor, customer, currency, bucket)).one()
    return int(row.items), int(row.minor)


def as_csv(items: Iterable[OpenItem]) -> Iterator[str]:
    """The items as text, line by line."""
    return csv_lines(COLUMNS, (item.cells() for item in items))


def _streamed(session: Session, bound: dict[str, Any]) -> Iterator[OpenItem]:
    # Closed also when the reader goes away in the middle of a download.
    statement = text(f"WITH {open_at(session, bound['as_of'])}, {_OPEN_PAGE}")
    with session.execute(statement, bound, execution_options={"yield_per": 1000}) as rows:
        for row in rows:
            yield OpenItem(**row._mapping)


def _asked(
    session: Session, as_of: date, creditor: str | None, customer: str | None, currency: str, bucket: str
) -> dict[str, Any]:
    return {
        "as_of": as_of,
        "creditor": creditor_id(session, creditor),
        "customer": customer_id(session, customer),
        "currency": currency,
        "bucket": bucket,
    }
