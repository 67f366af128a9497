"""Write down a deed."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor

_RECORD = text(
    "INSERT INTO audit_entry (at, actor_kind, actor_id, actor_name, verb, subject_kind, subject_id, detail, reason)"
    " VALUES (:at, :kind, :id, :name, :verb, :subject_kind, :subject_id, CAST(:detail AS jsonb), :reason)"
)


def record(
    session: Session,
    actor: Actor,
    verb: str,
    subject_kind: str,
    subject_id: object,
    *,
    reason: str | None = None,
    **detail: Any,
) -> None:
    """One entry per action, in its transaction. `detail` holds what is needed to understand it: before, after."""
    session.execute(
        _RECORD,
        {
            "at": clock.now(),
            "kind": actor.kind,
            "id": actor.id,
            "name": actor.name,
            "verb": verb,
            "subject_kind": subject_kind,
            "subject_id": str(subject_id),
            "detail": json.dumps(detail, default=str, ensure_ascii=False),
            "reason": reason,
        },
    )
