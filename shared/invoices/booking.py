"""Write judged documents into the books: new customers, payees, due days; items, journal, papers; changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

from psycopg import Connection
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.audit.actions import record
from shared.creditors import actions as creditors
from shared.creditors.models import Creditor
from shared.customers.naming import add_named
from shared.customers.terms import due_on, parse_terms
from shared.db import driver
from shared.documents.actions import keep
from shared.documents.files import FindDocument
from shared.i18n import N_
from shared.invoices.changes import changed
from shared.ledger.bulk import book_documents
from shared.tabular.imported import Remark

_BATCH = 5000
_UNKNOWN_CUSTOMERS = """
    SELECT customer_ref, min(customer_name) FILTER (WHERE customer_name <> '') FROM judged_invoice
    WHERE outcome = 'created' AND customer_id IS NULL GROUP BY customer_ref ORDER BY customer_ref"""
_KNOW_CUSTOMERS = """
    UPDATE judged_invoice j SET customer_id = c.id FROM customer c
    WHERE j.customer_id IS NULL AND j.outcome = 'created' AND c.ref = j.customer_ref"""
_UNKNOWN_PAYEES = """
    SELECT creditor_id, payee_iban, max(payee_name), min(currency), min(number), count(*) FROM judged_invoice
    WHERE outcome IN ('created', 'updated') AND payee_iban <> '' AND payee_id IS NULL
    GROUP BY creditor_id, payee_iban ORDER BY creditor_id, payee_iban LIMIT %s"""
_KNOW_PAYEES = """
    UPDATE judged_invoice j SET payee_id = a.id FROM bank_account a
    WHERE j.payee_id IS NULL AND j.payee_iban <> '' AND (a.creditor_id, a.iban) = (j.creditor_id, j.payee_iban)"""
_WITHOUT_DUE_DAY = """
    SELECT DISTINCT c.payment_terms, j.issued_on FROM judged_invoice j JOIN customer c ON c.id = j.customer_id
    WHERE j.outcome = 'created' AND j.due_on IS NULL"""
_SET_DUE_DAYS = """
    UPDATE judged_invoice j SET due_on = t.due_on
    FROM customer c, unnest(%s::text[], %s::date[], %s::date[]) AS t (terms, issued_on, due_on)
    WHERE j.outcome = 'created' AND j.due_on IS NULL AND c.id = j.customer_id
      AND (t.terms, t.issued_on) = (c.payment_terms, j.issued_on)"""
_STAGED_ITEM = """
    CREATE TEMP VIEW staged_item AS
    SELECT id, creditor_id, customer_id, kind, number, number_key, currency, amount_minor, vat_minor, issued_on,
           due_on, payee_id AS payee_account_id
    FROM judged_invoice WHERE outcome = 'created'"""
_PAPERS = """
    INSERT INTO invoice (id, customer_id, type_code, total_excl_minor, vat, order_ref, payment_reference,
                         preceding_number, factored, source_format)
    SELECT id, customer_id, type_code, net_minor, vat, order_ref, payment_reference, preceding_number, factored, %s
    FROM judged_invoice WHERE outcome = 'created'"""
_CHANGE_ITEMS = """
    UPDATE open_item i SET due_on = coalesce(j.due_on, i.due_on),
                           payee_account_id = coalesce(j.payee_id, i.payee_account_id)
    FROM judged_invoice j WHERE j.outcome = 'updated' AND i.id = j.item_id"""
_CHANGE_PAPERS = """
    UPDATE invoice v SET order_ref = coalesce(j.order_ref, v.order_ref), factored = v.factored OR j.factored,
                         payment_reference = coalesce(j.payment_reference, v.payment_reference)
    FROM judged_invoice j WHERE j.outcome = 'updated' AND v.id = j.item_id"""

# A file that names more accounts than this is not paid to factors: it is wrong, or an attack.
MAX_NEW_PAYEES = 100


class Booking:
    """One judged file on its way into the books."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._connection: Connection[Any] = driver(session)
        self.remarks: list[Remark] = []

    def book(self, source_format: str, file: str) -> None:
        """Create what is new and change what changed."""
        self._know_customers()
        self._know_payees()
        self._set_due_days()
        run = self._connection.execute
        run(_STAGED_ITEM)
        book_documents(self._session, event="invoices_imported", label=file[:100])
        run(_PAPERS, [source_format])
        run("DROP VIEW staged_item")
        for part in changed(self._connection):
            self._record_changes(part, file)
        run(_CHANGE_ITEMS)
        run(_CHANGE_PAPERS)

    def attach(self, documents: list[tuple[int, str]], find: FindDocument) -> None:
        """Keep the documents of these rows and show them with their invoices."""
        found = self._connection.execute(
            "SELECT line, coalesce(item_id, id), customer_id FROM judged_invoice WHERE line = ANY (%s)",
            [[line for line, _ in documents]],
        )
        concerned = {line: (invoice_id, customer_id) for line, invoice_id, customer_id in found}
        for line, name in documents:
            invoice_id, customer_id = concerned[line]
            document_id = keep(self._session, find(name), customer_id)
            self._connection.execute(
                "UPDATE invoice SET document_id = %s WHERE id = %s", [document_id, invoice_id]
            )

    def _know_customers(self) -> None:
        """Add the customers that the file names and nobody knows: a number and a name."""
        unknown = self._connection.execute(_UNKNOWN_CUSTOMERS).fetchall()
        if not unknown:
            return
        for part in _parts(unknown):
            add_named(self._session, part)
        self._connection.execute(_KNOW_CUSTOMERS)
        told = N_("Customers added with nothing but their name: %(count)s.")
        self.remarks.append(Remark(told, {"count": len(unknown)}))

    def _know_payees(self) -> None:
        """Add the accounts that nobody knows, unconfirmed: debtors are not shown them, nor asked to pay elsewhere."""
        unknown = self._connection.execute(_UNKNOWN_PAYEES, [MAX_NEW_PAYEES]).fetchall()
        for creditor_id, iban, name, currency, number, count in unknown:
            creditor = self._session.get_one(Creditor, creditor_id)
            creditors.add_factor_account(
                self._session, self._actor, creditor, iban, holder_name=name or iban, currency=currency
            )
            told = N_(
                "The account %(iban)s is not known here: until it is confirmed, nobody is asked to pay to it"
                " (%(number)s, %(count)s invoices in all)."
            )
            self.remarks.append(Remark(told, {"iban": iban, "number": number, "count": count}))
        if unknown:
            self._connection.execute(_KNOW_PAYEES)

    def _set_due_days(self) -> None:
        """Where the file names no due day, the customer's terms do."""
        found: list[tuple[str, date]] = self._connection.execute(_WITHOUT_DUE_DAY).fetchall()
        for part in _parts(found):
            due = [due_on(parse_terms(terms), issued) for terms, issued in part]
            columns = [terms for terms, _ in part], [issued for _, issued in part], due
            self._connection.execute(_SET_DUE_DAYS, columns)

    def _record_changes(self, part: list[tuple[UUID, int, str, list[list[str]]]], file: str) -> None:
        changes = {number: {name: [old, new] for name, old, new in each} for _, _, number, each in part}
        record(self._session, self._actor, "change_invoices", "file", file, changes=changes)


def _parts(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]
