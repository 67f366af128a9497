"""Several relays and workers at once, one of them killed in the middle: nothing lost, nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from shared.actor import SYSTEM
from shared.audit import actions as audit
from shared.db import reading, writing
from shared.ids import new_id
from shared.jobs.relay import relay_all
from shared.jobs.worker import run_worker
from shared.outbox.actions import record_fact

pytestmark = pytest.mark.usefixtures("database")

ROOT = Path(__file__).resolve().parents[2]
# A worker of its own process, with the handlers of this file and nothing on its schedule.
WORKER = """
from tests.hammer.test_relay_hammer import SLOW
from shared.jobs.worker import run_worker, stop_on_signal
run_worker(stop_on_signal(), SLOW, ())
"""


def count(session, fact):
    audit.record(session, SYSTEM, "counted", "fact", fact.subject_id)


def slowly(session, fact):
    """Writes, then takes its time: a worker killed here has everything to lose."""
    audit.record(session, SYSTEM, "slowly", "fact", fact.subject_id)
    session.flush()
    time.sleep(0.2)


FAST = {"hammered": (count,)}
SLOW = {"hammered": (slowly,)}


def record(times):
    with writing(SYSTEM) as session:
        for _ in range(times):
            record_fact(session, "hammered", new_id())


def value(statement):
    with reading(SYSTEM) as session:
        return session.scalar(text(statement))


def until(statement, wanted, seconds):
    end = time.monotonic() + seconds
    while value(statement) != wanted:
        assert time.monotonic() < end, f"{value(statement)} and not {wanted} after {seconds} s: {statement}"
        time.sleep(0.1)


def start_worker():
    return subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )


def test_relays_and_writers_at_once_hand_each_fact_over_once_and_in_order():
    writers_done = threading.Event()

    def write():
        for _ in range(30):
            record(5)

    def move():
        while not writers_done.is_set():
            relay_all(FAST)
        relay_all(FAST)

    writers = [threading.Thread(target=write) for _ in range(3)]
    relays = [threading.Thread(target=move) for _ in range(3)]
    for thread in (*writers, *relays):
        thread.start()
    for thread in writers:
        thread.join()
    writers_done.set()
    for thread in relays:
        thread.join()
    assert value("SELECT count(*) FROM procrastinate_jobs") == 450
    assert value("SELECT count(DISTINCT args ->> 'fact_id') FROM procrastinate_jobs") == 450
    assert value("SELECT count(*) FROM fact WHERE relayed_at IS NULL") == 0


def test_a_killed_worker_loses_nothing_and_its_jobs_run_once_in_effect():
    record(20)
    first = start_worker()
    try:
        until("SELECT count(*) >= 3 FROM fact_receipt", True, 30)
        until("SELECT count(*) > 0 FROM procrastinate_jobs WHERE status = 'doing'", True, 10)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        assert value("SELECT count(*) > 0 FROM procrastinate_jobs WHERE status = 'doing'")
        with writing(
            SYSTEM
        ) as session:  # the 45 seconds after which a silent worker counts as dead have passed
            session.execute(
                text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
            )
        others = [start_worker(), start_worker()]
        try:
            until("SELECT count(*) FROM fact_receipt", 20, 60)
            until("SELECT count(*) FROM procrastinate_jobs", 0, 30)
        finally:
            for other in others:
                other.send_signal(signal.SIGTERM)
        assert [other.wait(20) for other in others] == [0, 0]
    finally:
        first.kill()
    assert value("SELECT count(*) FROM audit_entry WHERE verb = 'slowly'") == 20
    assert value("SELECT count(DISTINCT subject_id) FROM audit_entry WHERE verb = 'slowly'") == 20
    assert (
        value("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 minute'")
        == 0
    )


def test_a_worker_outlives_the_loss_of_all_its_connections(database):
    """As when the database restarts: everything is cut at once, in the middle of work."""
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(stop, FAST, ()))
    worker.start()
    try:
        until("SELECT count(*) FROM procrastinate_workers", 1, 20)
        for _ in range(3):
            record(10)
            with psycopg.connect(
                database.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
            ) as owner:
                owner.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        record(10)
        until("SELECT count(*) FROM fact_receipt", 40, 90)
    finally:
        stop.set()
        worker.join(40)
    assert not worker.is_alive()
    assert value("SELECT count(*) FROM audit_entry WHERE verb = 'counted'") == 40
