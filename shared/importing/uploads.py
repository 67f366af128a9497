"""An upload in two steps: keep the file and show what it would do; then take it, if its user says so."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.customers.importing import import_customers, preview_customers
from shared.errors import NotFound, RefusedFile
from shared.i18n import N_
from shared.ids import new_id
from shared.importing.invoices import import_invoices, preview_invoices
from shared.importing.payments import import_payments, preview_payments
from shared.tabular.imported import ImportResult, Preview

KINDS = ("invoices", "customers", "payments")
# Larger files are for the command line, which reads them in a stream.
MAX_MEGABYTES = 64
KEPT_FOR = timedelta(days=1)
# One user's files that wait: enough to compare two, not to fill the disk.
MAX_WAITING = 5

_PERMISSIONS = {
    "customers": Permission.IMPORT_CUSTOMERS,
    "invoices": Permission.IMPORT_INVOICES,
    "payments": Permission.IMPORT_INVOICES,
}
_CLEAR = text("""
    DELETE FROM import_upload WHERE uploaded_at < :before OR id IN (
        SELECT id FROM import_upload WHERE user_id = :user ORDER BY uploaded_at DESC, id DESC OFFSET :most)""")
_KEEP = text("""
    INSERT INTO import_upload (id, user_id, kind, file_name, creditor, content, preview, uploaded_at)
    VALUES (:id, :user, :kind, :name, :creditor, :content, CAST(:preview AS jsonb), :now)""")
_FIND = text("""
    SELECT id, kind, file_name, creditor, preview, result FROM import_upload
    WHERE id = :id AND user_id = :user AND uploaded_at >= :before""")
# The row is held while its file is taken: a button pressed twice waits, then finds it taken.
_TAKE = text("""
    SELECT kind, file_name, creditor, content FROM import_upload
    WHERE id = :id AND user_id = :user AND uploaded_at >= :before FOR NO KEY UPDATE""")
_ANSWER = text("UPDATE import_upload SET content = NULL, result = CAST(:result AS jsonb) WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file: what it would do, and what it did once it was taken. Sentences are message ids."""

    id: UUID
    kind: str
    file_name: str
    creditor: str | None
    preview: dict[str, Any]
    result: dict[str, Any] | None


def keep(
    session: Session,
    actor: Actor,
    kind: str,
    source: BinaryIO,
    file_name: str,
    creditor: str | None = None,
) -> UUID:
    """Keep a file for its user and preview it; a file that cannot be read at all is refused here."""
    actor.must(_PERMISSIONS[kind])
    content = source.read(MAX_MEGABYTES * 1024**2 + 1)
    if len(content) > MAX_MEGABYTES * 1024**2:
        told = N_("This file is larger than %(limit)s MB: ask your administrator to import it on the server.")
        raise RefusedFile(told, limit=MAX_MEGABYTES)
    preview = _preview(session, actor, kind, content, file_name, creditor)
    upload_id, now = new_id(), clock.now()
    whose = {"user": actor.id, "before": now - KEPT_FOR}
    session.execute(_CLEAR, {**whose, "most": MAX_WAITING - 1})
    kept = {"id": upload_id, "user": actor.id, "kind": kind, "name": file_name[:200], "creditor": creditor}
    told_preview = json.dumps({**_told(preview.result), "rows_shown": preview.rows}, default=str)
    session.execute(_KEEP, {**kept, "content": content, "preview": told_preview, "now": now})
    return upload_id


def find(session: Session, actor: Actor, upload_id: UUID) -> Upload:
    """The actor's own upload; anybody else's, or one of yesterday, is not there."""
    whose = {"id": upload_id, "user": actor.id, "before": clock.now() - KEPT_FOR}
    found = session.execute(_FIND, whose).one_or_none()
    if found is None:
        raise NotFound
    actor.must(_PERMISSIONS[found.kind])
    return Upload(*found)


def take(session: Session, actor: Actor, upload_id: UUID, *, skip_bad_rows: bool) -> None:
    """Import the file as it was previewed. Taken twice it does nothing more."""
    whose = {"id": upload_id, "user": actor.id, "before": clock.now() - KEPT_FOR}
    found = session.execute(_TAKE, whose).one_or_none()
    if found is None:
        raise NotFound
    actor.must(_PERMISSIONS[found.kind])
    if found.content is None:
        return
    source = io.BytesIO(found.content)
    result: ImportResult
    if found.kind == "customers":
        result = import_customers(session, actor, source, found.file_name, skip_bad_rows=skip_bad_rows)
    else:
        import_file: Callable[..., ImportResult] = (
            import_invoices if found.kind == "invoices" else import_payments
        )
        result = import_file(
            session, actor, source, found.file_name, creditor=found.creditor, skip_bad_rows=skip_bad_rows
        )
    session.execute(_ANSWER, {"id": upload_id, "result": json.dumps(_told(result), default=str)})


def _preview(
    session: Session, actor: Actor, kind: str, content: bytes, file_name: str, creditor: str | None
) -> Preview:
    source = io.BytesIO(content)
    if kind == "customers":
        return preview_customers(session, actor, source)
    if kind == "payments":
        return preview_payments(session, actor, source, creditor=creditor)
    return preview_invoices(session, actor, source, file_name, creditor=creditor)


def _told(result: ImportResult) -> dict[str, Any]:
    """The answer with its sentences still to be translated."""
    return {
        **result.as_json(),
        "rejected": [(e.line, e.column, e.value, e.sentence, e.params) for e in result.rejected],
        "remarks": [(each.sentence, each.params) for each in result.remarks],
    }
