"""The worker: moves facts into the queue, runs jobs, sends mail. As many as one likes, on as many machines."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
import structlog
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import DBAPIError

from shared import db
from shared.jobs.app import make_app
from shared.jobs.relay import relay_all
from shared.jobs.rescue import rescue
from shared.jobs.schedule import SCHEDULE, Scheduled
from shared.jobs.subscriptions import SUBSCRIPTIONS, Subscriptions
from shared.notifications.sending import send_waiting
from shared.rails.working import work_waiting

log = structlog.get_logger("worker")

# Notifications wake us at once; this is for what they miss: retries that became due, a notification lost.
_TICK_SECONDS = 1.0
_RESCUE_SECONDS = 15.0
_AFTER_TROUBLE_SECONDS = 2.0
_CONCURRENCY = 4
# How long a stopping worker waits for jobs in hand before it reports them as still running.
_PATIENCE_SECONDS = 30.0


def run_worker(
    stop: threading.Event,
    subscriptions: Subscriptions = SUBSCRIPTIONS,
    schedule: Sequence[Scheduled] = SCHEDULE,
) -> None:
    """Work until `stop` is set; finish what is in hand, then return. A database that goes away is waited for."""
    beside = [
        threading.Thread(
            target=_whenever, args=("quittance_fact", lambda: relay_all(subscriptions), stop), name="relay"
        ),
        threading.Thread(
            target=_whenever, args=("quittance_message", lambda: send_waiting(stop), stop), name="mail"
        ),
        threading.Thread(
            target=_whenever, args=("quittance_rails", lambda: work_waiting(stop), stop), name="rails"
        ),
        threading.Thread(target=_every, args=(_RESCUE_SECONDS, rescue, stop), name="rescue"),
    ]
    log.info("worker_started")
    for thread in beside:
        thread.start()
    try:
        while not stop.is_set():
            try:
                asyncio.run(_run_jobs(make_app(subscriptions, schedule), stop))
            except (ConnectorException, psycopg.Error) as error:
                log.error("queue_unreachable", error=str(error))
            stop.wait(_AFTER_TROUBLE_SECONDS)
    finally:
        stop.set()
        for thread in beside:
            thread.join()
        log.info("worker_stopped")


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set; for the main thread of a worker's process."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


async def _run_jobs(app: App, stop: threading.Event) -> None:
    async with app.open_async():
        work = app.run_worker_async(
            concurrency=_CONCURRENCY,
            delete_jobs="successful",
            install_signal_handlers=False,
            shutdown_graceful_timeout=_PATIENCE_SECONDS,
        )
        worker = asyncio.create_task(work)
        while not stop.is_set() and not worker.done():  # it ends by itself when it loses the database
            await asyncio.sleep(0.1)
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


def _whenever(channel: str, step: Callable[[], object], stop: threading.Event) -> None:
    """Take the step when `channel` is notified and at every tick, until we are told to stop."""
    while not stop.is_set():
        try:
            with psycopg.connect(db.conninfo(db.BACKOFFICE_ROLE), autocommit=True) as listener:
                listener.execute(f"LISTEN {channel}")
                while not stop.is_set():
                    step()
                    for _ in listener.notifies(timeout=_TICK_SECONDS, stop_after=1):
                        pass
        except Exception as error:  # whatever it is, the next fact or message must still find us at work
            _trouble(error)
            stop.wait(_AFTER_TROUBLE_SECONDS)


def _every(seconds: float, step: Callable[[], object], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            step()
        except Exception as error:
            _trouble(error)
        stop.wait(seconds)


def _trouble(error: Exception) -> None:
    lost = isinstance(error, psycopg.OperationalError | DBAPIError)
    log.error("worker_in_trouble", error=str(error), exc_info=None if lost else error)
