"""One way in for customers."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.customers import importing
from shared.invoices.recognise import only_tables
from shared.tabular.imported import ImportResult, Preview


def import_customers(
    session: Session,
    actor: Actor,
    source: BinaryIO,
    file: str,
    *,
    format: str | None = None,  # noqa: A002 - the name of the option
    skip_bad_rows: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportResult:
    """Import a customers file (CSV or XLSX)."""
    only_tables(format)
    return importing.import_customers(
        session, actor, source, file, skip_bad_rows=skip_bad_rows, progress=progress
    )


def preview_customers(session: Session, actor: Actor, source: BinaryIO) -> Preview:
    """What `import_customers` would do; it changes nothing."""
    return importing.preview_customers(session, actor, source)
