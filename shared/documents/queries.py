"""Reads of documents, each in the scope of who asks."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.errors import NotFound


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it came."""

    name: str
    media_type: str
    content: bytes


# A document of nobody's (a whole file that was imported) is for the creditor's people alone.
_DOCUMENT = text("""
    SELECT d.name, d.media_type, b.bytes AS content
    FROM document d JOIN document_content b ON b.sha256 = d.sha256
    WHERE d.id = :id AND (NOT :debtor OR d.customer_id = ANY (:customers))""")


def document(session: Session, actor: Actor, document_id: UUID) -> Document:
    """One document with its bytes; somebody else's is not found. One statement."""
    debtor = actor.kind == "debtor"
    actor.must(Permission.SEE_OWN_ACCOUNT if debtor else Permission.SEE_RECEIVABLES)
    given = {"id": document_id, "debtor": debtor, "customers": list(actor.customers)}
    found = session.execute(_DOCUMENT, given).one_or_none()
    if found is None:
        raise NotFound
    return Document(found.name, found.media_type, bytes(found.content))
