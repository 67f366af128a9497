"""The inbox: store a verified webhook and answer; later, a batch at a time, see what each event points at.

An event is only a reason to look: it makes its payment due for a fetch. A burst about one payment is one fetch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM, VISITOR
from shared.db import appending, reading, writing
from shared.errors import DomainError
from shared.outbox.actions import record_fact
from shared.rails.accounts import access, webhook_secrets
from shared.rails.adapters import adapter_of, webhooks_of
from shared.rails.providers.protocols import BadSignature, Busy, Rejected, TellsEvents, Unclear
from shared.rails.snapshot import EventRef

log = structlog.get_logger("rails")

_BATCH = 1000
# An event may overtake the answer to the very command it is about: then its ids are not known here yet.
_TRIES = 6
_WAIT = timedelta(seconds=10)

_STORE = (
    "INSERT INTO provider_event (account_id, event_id, type, payload, received_at)"
    " SELECT %s, id, type, payload, %s FROM unnest(%s::text[], %s::text[], %s::bytea[]) AS e (id, type, payload)"
    " ON CONFLICT DO NOTHING"
)
_TAKE = text("""
    SELECT e.id, e.account_id, e.type, e.payload, e.attempts, a.provider FROM provider_event e
    JOIN provider_account a ON a.id = e.account_id
    WHERE e.handled_at IS NULL AND e.due_at <= now() ORDER BY e.due_at, e.id LIMIT :batch
    FOR UPDATE OF e SKIP LOCKED""")
_FIND = {
    "payment": text("""
        SELECT DISTINCT ON (w.event) w.event, p.id FROM unnest(CAST(:events AS bigint[]), CAST(:accounts AS uuid[]),
            CAST(:refs AS text[]), CAST(:ids AS uuid[])) AS w (event, account_id, ref, id)
        LEFT JOIN payment_ref r ON (r.account_id, r.ref) = (w.account_id, w.ref)
        JOIN payment p ON p.id = coalesce(r.payment_id, w.id) AND p.account_id = w.account_id"""),
    "set_up": text("""
        SELECT DISTINCT ON (w.event) w.event, s.id FROM unnest(CAST(:events AS bigint[]), CAST(:accounts AS uuid[]),
            CAST(:refs AS text[]), CAST(:ids AS uuid[])) AS w (event, account_id, ref, id)
        JOIN set_up s ON s.account_id = w.account_id AND (s.provider_ref = w.ref OR s.id = w.id)"""),
    "mandate": text("""
        SELECT DISTINCT ON (w.event) w.event, m.id FROM unnest(CAST(:events AS bigint[]), CAST(:accounts AS uuid[]),
            CAST(:refs AS text[]), CAST(:ids AS uuid[])) AS w (event, account_id, ref, id)
        JOIN provider_account a ON a.id = w.account_id
        JOIN mandate m ON (m.provider, m.provider_ref) = (a.provider, w.ref) AND m.creditor_id = a.creditor_id"""),
}
_LOOK = {
    table: text(f"UPDATE {table} SET sync_due_at = :now WHERE id = ANY (:ids)")
    for table in ("payment", "set_up", "mandate")
}
# Money on a virtual IBAN is the payer's, not a payment's: all of his that wait for a transfer are looked at.
_LOOK_AT_PAYER = text("""
    UPDATE payment p SET sync_due_at = :now FROM provider_customer c
    WHERE c.account_id = :account AND c.ref = ANY (:refs) AND p.account_id = c.account_id
      AND p.customer_id = c.customer_id AND p.method = 'virtual_iban' AND p.status = 'awaiting_payer'""")
_HANDLED = text("UPDATE provider_event SET handled_at = :now, outcome = :outcome WHERE id = ANY (:ids)")
_AGAIN = text(
    "UPDATE provider_event SET attempts = attempts + 1, due_at = now() + :wait WHERE id = ANY (:ids)"
)


def accept(provider: str, account_id: UUID, headers: Mapping[str, str], raw: bytes) -> int:
    """Verify a webhook and store its events, each once; gives how many it held. BadSignature: nothing was stored."""
    reader = webhooks_of(provider)
    with appending(VISITOR) as connection:
        secrets = webhook_secrets(connection, provider, account_id)
        events = reader.read(headers, raw, secrets, clock.now())
        _store(connection, account_id, events)
    return len(events)


def _store(
    connection: psycopg.Connection[Any], account_id: UUID, events: Iterable[tuple[EventRef, bytes]]
) -> None:
    """Keep events raw, all of a webhook in one statement; one that is known is not kept again."""
    rows = [(event.event_id, event.type, payload) for event, payload in events]
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        connection.execute(_STORE, [account_id, clock.now(), *columns])


def read_waiting(stop: threading.Event | None = None) -> int:
    """See what the events that wait are about; gives how many were handled. A few statements per 1,000 events."""
    handled = 0
    while not (stop and stop.is_set()):
        with writing(SYSTEM) as session:
            batch = session.execute(_TAKE, {"batch": _BATCH}).all()
            handled += _read(session, batch)
        if len(batch) < _BATCH:
            break
    return handled


def fill_gaps() -> None:
    """Ask the providers which events they told since we last asked: a webhook that never came is in there."""
    with reading(SYSTEM) as session:
        found = session.execute(
            text(
                "SELECT id, events_until FROM provider_account WHERE active AND provider <> 'own_bank' ORDER BY id"
            )
        ).all()
    for row in found:
        now = clock.now()
        try:
            with reading(SYSTEM) as session:
                adapter = adapter_of(access(session, row.id))
            if not isinstance(adapter, TellsEvents):
                continue
            # An hour of overlap: providers list events a little later than they send them.
            events = list(adapter.events_since(row.events_until - timedelta(hours=1)))
        except (Unclear, Busy, Rejected, DomainError) as error:
            log.warning("events_not_told", account=str(row.id), error=str(error))
            continue  # asked again at the next turn, from the same point; the other accounts do not wait for it
        with writing(SYSTEM) as session:
            _look_at(session, row.id, events)
            session.execute(
                text("UPDATE provider_account SET events_until = :now WHERE id = :id"),
                {"now": now, "id": row.id},
            )


def _read(session: Session, batch: Iterable[Row[Any]]) -> int:
    known: dict[str, list[int]] = {}
    pending: dict[str, list[tuple[int, UUID, EventRef, int]]] = {}
    for row in batch:
        try:
            event = webhooks_of(row.provider).event(bytes(row.payload))
        except BadSignature:
            known.setdefault("unreadable", []).append(row.id)
            continue
        if event.about in _FIND:
            pending.setdefault(event.about, []).append((row.id, row.account_id, event, row.attempts))
        else:
            _about_other(session, row.account_id, event)
            known.setdefault(event.about, []).append(row.id)
    for about, events in pending.items():
        found = _find(session, about, events)
        session.execute(_LOOK[about], {"ids": list(set(found.values())), "now": clock.now()})
        known.setdefault(about, []).extend(found)
        missing = [(row_id, tries) for row_id, _, _, tries in events if row_id not in found]
        session.execute(_AGAIN, {"ids": [i for i, tries in missing if tries < _TRIES], "wait": _WAIT})
        known.setdefault("not_ours", []).extend(i for i, tries in missing if tries >= _TRIES)
    for outcome, ids in known.items():
        session.execute(_HANDLED, {"ids": ids, "outcome": outcome, "now": clock.now()})
    return sum(len(ids) for ids in known.values())


def _find(session: Session, about: str, events: Iterable[tuple[int, UUID, EventRef, int]]) -> dict[int, UUID]:
    """Which of our objects each event is about, by any id the provider gave it or by ours."""
    rows = [
        (row_id, account_id, ref, event.payment_id)
        for row_id, account_id, event, _ in events
        for ref in (event.refs or ("",))
    ]
    columns = dict(
        zip(("events", "accounts", "refs", "ids"), map(list, zip(*rows, strict=True)), strict=True)
    )
    return {row.event: row.id for row in session.execute(_FIND[about], columns)}


def _look_at(session: Session, account_id: UUID, events: Iterable[EventRef]) -> None:
    by_about: dict[str, list[tuple[int, UUID, EventRef, int]]] = {}
    for number, event in enumerate(events):
        if event.about in _FIND:
            by_about.setdefault(event.about, []).append((number, account_id, event, 0))
        else:
            _about_other(session, account_id, event)
    for about, found in by_about.items():
        ids = list(set(_find(session, about, found).values()))
        session.execute(_LOOK[about], {"ids": ids, "now": clock.now()})


def _about_other(session: Session, account_id: UUID, event: EventRef) -> None:
    """A payer's waiting transfers are looked at; payouts are looked at by who keeps them."""
    if event.about == "payer":
        look = {"account": account_id, "refs": list(event.refs), "now": clock.now()}
        session.execute(_LOOK_AT_PAYER, look)
    elif event.about == "payout":
        record_fact(session, "provider_payout_told", account_id, ref=event.refs[0], type=event.type)
