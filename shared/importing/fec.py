"""A FEC into the books: its customers, what they were invoiced, and what they paid, in one import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.customers.naming import add_named
from shared.i18n import N_
from shared.importing.fec_items import FecBooks, read_fec_books
from shared.invoices.files import InvoiceRow
from shared.invoices.importing import Given, import_rows, preview_rows
from shared.payments.history import import_history
from shared.tabular.imported import ImportResult, Preview, Remark

_KNOWN = text("SELECT ref FROM customer WHERE ref = ANY (:refs)")


def import_books(
    session: Session,
    actor: Actor,
    source: BinaryIO,
    given: Given,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportResult:
    """Import a FEC. Customers that are known keep their particulars; the counts are of documents and payments."""
    actor.must(Permission.IMPORT_INVOICES)
    books = read_fec_books(source)
    invoices = import_rows(session, actor, _named(books), given, progress)
    _add_those_who_only_paid(session, books)
    payments = import_history(
        session, actor, books.payments, given.file, given.format,
        creditor=given.creditor, skip_bad_rows=given.skip_bad_rows, by_reference=False, progress=progress,
    )  # fmt: skip
    return ImportResult(
        given.format,
        rows=invoices.rows + payments.rows,
        created=invoices.created + payments.created,
        updated=invoices.updated,
        unchanged=invoices.unchanged + payments.unchanged,
        duplicates=invoices.duplicates + payments.duplicates,
        rejected=invoices.rejected + payments.rejected,
        remarks=invoices.remarks + payments.remarks,
    )


def preview_books(session: Session, actor: Actor, source: BinaryIO, given: Given) -> Preview:
    """What `import_books` would do with the documents; the payments depend on them and are counted."""
    books = read_fec_books(source)
    preview = preview_rows(session, actor, _named(books), given)
    told = N_("The file also holds %(count)s payments of these customers.")
    remarks = (*preview.result.remarks, Remark(told, {"count": len(books.payments)}))
    return replace(preview, result=replace(preview.result, remarks=remarks))


def _named(books: FecBooks) -> list[InvoiceRow]:
    """A FEC may leave a name out: the account's number then is the name."""
    return [row._replace(customer_name=row.customer_name or row.customer_ref) for row in books.invoices]


def _add_those_who_only_paid(session: Session, books: FecBooks) -> None:
    refs = {row.customer_ref: row.name or row.customer_ref for row in books.customers}
    known = set(session.scalars(_KNOWN, {"refs": list(refs)}))
    add_named(session, [(ref, name) for ref, name in refs.items() if ref not in known])
