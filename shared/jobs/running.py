"""Running one job: once in effect, however often it is tried; and what stays behind when it fails."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared import clock
from shared.actor import SYSTEM
from shared.db import writing
from shared.errors import NotFound
from shared.jobs.subscriptions import name_of
from shared.outbox.facts import Fact, Handler

_ROOT = Path(__file__).resolve().parents[2]

# A second run waits here for the first one's end, and then finds the receipt.
_RECEIPT = text(
    "INSERT INTO fact_receipt (fact_id, handler, done_at) VALUES (:fact_id, :handler, :now)"
    " ON CONFLICT DO NOTHING RETURNING fact_id"
)
_FACT = text("SELECT id, name, subject_id, payload, recorded_at FROM fact WHERE id = :id")
_FAILURE = text("""
    INSERT INTO job_failure (job_id, error, failed_at) VALUES (:job_id, :error, :now)
    ON CONFLICT (job_id) DO UPDATE SET error = excluded.error, failed_at = excluded.failed_at""")


def handle(fact_id: int, handler: Handler) -> bool:
    """Let `handler` react to a fact, with its receipt in the same transaction; False: it was done before."""
    with writing(SYSTEM) as session:
        receipt = {"fact_id": fact_id, "handler": name_of(handler), "now": clock.now()}
        if session.scalar(_RECEIPT, receipt) is None:
            return False
        row = session.execute(_FACT, {"id": fact_id}).first()
        if row is None:
            raise NotFound
        handler(session, Fact(**row._mapping))
        return True


@contextmanager
def failures_kept(job_id: int) -> Iterator[None]:
    """Bind the job's id to the log lines within, and keep for Operations why it failed."""
    with structlog.contextvars.bound_contextvars(job_id=job_id):
        try:
            yield
        except Exception as error:
            with writing(SYSTEM) as session:
                session.execute(_FAILURE, {"job_id": job_id, "error": told(error), "now": clock.now()})
            raise


def told(error: Exception) -> str:
    """What went wrong and where in our code. Never the values of a statement: they may be secrets."""
    cause = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    ours = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(_ROOT)]
    frames = [f for f in ours if ".venv" not in f.filename]
    place = f" ({Path(frames[-1].filename).relative_to(_ROOT)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {cause}"[:2000] + place
