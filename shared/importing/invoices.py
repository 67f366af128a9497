"""One way in for invoices, whatever the format: CSV, XLSX, FEC, Factur-X, CII, UBL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.documents.files import in_folder
from shared.importing import einvoices, fec
from shared.invoices.files import read_invoices
from shared.invoices.importing import Given, import_rows, preview_rows
from shared.invoices.recognise import TABLES, Format, recognise
from shared.tabular.imported import ImportResult, Preview


def import_invoices(
    session: Session,
    actor: Actor,
    source: BinaryIO,
    file: str,
    *,
    creditor: str | None = None,
    format: str | None = None,  # noqa: A002 - the name of the option
    skip_bad_rows: bool = False,
    folder: Path | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportResult:
    """Import an invoices file. `creditor`: whose invoices they are where the file does not say; `folder`: where the
    documents that rows name lie; `progress` gets the number of rows read."""
    found = recognise(source, format)
    given = Given(file, found, creditor, skip_bad_rows, in_folder(folder) if folder else None)
    if found in TABLES:
        return import_rows(session, actor, read_invoices(source).rows, given, progress)
    if found is Format.FEC:
        return fec.import_books(session, actor, source, given, progress)
    return einvoices.import_document(session, actor, source, given, found)


def preview_invoices(
    session: Session,
    actor: Actor,
    source: BinaryIO,
    file: str,
    *,
    creditor: str | None = None,
    format: str | None = None,  # noqa: A002 - the name of the option
) -> Preview:
    """What `import_invoices` would do; it changes nothing."""
    found = recognise(source, format)
    given = Given(file, found, creditor, skip_bad_rows=True)
    if found in TABLES:
        return preview_rows(session, actor, read_invoices(source).rows, given)
    if found is Format.FEC:
        return fec.preview_books(session, actor, source, given)
    return einvoices.preview_document(session, actor, source, given, found)
