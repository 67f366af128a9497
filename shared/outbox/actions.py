"""Record a fact for whoever reacts to it later."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock

_RECORD = text(
    "INSERT INTO fact (name, subject_id, payload, recorded_at)"
    " VALUES (:name, :subject_id, CAST(:payload AS jsonb), :now)"
)


def record_fact(session: Session, name: str, subject_id: UUID | None = None, **payload: Any) -> None:
    """`name` is past tense (`payment_received`); `payload` holds ids and amounts, never texts or secrets."""
    session.execute(
        _RECORD,
        {
            "name": name,
            "subject_id": subject_id,
            "payload": json.dumps(payload, default=str),
            "now": clock.now(),
        },
    )
