"""Jobs in the hands of a worker that died go back into the queue."""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy import text

from shared import clock
from shared.actor import SYSTEM
from shared.db import writing
from shared.jobs.app import TRIES

log = structlog.get_logger("worker")

# A living worker writes its heartbeat every ten seconds. One that only slept wakes up to find its job done again;
# receipts make that harmless.
_DEAD_AFTER = timedelta(seconds=45)

_ORPHANS = """
    SELECT j.id, j.attempts FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - CAST(:dead_after AS interval))
    FOR UPDATE OF j SKIP LOCKED"""
_BACK = text(f"""
    WITH orphan AS ({_ORPHANS})
    SELECT count(*), count(procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL)::text)
    FROM orphan WHERE attempts < :tries""")
# A job that kills each worker that takes it must not do so for ever.
_GIVEN_UP = text(f"""
    WITH orphan AS ({_ORPHANS}),
    ended AS (SELECT id, procrastinate_finish_job_v1(id, 'failed', false)::text FROM orphan
              WHERE attempts >= :tries)
    INSERT INTO job_failure (job_id, error, failed_at)
    SELECT id, 'The worker died each time it ran this job.', :now FROM ended
    ON CONFLICT (job_id) DO UPDATE SET error = excluded.error, failed_at = excluded.failed_at""")


def rescue() -> int:
    """Give orphaned jobs another try; answers how many. Two statements over the jobs being run."""
    with writing(SYSTEM) as session:
        values = {"dead_after": _DEAD_AFTER, "tries": TRIES - 1, "now": clock.now()}
        session.execute(_GIVEN_UP, values)
        found = session.execute(_BACK, values).one()
    if found[0]:
        log.warning("jobs_rescued", jobs=found[0])
    return int(found[0])
