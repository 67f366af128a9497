"""The books as they stood at the end of a day: today's open amounts, less what was allocated since."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.creditors.actions import by_code
from shared.errors import NotFound

# An allocation counts from its own day, but never before both of its items exist in the books; so that, on every
# day, what is open makes what the 411 accounts hold. `moved` is small for a recent day and empty for today:
# indexes find it, and the report costs one pass over the items, as the plainest aggregate would.
_LATER = """
    later AS (
        SELECT credit_item_id, debit_item_id, amount_minor FROM allocation WHERE allocated_on > :as_of
        UNION ALL
        SELECT a.credit_item_id, a.debit_item_id, a.amount_minor
        FROM open_item c JOIN allocation a ON a.credit_item_id = c.id
        WHERE c.issued_on > :as_of AND a.allocated_on <= :as_of
        UNION ALL
        SELECT a.credit_item_id, a.debit_item_id, a.amount_minor
        FROM open_item d JOIN allocation a ON a.debit_item_id = d.id JOIN open_item c ON c.id = a.credit_item_id
        WHERE d.issued_on > :as_of AND a.allocated_on <= :as_of AND c.issued_on <= :as_of)"""

_MOVED_SINCE = text(f"WITH {_LATER} SELECT EXISTS (SELECT FROM later)")
# Where nothing moved since, as today, the items speak for themselves: PostgreSQL then reads them in parallel.
_AS_IT_STANDS = """
    at AS (
        SELECT id, creditor_id, customer_id, kind, number, currency, amount_minor, issued_on, due_on,
               open_minor AS minor
        FROM open_item WHERE open_minor <> 0 AND issued_on <= :as_of)"""
_AS_IT_STOOD = f"""
    {_LATER},
    moved AS (
        SELECT item_id, CAST(sum(minor) AS bigint) AS minor
        FROM (SELECT credit_item_id AS item_id, -amount_minor AS minor FROM later
              UNION ALL SELECT debit_item_id, amount_minor FROM later) both_sides GROUP BY item_id),
    at AS (
        SELECT i.id, i.creditor_id, i.customer_id, i.kind, i.number, i.currency, i.amount_minor, i.issued_on,
               i.due_on, i.open_minor AS minor
        FROM open_item i
        WHERE i.open_minor <> 0 AND i.issued_on <= :as_of AND NOT EXISTS (SELECT FROM moved m WHERE m.item_id = i.id)
        UNION ALL
        SELECT i.id, i.creditor_id, i.customer_id, i.kind, i.number, i.currency, i.amount_minor, i.issued_on,
               i.due_on, i.open_minor + m.minor
        FROM moved m JOIN open_item i ON i.id = m.item_id
        WHERE i.issued_on <= :as_of AND i.open_minor + m.minor <> 0)"""

# The bucket of an open amount, as `shared.ledger.rules.bucket` says it.
BUCKET = """
    CASE WHEN minor < 0 THEN 'unapplied'
         WHEN due_on >= :as_of THEN 'not_due'
         WHEN due_on >= CAST(:as_of AS date) - 30 THEN 'd1_30'
         WHEN due_on >= CAST(:as_of AS date) - 60 THEN 'd31_60'
         WHEN due_on >= CAST(:as_of AS date) - 90 THEN 'd61_90'
         ELSE 'd90_plus' END"""


def open_at(session: Session, as_of: date) -> str:
    """SQL to be put after WITH: `at` holds the items open at the end of `:as_of`, with what was open in `minor`."""
    return _AS_IT_STOOD if session.scalar(_MOVED_SINCE, {"as_of": as_of}) else _AS_IT_STANDS


def creditor_id(session: Session, code: str | None) -> UUID | None:
    """Whom a report is asked for by code; None means all."""
    return by_code(session, code).id if code else None


def customer_id(session: Session, ref: str | None) -> UUID | None:
    """Whom a report is asked for by customer_ref; None means all."""
    if not ref:
        return None
    found: UUID | None = session.scalar(text("SELECT id FROM customer WHERE ref = :ref"), {"ref": ref})
    if found is None:
        raise NotFound("There is no customer with the reference “%(ref)s”.", ref=ref[:40])
    return found
