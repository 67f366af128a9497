"""The aged balance (balance âgée): what each customer owed on a day, by how long it was due."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.ledger.rules import Bucket
from shared.reporting.as_of import creditor_id, customer_id, open_at
from shared.reporting.sheets import csv_lines, decimals, workbook

BUCKETS = tuple(each.value for each in Bucket)
COLUMNS = ("customer_ref", "name", *BUCKETS, "total")


@dataclass(frozen=True, slots=True)
class Amounts:
    """Minor units per bucket; `unapplied` is what customers are owed, negative."""

    not_due: int = 0
    d1_30: int = 0
    d31_60: int = 0
    d61_90: int = 0
    d90_plus: int = 0
    unapplied: int = 0

    @property
    def total(self) -> int:
        return self.overdue + self.not_due + self.unapplied

    @property
    def overdue(self) -> int:
        return self.d1_30 + self.d31_60 + self.d61_90 + self.d90_plus

    def of(self, bucket: str) -> int:
        return int(getattr(self, bucket))

    def as_dict(self) -> dict[str, int]:
        return {**{bucket: self.of(bucket) for bucket in BUCKETS}, "total": self.total}


@dataclass(frozen=True, slots=True)
class Row:
    """One customer; the totals are a row of nobody."""

    customer_id: UUID | None
    customer_ref: str
    name: str
    amounts: Amounts

    def cells(self, written: Callable[[int], str]) -> tuple[str, ...]:
        """The row under `COLUMNS`, its amounts as `written` writes minor units."""
        return (self.customer_ref, self.name, *(written(minor) for minor in self.amounts.as_dict().values()))


@dataclass(frozen=True, slots=True)
class AgedBalance:
    """`customers`: how many have anything open; `rows` may be a page of them, the largest debt first."""

    as_of: date
    currency: str
    totals: Row
    customers: int
    rows: list[Row]

    def as_json(self) -> dict[str, Any]:
        """The document of `report aged --format json`; minor units."""
        return {
            "as_of": self.as_of.isoformat(),
            "currency": self.currency,
            "totals": self.totals.amounts.as_dict(),
            "rows": [
                {"customer_ref": r.customer_ref, "name": r.name, **r.amounts.as_dict()} for r in self.rows
            ],
        }


# One pass over the items; the totals are made of the customers' rows.
_AGED = """
    per_customer AS MATERIALIZED (
        SELECT customer_id,
               coalesce(sum(minor) FILTER (WHERE minor > 0 AND due_on >= :as_of), 0) AS not_due,
               coalesce(sum(minor) FILTER (WHERE minor > 0 AND due_on < :as_of AND due_on >= :d30), 0) AS d1_30,
               coalesce(sum(minor) FILTER (WHERE minor > 0 AND due_on < :d30 AND due_on >= :d60), 0) AS d31_60,
               coalesce(sum(minor) FILTER (WHERE minor > 0 AND due_on < :d60 AND due_on >= :d90), 0) AS d61_90,
               coalesce(sum(minor) FILTER (WHERE minor > 0 AND due_on < :d90), 0) AS d90_plus,
               coalesce(sum(minor) FILTER (WHERE minor < 0), 0) AS unapplied,
               sum(minor) AS total
        FROM at
        WHERE currency = :currency
          AND (CAST(:creditor AS uuid) IS NULL OR creditor_id = :creditor)
          AND (CAST(:customer AS uuid) IS NULL OR customer_id = :customer)
        GROUP BY customer_id)
    (SELECT CAST(NULL AS uuid) AS customer_id, '' AS ref, 'total' AS name, sum(not_due) AS not_due, sum(d1_30) AS d1_30,
            sum(d31_60) AS d31_60, sum(d61_90) AS d61_90, sum(d90_plus) AS d90_plus, sum(unapplied) AS unapplied,
            count(*) AS customers
     FROM per_customer)
    UNION ALL
    (SELECT p.customer_id, c.ref, c.name, p.not_due, p.d1_30, p.d31_60, p.d61_90, p.d90_plus, p.unapplied, 0
     FROM per_customer p JOIN customer c ON c.id = p.customer_id
     ORDER BY p.total DESC, c.ref LIMIT :limit OFFSET :offset)"""


def report(
    session: Session,
    actor: Actor,
    *,
    as_of: date,
    creditor: str | None = None,
    customer: str | None = None,
    currency: str = "EUR",
    limit: int | None = None,
    offset: int = 0,
) -> AgedBalance:
    """The aged balance at the end of a day. Currencies are never summed together.

    `creditor`: a code, `customer`: a customer_ref; one that nobody has is refused. One pass over the items.
    """
    actor.must(Permission.SEE_REPORTS)
    days = {f"d{days}": as_of - timedelta(days=days) for days in (30, 60, 90)}
    whose = {"creditor": creditor_id(session, creditor), "customer": customer_id(session, customer)}
    first, *rows = session.execute(
        text(f"WITH {open_at(session, as_of)}, {_AGED}"),
        {"as_of": as_of, **days, **whose, "currency": currency, "limit": limit, "offset": offset},
    )
    return AgedBalance(as_of, currency, _row(first), int(first.customers), [_row(row) for row in rows])


def as_csv(found: AgedBalance) -> Iterator[str]:
    """The report as text, line by line, its totals last."""
    written = decimals(found.currency)
    return csv_lines(COLUMNS, (row.cells(written) for row in (*found.rows, found.totals)))


def as_xlsx(found: AgedBalance) -> bytes:
    """The report as a workbook."""
    written = decimals(found.currency)
    return workbook(COLUMNS, (row.cells(written) for row in (*found.rows, found.totals)), numbers_from=2)


def _row(row: Any) -> Row:
    amounts = Amounts(**{bucket: int(getattr(row, bucket) or 0) for bucket in BUCKETS})
    return Row(row.customer_id, row.ref, row.name, amounts)
