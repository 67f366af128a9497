"""Facts reach their handlers once in effect; what fails waits for a person; what died runs again."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from shared import clock, logs
from shared.actor import SYSTEM, staff
from shared.audit import actions as audit
from shared.db import reading, writing
from shared.errors import Conflict, NotAllowed
from shared.ids import new_id
from shared.jobs import checks
from shared.jobs.app import TRIES, make_app
from shared.jobs.checks import CHECKS, PromiseBroken, run_checks
from shared.jobs.clearing import clear_expired
from shared.jobs.operations import backlog, failed_jobs, replay
from shared.jobs.relay import relay, relay_all
from shared.jobs.rescue import rescue
from shared.jobs.running import handle
from shared.jobs.schedule import SCHEDULE, Scheduled
from shared.jobs.subscriptions import SUBSCRIPTIONS
from shared.jobs.worker import run_worker
from shared.outbox.actions import record_fact

pytestmark = pytest.mark.usefixtures("database")


def note(session, fact):
    """A handler whose effect can be counted: one audit entry per run."""
    audit.record(session, SYSTEM, "noted", "fact", fact.subject_id, amount=fact.payload["amount_minor"])


def also(session, fact):
    audit.record(session, SYSTEM, "noted_too", "fact", fact.subject_id)


broken = threading.Event()


def stubborn(session, fact):
    """A handler that fails while it is broken, after having written something."""
    note(session, fact)
    if broken.is_set():
        raise RuntimeError("the printer is on fire")


def tell(*names):
    subjects = []
    with writing(SYSTEM) as session:
        for name in names:
            subjects.append(new_id())
            record_fact(session, name, subjects[-1], amount_minor=1200)
    return subjects


def value(statement, **params):
    with reading(SYSTEM) as session:
        return session.scalar(text(statement), params)


def noted(verb="noted"):
    return value("SELECT count(*) FROM audit_entry WHERE verb = :verb", verb=verb)


def run_queue(subscriptions=SUBSCRIPTIONS, schedule=()):
    """Run what is due in the queue, once, as a worker does."""

    async def work():
        app = make_app(subscriptions, schedule)
        async with app.open_async():
            await app.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")

    asyncio.run(work())


def hurry():
    """Retries that wait for later are due now."""
    with writing(SYSTEM) as session:
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'"))


def until(holds: Callable[[], bool], seconds=20.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def test_each_handler_of_a_fact_runs_once_and_leaves_a_receipt():
    subscriptions = {"tested": (note, also), "unheard": ()}
    tell("tested", "unheard", "tested")
    assert relay_all(subscriptions) == 3
    assert relay_all(subscriptions) == 0
    assert value("SELECT count(*) FROM procrastinate_jobs") == 4
    run_queue(subscriptions)
    assert (noted(), noted("noted_too")) == (2, 2)
    assert value("SELECT count(*) FROM fact_receipt") == 4
    assert value("SELECT count(*) FROM procrastinate_jobs") == 0
    fact_id = value("SELECT min(id) FROM fact")
    assert handle(fact_id, note) is False and noted() == 2


def test_jobs_enter_the_queue_in_the_order_of_their_facts():
    tell(*["tested"] * 50)
    relay_all({"tested": (note, also)})
    with reading(SYSTEM) as session:
        rows = session.execute(
            text("SELECT (args->>'fact_id')::int, args->>'handler' FROM procrastinate_jobs ORDER BY id")
        ).all()
    assert [fact for fact, _ in rows] == sorted(fact for fact, _ in rows) and len(rows) == 100
    assert rows[0][1].endswith(".note") and rows[1][1].endswith(".also")


def test_a_relay_that_does_not_commit_has_moved_nothing():
    tell("tested")
    with pytest.raises(RuntimeError), writing(SYSTEM) as session:
        assert relay(session, {"tested": (note,)}) == 1
        raise RuntimeError
    assert value("SELECT count(*) FROM procrastinate_jobs") == 0
    assert value("SELECT count(*) FROM fact WHERE relayed_at IS NULL") == 1


def test_a_handler_that_keeps_failing_is_retried_then_waits_for_a_person():
    broken.set()
    subscriptions = {"tested": (stubborn,)}
    (subject,) = tell("tested")
    relay_all(subscriptions)
    for tries in range(1, TRIES + 1):
        with reading(SYSTEM) as session:
            assert failed_jobs(session, SYSTEM) == []
        hurry()
        run_queue(subscriptions)
        assert value("SELECT attempts FROM procrastinate_jobs") == tries
    assert noted() == 0, "what a failing handler wrote is rolled back"
    with reading(SYSTEM) as session:
        (job,) = failed_jobs(session, SYSTEM)
        assert backlog(session, SYSTEM).jobs_failed == 1
    assert (job.fact, job.subject_id, job.attempts) == ("tested", subject, TRIES)
    assert (
        job.work.endswith(".stubborn") and "the printer is on fire (tests/slices/test_jobs.py:" in job.error
    )

    with pytest.raises(NotAllowed), writing(SYSTEM) as session:
        replay(session, staff(new_id(), "Sam", "collector"), job.id)
    for left in (1, 0):
        if left == 0:
            broken.clear()
        with writing(SYSTEM) as session:
            replay(session, SYSTEM, job.id)
        run_queue(subscriptions)
        with reading(SYSTEM) as session:
            assert len(failed_jobs(session, SYSTEM)) == left
    assert noted() == 1 and noted("job_replayed") == 2
    with pytest.raises(Conflict), writing(SYSTEM) as session:
        replay(session, SYSTEM, job.id)


def test_a_job_whose_handler_is_gone_is_shown_and_not_lost():
    tell("tested")
    relay_all({"tested": (note,)})
    for _ in range(TRIES):
        hurry()
        run_queue({})
    with reading(SYSTEM) as session:
        (job,) = failed_jobs(session, SYSTEM)
    assert "No handler is called" in job.error


def test_the_error_kept_for_operations_holds_no_values_of_a_statement():
    def leaking(session, fact):
        session.execute(text("SELECT CAST(:secret AS text), 1 / 0"), {"secret": "hush"})

    subscriptions = {"tested": (leaking,)}
    tell("tested")
    relay_all(subscriptions)
    run_queue(subscriptions)
    error = value("SELECT error FROM job_failure")
    assert "division by zero" in error and "hush" not in error


def test_a_dead_workers_job_goes_back_and_one_that_kills_every_worker_is_given_up():
    tell("tested")
    relay_all({"tested": (note,)})
    assert rescue() == 0
    for _ in range(TRIES - 1):
        with writing(SYSTEM) as session:
            dead = session.scalar(
                text(
                    "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
                )
            )
            session.execute(text("SELECT procrastinate_fetch_job_v2(NULL, :worker)"), {"worker": dead})
        assert rescue() == 1
    with writing(SYSTEM) as session:
        session.execute(text("SELECT procrastinate_fetch_job_v2(NULL, NULL)"))
    assert rescue() == 0
    with reading(SYSTEM) as session:
        (job,) = failed_jobs(session, SYSTEM)
    assert "worker died" in job.error


def test_a_running_workers_job_is_left_alone():
    tell("tested")
    relay_all({"tested": (note,)})
    with writing(SYSTEM) as session:
        living = session.scalar(text("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id"))
        session.execute(text("SELECT procrastinate_fetch_job_v2(NULL, :worker)"), {"worker": living})
    assert rescue() == 0
    assert value("SELECT status::text FROM procrastinate_jobs") == "doing"


def test_a_worker_hears_of_a_fact_at_once_runs_the_schedule_and_stops_in_order():
    ran = threading.Event()
    stop = threading.Event()
    schedule = (Scheduled("each_second", "* * * * * *", ran.set),)
    worker = threading.Thread(target=run_worker, args=(stop, {"tested": (note,)}, schedule))
    worker.start()
    try:
        until(lambda: value("SELECT count(*) FROM procrastinate_workers") == 1)
        tell("tested")
        began = time.monotonic()
        until(lambda: noted() == 1)
        assert time.monotonic() - began < 5
        assert ran.wait(10)
        with reading(SYSTEM) as session:
            found = backlog(session, SYSTEM)
        assert (found.facts_waiting, found.workers, found.jobs_failed) == (0, 1, 0)
    finally:
        stop.set()
        worker.join(20)
    assert not worker.is_alive()
    assert value("SELECT count(*) FROM procrastinate_workers") == 0


def test_backlog_counts_what_waits():
    tell("tested", "tested")
    with reading(SYSTEM) as session:
        found = backlog(session, SYSTEM)
    assert found.facts_waiting == 2 and found.oldest_fact_at is not None
    assert (found.jobs_waiting, found.messages_waiting, found.workers) == (0, 0, 0)
    with pytest.raises(NotAllowed), reading(SYSTEM) as session:
        backlog(session, staff(new_id(), "Sam", "sales"))


def test_checks_hold_on_empty_books_and_a_broken_promise_waits_in_operations(monkeypatch, database):
    assert [each["ok"] for each in run_checks()] == [True] * len(CHECKS)
    tell()
    with writing(SYSTEM) as session:
        audit.record(session, SYSTEM, "tested", "thing", 1)
    with psycopg.connect(
        database.set(drivername="postgresql").render_as_string(hide_password=False)
    ) as owner:
        owner.execute("UPDATE audit_entry SET detail = '{\"forged\": 1}'")
    (broken,) = [each for each in run_checks() if not each["ok"]]
    assert broken["name"] == "audit_chain" and "position 1" in broken["detail"]
    with pytest.raises(PromiseBroken, match="audit_chain"):
        checks.nightly()


def test_a_check_that_cannot_be_run_fails_and_the_others_still_run():
    def impossible(session):
        return session.scalar(text("SELECT 1 / 0"))

    first, second = run_checks((("impossible", impossible), ("fine", lambda session: None)))
    assert not first["ok"] and "could not be run" in first["detail"] and second["ok"]


def test_what_expired_is_cleared_and_what_lives_is_kept():
    now = clock.now()
    with writing(SYSTEM) as session:
        for name, age in (("old", 31), ("ended", 1), ("living", -1)):
            session.execute(
                text(
                    "INSERT INTO web_session (secret_hash, audience, user_id, step, created_at, last_seen_at, expires_at)"
                    " VALUES (:name, 'portal', :user, 'complete', :at, :at, :at)"
                ),
                {"name": name, "user": new_id(), "at": now - timedelta(days=age)},
            )
            session.execute(
                text("INSERT INTO rate_window VALUES (:name, 1, :at)"),
                {"name": name, "at": now - timedelta(days=age)},
            )
    clear_expired()
    assert (
        value("SELECT string_agg(secret_hash, ' ' ORDER BY secret_hash) FROM web_session") == "ended living"
    )
    assert value("SELECT string_agg(key, ' ') FROM rate_window") == "living"


def test_the_tables_name_each_thing_once():
    names = [each.name for each in SCHEDULE]
    assert len(set(names)) == len(names)
    assert len({name for name, _ in CHECKS}) == len(CHECKS)
    for fact, handlers in SUBSCRIPTIONS.items():
        assert len(set(handlers)) == len(handlers), fact


def test_logs_are_one_json_object_per_line_without_secrets(capfd):
    import json
    import logging

    import structlog

    before = structlog.get_config()
    handlers = logging.getLogger().handlers[:]
    try:
        logs.configure()
        with structlog.contextvars.bound_contextvars(job_id=7):
            structlog.get_logger("t").info("happened", token="t0k", url="smtp://me:hush@mail")
        logging.getLogger("library").warning("with %s", "arguments")
    finally:
        structlog.configure(**before)
        logging.getLogger().handlers[:] = handlers
    first, second = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert (first["event"], first["job_id"], first["token"]) == ("happened", 7, "[hidden]")
    assert "hush" not in first["url"] and first["level"] == "info" and first["at"]
    assert second["event"] == "with arguments" and second["level"] == "warning"
