"""Reads of the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission


@dataclass(frozen=True, slots=True)
class Deed:
    """One entry; `seal` is the first part of its hash in the chain, as a person compares it."""

    id: int
    at: datetime
    actor_kind: str
    actor_name: str
    verb: str
    subject_kind: str
    subject_id: str
    detail: dict[str, Any]
    reason: str | None
    seal: str


_TRAIL = text("""
    SELECT e.id, e.at, e.actor_kind, e.actor_name, e.verb, e.subject_kind, e.subject_id, e.detail, e.reason,
           coalesce(left(encode(s.seal, 'hex'), 12), '') AS seal
    FROM audit_entry e LEFT JOIN audit_seal s ON s.entry_id = e.id
    WHERE (CAST(:before AS bigint) IS NULL OR e.id < :before)
      AND (CAST(:subject AS text) IS NULL OR e.subject_id = :subject)
      AND (:words = '' OR strpos(lower(e.actor_name || ' ' || e.verb || ' ' || e.subject_kind || ' '
                                       || coalesce(e.reason, '')), :words) > 0)
    ORDER BY e.id DESC LIMIT :limit""")


def trail(
    session: Session,
    actor: Actor,
    *,
    words: str = "",
    subject: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Deed]:
    """The newest deeds, or those older than entry `before`. Paged by key: the trail only grows, and grows long."""
    actor.must(Permission.SEE_AUDIT)
    rows = session.execute(
        _TRAIL, {"before": before, "subject": subject, "words": words.strip().lower(), "limit": limit}
    )
    return [Deed(**row._mapping) for row in rows]
