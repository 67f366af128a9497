"""From the outbox to the queue: each fact becomes one job per handler that subscribed to it."""

from __future__ import annotations

from functools import cache

from procrastinate import App, SyncPsycopgConnector
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.db import driver, writing
from shared.jobs.subscriptions import SUBSCRIPTIONS, Subscriptions, name_of

HANDLE_FACT = "handle_fact"
FACTS_QUEUE = "facts"
# A batch is one transaction: small enough to be short, large enough to keep ahead of any import.
_BATCH = 1000

# One relay at a time, so that jobs enter the queue in the order of their facts.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('quittance_relay', 0))")
# Marked one by one, not by a high-water mark: a slow transaction's fact appears behind those of faster ones.
_TAKE = text("""
    UPDATE fact SET relayed_at = :now
    WHERE id IN (SELECT id FROM fact WHERE relayed_at IS NULL ORDER BY id LIMIT :batch)
    RETURNING id, name""")


def relay(session: Session, subscriptions: Subscriptions = SUBSCRIPTIONS) -> int:
    """Move the next facts into the queue, in the transaction that marks them moved; answers how many there were.

    Two statements for up to 1,000 facts.
    """
    session.execute(_ALONE)
    facts = sorted(tuple(row) for row in session.execute(_TAKE, {"now": clock.now(), "batch": _BATCH}))
    jobs = [
        {"fact_id": fact_id, "handler": name_of(handler)}
        for fact_id, name in facts
        for handler in subscriptions.get(name, ())
    ]
    if jobs:
        queue = _queue().configure_task(HANDLE_FACT, queue=FACTS_QUEUE, connection=driver(session))
        queue.batch_defer(*jobs)
    return len(facts)


def relay_all(subscriptions: Subscriptions = SUBSCRIPTIONS) -> int:
    """Move all facts that wait, batch by batch."""
    moved = 0
    while True:
        with writing(SYSTEM) as session:
            batch = relay(session, subscriptions)
        moved += batch
        if batch < _BATCH:
            return moved


@cache
def _queue() -> App:
    """Puts jobs into the caller's transaction only, so it needs no connection of its own and stays closed."""
    return App(connector=SyncPsycopgConnector())
