"""What a person in Operations sees of the machinery, and the one thing they can do: try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.audit import actions as audit
from shared.errors import Conflict

_LIMIT = 200


@dataclass(frozen=True, slots=True)
class FailedJob:
    """`work`: the handler, or the scheduled job's name; `fact` and `subject_id`: what it was about, if anything."""

    id: int
    work: str
    fact: str | None
    subject_id: UUID | None
    attempts: int
    error: str
    failed_at: datetime | None


@dataclass(frozen=True, slots=True)
class FailedMessage:
    id: UUID
    kind: str
    recipient: str
    subject: str
    attempts: int
    error: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits. `oldest_fact_at` grows old when no worker runs; `oldest_message_at` also when mail is stuck."""

    facts_waiting: int
    oldest_fact_at: datetime | None
    jobs_waiting: int
    jobs_running: int
    jobs_failed: int
    messages_waiting: int
    oldest_message_at: datetime | None
    messages_failed: int
    mail_trouble: str | None
    workers: int


_FAILED_JOBS = text("""
    SELECT j.id, coalesce(j.args ->> 'handler', j.task_name) AS work, f.name AS fact, f.subject_id, j.attempts,
           coalesce(e.error, '') AS error, e.failed_at
    FROM procrastinate_jobs j
    LEFT JOIN job_failure e ON e.job_id = j.id
    LEFT JOIN fact f ON f.id = (j.args ->> 'fact_id')::bigint
    WHERE j.status = 'failed' ORDER BY j.id DESC LIMIT :limit""")
_FAILED_MESSAGES = text("""
    SELECT id, kind, recipient, subject, attempts, coalesce(error, '') AS error, failed_at
    FROM message WHERE failed_at IS NOT NULL ORDER BY failed_at DESC, id LIMIT :limit""")
# Each count is over a partial index or over the queue, which holds unfinished jobs only.
_BACKLOG = text("""
    SELECT f.*, j.*, m.*, failed.*, w.* FROM
    (SELECT count(*) AS facts_waiting, min(recorded_at) AS oldest_fact_at
     FROM fact WHERE relayed_at IS NULL) f,
    (SELECT count(*) FILTER (WHERE status = 'todo') AS jobs_waiting,
            count(*) FILTER (WHERE status = 'doing') AS jobs_running,
            count(*) FILTER (WHERE status = 'failed') AS jobs_failed FROM procrastinate_jobs) j,
    (SELECT count(*) AS messages_waiting, min(created_at) AS oldest_message_at, max(error) AS mail_trouble
     FROM message WHERE sent_at IS NULL AND failed_at IS NULL) m,
    (SELECT count(*) AS messages_failed FROM message WHERE failed_at IS NOT NULL) failed,
    (SELECT count(*) AS workers FROM procrastinate_workers
     WHERE last_heartbeat > now() - interval '45 seconds') w""")
# The index of todo jobs knows one waiting job per queueing lock: if the schedule has queued the next run of this
# one already, that run is the new try.
# Locked first and called second: a second click waits, and then finds nothing to replay.
_REPLAY = text("""
    WITH failed AS (
        SELECT id, coalesce(args ->> 'handler', task_name) AS work FROM procrastinate_jobs j
        WHERE id = :id AND status = 'failed' AND NOT EXISTS (
            SELECT FROM procrastinate_jobs o WHERE o.queueing_lock = j.queueing_lock AND o.status = 'todo')
        FOR UPDATE)
    SELECT work, procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL)::text FROM failed""")


def failed_jobs(session: Session, actor: Actor) -> list[FailedJob]:
    """The newest 200 jobs that wait for a person."""
    actor.must(Permission.SEE_OPERATIONS)
    return [FailedJob(**row._mapping) for row in session.execute(_FAILED_JOBS, {"limit": _LIMIT})]


def failed_messages(session: Session, actor: Actor) -> list[FailedMessage]:
    """The newest 200 messages that could not be sent; `notifications.actions.send_again` tries one again."""
    actor.must(Permission.SEE_OPERATIONS)
    return [FailedMessage(**row._mapping) for row in session.execute(_FAILED_MESSAGES, {"limit": _LIMIT})]


def backlog(session: Session, actor: Actor) -> Backlog:
    """The depth of every queue, in one statement; also what readiness asks."""
    actor.must(Permission.SEE_OPERATIONS)
    values: dict[str, Any] = dict(session.execute(_BACKLOG).one()._mapping)
    return Backlog(**values)


def replay(session: Session, actor: Actor, job_id: int) -> None:
    """Give a failed job one more try; if it fails again it is back in the list at once."""
    actor.must(Permission.REPLAY_JOBS)
    work = session.scalar(_REPLAY, {"id": job_id})
    if work is None:
        raise Conflict("This job is not waiting for you any more: it runs again already, or is done.")
    audit.record(session, actor, "job_replayed", "job", job_id, work=work)
