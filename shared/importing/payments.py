"""One way in for payments of the past."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.payments.history import import_history, preview_history
from shared.payments.history_file import read_payments
from shared.tabular.imported import ImportResult, Preview


def import_payments(
    session: Session,
    actor: Actor,
    source: BinaryIO,
    file: str,
    *,
    creditor: str | None = None,
    skip_bad_rows: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportResult:
    """Import a payments file (CSV or XLSX): what was settled elsewhere."""
    found = read_payments(source)
    return import_history(
        session, actor, found.rows, file, found.format,
        creditor=creditor, skip_bad_rows=skip_bad_rows, progress=progress,
    )  # fmt: skip


def preview_payments(
    session: Session, actor: Actor, source: BinaryIO, *, creditor: str | None = None
) -> Preview:
    """What `import_payments` would do; it changes nothing."""
    found = read_payments(source)
    return preview_history(session, actor, found.rows, found.format, creditor=creditor)
