"""What a judged file changes in booked documents, and what it refuses: for the preview, the audit and the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from psycopg import Connection

from shared.i18n import N_
from shared.money import Money
from shared.tabular.rows import RowError

Changed = tuple[UUID, int, str, list[list[str]]]

_CHANGED = """
    SELECT i.id, j.line, j.number, (
        SELECT jsonb_agg(jsonb_build_array(name, coalesce(old, ''), new))
        FROM (VALUES ('due_date', i.due_on::text, j.due_on::text), ('order_ref', v.order_ref, j.order_ref),
                     ('payment_reference', v.payment_reference, j.payment_reference),
                     ('payee_iban', p.iban, nullif(j.payee_iban, '')),
                     ('factored', v.factored::text, CASE WHEN j.factored THEN 'true' END)) AS c (name, old, new)
        WHERE new IS DISTINCT FROM old AND new IS NOT NULL), d.name, j.attached
    FROM judged_invoice j JOIN open_item i ON i.id = j.item_id LEFT JOIN invoice v ON v.id = i.id
    LEFT JOIN bank_account p ON p.id = i.payee_account_id LEFT JOIN document d ON d.id = v.document_id
    WHERE j.outcome = 'updated' ORDER BY j.line"""
_PART = 1000

# Why a row is refused, by what the comparison with the books found: its column and the sentence.
_TOLD = {
    "creditor": ("creditor", N_("There is no creditor “%(value)s”.")),
    "no_creditor": ("creditor", N_("There are several creditors: say here which one is owed, by its code.")),
    "customer_ref": (
        "customer_ref",
        N_("There is no customer “%(value)s”, and the row gives no name to add one."),
    ),
    "repeated": ("invoice_number", N_("“%(value)s” stands on line %(booked)s already, with other values.")),
    "kind": (
        "kind",
        N_("%(number)s is booked as %(booked)s and cannot become something else: use another number."),
    ),
    "customer": (
        "customer_ref",
        N_("%(number)s is booked for customer %(booked)s; correct it with a credit note."),
    ),
    "currency": ("currency", N_("%(number)s is booked in %(booked)s; correct it with a credit note.")),
    "amount": (
        "total_incl_vat",
        N_("%(number)s is booked with another amount (%(booked)s); correct it with a credit note."),
    ),
    "issue_date": (
        "issue_date",
        N_("%(number)s is booked with another issue date (%(booked)s); correct it with a credit note."),
    ),
    "net": (
        "total_excl_vat",
        N_("%(number)s is booked with another total without VAT (%(booked)s); correct it with a credit note."),
    ),
}  # fmt: skip
_REFUSED = """
    SELECT j.line, j.outcome, j.number, j.currency, i.currency,
        CASE j.outcome WHEN 'creditor' THEN j.creditor WHEN 'no_creditor' THEN '' WHEN 'repeated' THEN j.number WHEN 'kind' THEN j.kind
             WHEN 'currency' THEN j.currency WHEN 'amount' THEN abs(j.amount_minor)::text
             WHEN 'net' THEN abs(j.net_minor)::text WHEN 'issue_date' THEN j.issued_on::text ELSE j.customer_ref END,
        CASE j.outcome WHEN 'repeated' THEN j.first_line::text WHEN 'kind' THEN i.kind WHEN 'customer' THEN c.ref
             WHEN 'currency' THEN i.currency WHEN 'amount' THEN abs(i.amount_minor)::text
             WHEN 'net' THEN abs(v.total_excl_minor)::text WHEN 'issue_date' THEN i.issued_on::text END
    FROM judged_invoice j LEFT JOIN open_item i ON i.id = j.item_id LEFT JOIN customer c ON c.id = i.customer_id
    LEFT JOIN invoice v ON v.id = i.id
    WHERE j.outcome = ANY (%s) ORDER BY j.line LIMIT %s"""


def changed(connection: Connection[Any]) -> Iterator[list[Changed]]:
    """The documents that change, by the thousand: id, line, number, and (column, old, new) for each field."""
    with connection.cursor(name="changed_invoices") as cursor:
        cursor.execute(_CHANGED)
        while part := cursor.fetchmany(_PART):
            yield [
                (item_id, line, number, [*(fields or []), *([["document", old or "", new]] if new else [])])
                for item_id, line, number, fields, old, new in part
            ]


def refused(connection: Connection[Any], limit: int) -> list[RowError]:
    """The rows that the books contradict, each with the first thing that does."""
    return [_refusal(*row) for row in connection.execute(_REFUSED, [list(_TOLD), limit])]


def _refusal(
    line: int, outcome: str, number: str, currency: str, booked_in: str, value: str, booked: str | None
) -> RowError:
    column, sentence = _TOLD[outcome]
    if outcome in ("amount", "net"):
        value, booked = str(Money(int(value), currency)), str(Money(int(booked or 0), booked_in))
    value = value[:60]
    return RowError(line, column, value, sentence, {"number": number, "value": value, "booked": booked or ""})
