"""Keep documents: the bytes once, whoever sends them again; one row for each time they mean something."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.documents.files import File
from shared.ids import new_id

_CONTENT = text(
    "INSERT INTO document_content (sha256, bytes) VALUES (:sha256, :bytes) ON CONFLICT (sha256) DO NOTHING"
)
_DOCUMENT = text(
    "INSERT INTO document (id, customer_id, sha256, name, media_type, size_bytes, created_at)"
    " VALUES (:id, :customer, :sha256, :name, :type, :size, :now)"
)


def keep(session: Session, file: File, customer_id: UUID | None) -> UUID:
    """Keep a document that concerns a customer, who may then see it; gives its id."""
    digest, document_id = sha256(file.content).digest(), new_id()
    session.execute(_CONTENT, {"sha256": digest, "bytes": file.content})
    session.execute(
        _DOCUMENT,
        {
            "id": document_id,
            "customer": customer_id,
            "sha256": digest,
            "name": file.name,
            "type": file.media_type,
            "size": len(file.content),
            "now": clock.now(),
        },
    )
    return document_id
