"""Take over what was settled elsewhere: payments of the past, each on its invoice or on the customer's account.

All of it or nothing, in the caller's transaction; the same file again changes nothing. O(rows): set-based comparison,
then receipts by the thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg import Connection
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.creditors.actions import by_code, the_only_one
from shared.db import driver
from shared.errors import DomainError, NotFound
from shared.i18n import N_
from shared.ids import new_id
from shared.ledger.rules import TAKEN_OVER, number_key
from shared.money import Money
from shared.outbox.actions import record_fact
from shared.payments.history_file import PaymentRow
from shared.payments.receipts import NewReceipt, receive
from shared.tabular.copy_text import optional, pieces, text
from shared.tabular.imported import (
    MAX_REFUSED,
    ImportResult,
    Preview,
    Refusals,
    RefusedRows,
    Remark,
    RowPreview,
)
from shared.tabular.rows import RowError

PREVIEW_ROWS = 200
_BATCH = 2000
_CREATE = """
    CREATE TEMP TABLE incoming_payment (
        line integer, identity text, external_ref text, customer_ref text, received_on date, amount_minor bigint,
        currency char(3), number text, number_key text, method text, payer_iban text
    ) ON COMMIT DROP"""
_COPY = "COPY incoming_payment FROM STDIN"
# Which invoice a payment settles: that of the given creditor, if it has one of this number, else whoever's has it.
_JUDGE = """
    CREATE TEMP TABLE judged_payment ON COMMIT DROP AS
    SELECT p.*, c.id AS customer_id, i.item_id, i.item_number, i.item_open_minor, i.item_kind, i.item_currency,
           k.ref AS item_customer_ref, o.amount_minor AS booked_minor,
           coalesce(i.item_creditor_id, %(creditor)s) AS creditor_id,
        CASE
            WHEN p.line <> min(p.line) OVER (PARTITION BY p.external_ref) THEN 'duplicate'
            WHEN r.id IS NOT NULL THEN 'unchanged'
            WHEN o.amount_minor IS NOT NULL THEN 'amount'
            WHEN c.id IS NULL THEN 'customer_ref'
            WHEN p.number IS NOT NULL AND i.items IS NULL THEN 'invoice_number'
            WHEN i.items > 1 OR (p.number IS NULL AND %(creditor)s::uuid IS NULL) THEN 'creditor'
            WHEN i.item_kind = 'credit_note' THEN 'credit_note'
            WHEN i.item_customer_id <> c.id THEN 'customer'
            WHEN i.item_currency <> p.currency THEN 'currency'
            ELSE 'created' END AS outcome
    FROM incoming_payment p
    LEFT JOIN customer c ON c.ref = p.customer_ref
    LEFT JOIN receipt r ON r.external_ref = p.external_ref
    LEFT JOIN (SELECT DISTINCT ON (1) substr(right(external_ref, 33), 1, 16) AS identity, amount_minor
               FROM receipt WHERE method <> 'prepaid' AND external_ref IS NOT NULL ORDER BY 1) o
        ON p.identity <> '' AND o.identity = p.identity
    LEFT JOIN LATERAL (
        SELECT count(*) OVER () AS items, n.id AS item_id, n.number AS item_number, n.kind AS item_kind,
               n.customer_id AS item_customer_id, n.currency AS item_currency, n.creditor_id AS item_creditor_id,
               n.open_minor AS item_open_minor
        FROM open_item n
        WHERE n.number_key = p.number_key AND n.number = p.number AND n.kind IN ('invoice', 'credit_note')
          AND (n.creditor_id = %(creditor)s OR NOT EXISTS (
               SELECT FROM open_item g WHERE g.number_key = p.number_key AND g.number = p.number
                                         AND g.creditor_id = %(creditor)s AND g.kind IN ('invoice', 'credit_note')))
        LIMIT 1) i ON p.number IS NOT NULL
    LEFT JOIN customer k ON k.id = i.item_customer_id"""
# `left_minor`: what earlier payments of the file leave open of the same invoice.
_CREATED = """
    SELECT creditor_id, customer_id, currency, amount_minor, received_on, method, external_ref, payer_iban, item_id,
           item_open_minor - coalesce(sum(amount_minor) OVER (
               PARTITION BY item_id ORDER BY received_on, line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
    FROM judged_payment WHERE outcome = 'created' ORDER BY received_on, line"""
_REFUSED = """
    SELECT line, outcome, customer_ref, coalesce(number, ''), currency, amount_minor, item_customer_ref, item_currency,
           booked_minor
    FROM judged_payment WHERE outcome NOT IN ('created', 'unchanged', 'duplicate') ORDER BY line LIMIT %s"""
_TOLD = {
    "customer_ref": ("customer_ref", N_("There is no customer “%(value)s”.")),
    "invoice_number": ("invoice_number", N_("There is no invoice “%(value)s”: import the invoices first.")),
    "creditor": ("invoice_number", N_("There are several creditors, and the row does not tell which one was paid.")),
    "credit_note": ("invoice_number", N_("“%(value)s” is a credit note: a payment received cannot settle it.")),
    "customer": ("invoice_number", N_("“%(value)s” is an invoice of customer %(booked)s.")),
    "currency": ("currency", N_("The invoice is in %(booked)s, the payment in %(value)s.")),
    "amount": ("amount", N_("This payment is booked with another amount or day (%(booked)s); it cannot change.")),
}  # fmt: skip


def import_history(
    session: Session,
    actor: Actor,
    rows: Iterable[PaymentRow | RowError],
    file: str,
    format: str,  # noqa: A002
    *,
    creditor: str | None = None,
    skip_bad_rows: bool = False,
    by_reference: bool = True,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportResult:
    """Import past payments; refused whole (`RefusedRows`) when one row is, unless bad rows are to be skipped.

    `by_reference`: the payments' references tell them apart, so that the same one again is the same payment.
    What a payment does not use of its invoice stays on the customer's account, as it does without an invoice.
    """
    work = _Import(session, actor, rows, creditor, by_reference, progress)
    if work.refusals.errors and not skip_bad_rows:
        raise RefusedRows(work.refusals.in_order())
    above = 0
    for part in work.receipts():
        receive(session, part)
        above += sum(r.amount_minor > sum(minor for _, minor in r.pays) for r in part)
    result = work.result(format)
    if above:
        told = N_(
            "%(count)s payments are more than their invoice: the rest stands on the customer’s account."
        )
        result = work.result(format, [Remark(told, {"count": above})])
    if result.created:
        counts = {"rows": result.rows, "created": result.created}
        told_counts = {**counts, "refused": len(work.refusals.lines)}
        record(session, actor, "import_payments", "file", file, counts=told_counts)
        record_fact(session, "payments_imported", None, **counts)
    return result


def preview_history(
    session: Session,
    actor: Actor,
    rows: Iterable[PaymentRow | RowError],
    format: str,  # noqa: A002
    *,
    creditor: str | None = None,
) -> Preview:
    """What `import_history` would do, by the same comparison; it changes nothing."""
    work = _Import(session, actor, rows, creditor, True, lambda rows: None)
    return Preview(work.result(format), tuple(work.shown()))


class _Import:
    """One file compared with the books, nothing written yet."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        rows: Iterable[PaymentRow | RowError],
        creditor: str | None,
        by_reference: bool,
        progress: Callable[[int], None],
    ) -> None:
        actor.must(Permission.IMPORT_INVOICES)
        self._connection: Connection[Any] = driver(session)
        self.refusals = Refusals()
        run = self._connection.execute
        run(_CREATE)
        given = {"creditor": _creditor(session, creditor)}
        count = 0
        with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for piece in pieces(_lines(self.refusals.sift(rows), by_reference)):
                copy.write(piece)
                count += piece.count("\n")
                progress(count)
        self._rows = count + len(self.refusals.lines)
        run("SELECT pg_advisory_xact_lock(hashtextextended('import payments', 0))")
        run("ANALYZE incoming_payment (customer_ref, external_ref, number)")
        run(_JUDGE, given)
        for row in run(_REFUSED, [MAX_REFUSED + 1]):
            self.refusals.add(_refusal(*row))
        self._counts = dict(run("SELECT outcome, count(*) FROM judged_payment GROUP BY outcome").fetchall())

    def receipts(self) -> Iterator[list[NewReceipt]]:
        """What is to be booked, by the thousand."""
        with self._connection.cursor(name="new_payments") as cursor:
            cursor.execute(_CREATED)
            while part := cursor.fetchmany(_BATCH):
                yield [_receipt(*row) for row in part]

    def shown(self) -> Iterator[RowPreview]:
        """The first payments that would be booked."""
        created = self._connection.execute(
            "SELECT line, customer_ref, coalesce(number, ''), amount_minor, currency FROM judged_payment"
            " WHERE outcome = 'created' ORDER BY line LIMIT %s",
            [PREVIEW_ROWS],
        )
        for line, customer, number, minor, currency in created:
            yield RowPreview(line, f"{customer} {number}".strip(), "created", str(Money(minor, currency)))

    def result(self, format: str, remarks: Iterable[Remark] = ()) -> ImportResult:  # noqa: A002
        return ImportResult(
            format,
            rows=self._rows,
            created=self._counts.get("created", 0),
            unchanged=self._counts.get("unchanged", 0),
            duplicates=self._counts.get("duplicate", 0),
            rejected=self.refusals.in_order(),
            remarks=tuple(remarks),
        )


def _creditor(session: Session, code: str | None) -> UUID | None:
    """Whose money it was, where no invoice says it; None when there are several to choose from."""
    if code:
        return by_code(session, code).id
    try:
        return the_only_one(session).id
    except NotFound:
        raise
    except DomainError:
        return None


def _lines(rows: Iterable[PaymentRow], by_reference: bool) -> Iterator[str]:
    """Rows for COPY. A payment is known again by its reference, customer and invoice; without a reference by all it
    says, and then two that say the same are two payments, the second one counted as such."""
    seen: Counter[bytes] = Counter()
    for row in rows:
        known_by_reference = by_reference and bool(row.payment_ref)
        who = _hash(row.payment_ref, row.customer_ref, row.invoice_number)
        what = f"{row.received_on}\t{row.amount_minor}\t{row.currency}"
        key = sha256(f"{who}{what}".encode()).digest()[:8]
        if not known_by_reference:
            seen[key] += 1
        name = f"{row.payment_ref[:80]} #{who}.{_hash(what, str(seen[key]))}".strip()
        identity = who if known_by_reference else ""
        yield (
            f"{row.line}\t{identity}\t{text(name)}\t{text(row.customer_ref)}\t{row.received_on}\t{row.amount_minor}"
            f"\t{row.currency}\t{optional(text(row.invoice_number))}\t{number_key(row.invoice_number)}"
            f"\t{text(row.method)}\t{optional(row.payer_iban)}\n"
        )


def _hash(*parts: str) -> str:
    return sha256("\t".join(parts).encode()).hexdigest()[:16]


def _receipt(
    creditor_id: UUID, customer_id: UUID, currency: str, minor: int, received_on: date, method: str,
    external_ref: str, payer_iban: str | None, item_id: UUID | None, left_minor: int | None,
) -> NewReceipt:  # fmt: skip
    part = max(0, min(minor, int(left_minor or 0)))
    return NewReceipt(
        id=new_id(),
        creditor_id=creditor_id,
        customer_id=customer_id,
        currency=currency,
        amount_minor=minor,
        received_on=received_on,
        method=method or "unknown",
        against=TAKEN_OVER,
        reason="history",
        allocated_on=received_on,
        journal="AN",
        external_ref=external_ref,
        payer_iban=payer_iban,
        pays=[(item_id, part)] if item_id and part else [],
    )


def _refusal(
    line: int, outcome: str, customer: str, number: str, currency: str, minor: int, booked_for: str | None,
    booked_in: str | None, booked_minor: int | None,
) -> RowError:  # fmt: skip
    column, sentence = _TOLD[outcome]
    value, booked = number, booked_for or ""
    if outcome == "customer_ref":
        value = customer
    elif outcome == "currency":
        value, booked = currency, booked_in or ""
    elif outcome == "amount":
        value, booked = str(Money(minor, currency)), str(Money(booked_minor or 0, currency))
    return RowError(line, column, value[:60], sentence, {"value": value[:60], "booked": booked})
