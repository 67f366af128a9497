"""The queue's application: what a worker can run."""

from __future__ import annotations

from collections.abc import Sequence

from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy

from shared import db
from shared.errors import DomainError
from shared.jobs.relay import FACTS_QUEUE, HANDLE_FACT
from shared.jobs.running import failures_kept, handle
from shared.jobs.schedule import SCHEDULE, Scheduled
from shared.jobs.subscriptions import SUBSCRIPTIONS, Subscriptions, by_name

# Tries at 0 s, 3 s, 9 s, 27 s, 81 s, 4 min: what is still broken then needs a person, not patience.
TRIES = 6
_RETRY = RetryStrategy(max_attempts=TRIES - 1, exponential_wait=3)


class UnknownHandler(DomainError):
    code = "unknown_handler"
    sentence = (
        "No handler is called %(name)s any more; a newer version of the software renamed or removed it."
    )


def make_app(subscriptions: Subscriptions = SUBSCRIPTIONS, schedule: Sequence[Scheduled] = SCHEDULE) -> App:
    """An application over connections of its own; opened by the worker."""
    app = App(connector=PsycopgConnector(conninfo=db.conninfo(db.BACKOFFICE_ROLE), min_size=1, max_size=6))
    handlers = by_name(subscriptions)

    @app.task(name=HANDLE_FACT, queue=FACTS_QUEUE, retry=_RETRY, pass_context=True)
    def handle_fact(context: JobContext, fact_id: int, handler: str) -> None:
        with failures_kept(_id(context)):
            if handler not in handlers:
                raise UnknownHandler(name=handler)
            handle(fact_id, handlers[handler])

    for each in schedule:
        _add_scheduled(app, each)
    return app


def _add_scheduled(app: App, each: Scheduled) -> None:
    @app.periodic(cron=each.cron)
    @app.task(name=each.name, queue="schedule", lock=each.name, queueing_lock=each.name, pass_context=True)
    def scheduled(context: JobContext, timestamp: int) -> None:
        with failures_kept(_id(context)):
            each.run()


def _id(context: JobContext) -> int:
    assert context.job.id is not None  # it came out of the queue
    return context.job.id
