"""Webhooks: how many a second are verified and stored, against a bare view that inserts one row; and a burst drained."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
from sqlalchemy import insert, text

from shared import clock, db
from shared.actor import SYSTEM
from shared.bench.measuring import Measured
from shared.bench.serving import served
from shared.creditors.actions import add_creditor
from shared.customers.models import Customer
from shared.errors import DomainError
from shared.ids import new_id
from shared.rails.accounts import Keys, add_account
from shared.rails.inbox import read_waiting
from shared.rails.models import Payment

_BURST, _PAYMENTS = 10_000, 500
_CLIENTS, _ROUNDS = 8, 4
_SECRET = "whsec_bench"  # noqa: S105 - of a database that is dropped when the bench ends
# At least half of the bare view's rate; and twice the events in at most this times twice the time.
_RATE_ALLOWED, _LINEAR_ALLOWED = 2.0, 1.3

Send = Callable[[http.client.HTTPConnection, int], None]


@dataclass(frozen=True, slots=True)
class _Portal:
    """Signed events about payments that exist; `first` is the number of the first."""

    account_id: UUID
    payments: list[UUID]

    def send(self, connection: http.client.HTTPConnection, number: int) -> None:
        body = _event(number, self.payments[number % len(self.payments)])
        signed = f"{int(clock.now().timestamp())}."
        proof = hmac.new(_SECRET.encode(), signed.encode() + body, hashlib.sha256).hexdigest()
        header = f"t={signed[:-1]},v1={proof}"
        _post(connection, f"/webhooks/stripe/{self.account_id}", body, {"Stripe-Signature": header})


def run(scale: float = 1.0) -> Iterator[Measured]:
    """Accept by turns with the bare view, then drain half and the whole of a burst."""
    n = max(400, round(_BURST * scale))
    portal = _Portal(*_fill())
    _bare_table()
    bare, ours = [], []
    with served("shared.bench.bare_webhook:app") as bare_port, served("portal.wsgi:app") as port:
        _burst(bare_port, _send_bare, range(100))
        _burst(port, portal.send, range(1_000_000, 1_000_100))
        for turn in range(_ROUNDS):
            numbers = range(turn * n // _ROUNDS, (turn + 1) * n // _ROUNDS)
            bare.append(_burst(bare_port, _send_bare, numbers))
            ours.append(_burst(port, portal.send, numbers))
    # Seconds per request: the ratio is the bare view's rate over ours.
    value, least = sum(ours) / n, sum(bare) / n
    yield Measured("webhooks-accept", n, value * 1000, "ms/request", least * 1000,
                   "a bare Flask view that inserts one row", _RATE_ALLOWED)  # fmt: skip
    yield _drained(n + 100)
    yield _linear(n)


def _drained(sent: int) -> Measured:
    """Everything that was answered 200 is there, is read, and leads to its payment: the value is what is missing."""
    with db.reading(SYSTEM) as session:
        stored = session.scalar(text("SELECT count(*) FROM provider_event")) or 0
    read = read_waiting()
    with db.reading(SYSTEM) as session:
        due = session.scalar(text("SELECT count(*) FROM payment WHERE sync_due_at IS NOT NULL")) or 0
    if (stored, read, due) != (sent, sent, _PAYMENTS):
        raise DomainError(
            "Events were lost: %(sent)s sent, %(stored)s stored, %(read)s read.",
            sent=sent,
            stored=stored,
            read=read,
        )
    return Measured("webhooks-read", sent, read, "events", sent, "events sent")


def _linear(n: int) -> Measured:
    """The time to read a burst, against twice the time for half of it."""
    _store_again(n // 2)
    started = time.perf_counter()
    read_waiting()
    half = time.perf_counter() - started
    _store_again(n)
    started = time.perf_counter()
    read_waiting()
    whole = time.perf_counter() - started
    return Measured(
        "webhooks-drain", n, whole, "s", 2 * half, "twice the time for half as many", _LINEAR_ALLOWED
    )


_COPY = text("""
    INSERT INTO provider_event (account_id, event_id, type, payload, received_at)
    SELECT account_id, event_id || '-' || :run, type, payload, received_at FROM provider_event
    ORDER BY id LIMIT :count""")


def _store_again(count: int) -> None:
    with db.writing(SYSTEM) as session:
        session.execute(_COPY, {"run": str(new_id()), "count": count})


def _fill() -> tuple[UUID, list[UUID]]:
    now = clock.now()
    with db.writing(SYSTEM) as session:
        creditor = add_creditor(session, SYSTEM, name="Bench")
        keys = Keys("sk_test_bench", _SECRET)
        account = add_account(session, SYSTEM, creditor, "stripe", mode="test", keys=keys)
        customer = Customer(id=new_id(), ref="C1", name="C", search_key="c", created_at=now, updated_at=now)
        session.add(customer)
        session.flush()
        ids = [new_id() for _ in range(_PAYMENTS)]
        common = {
            "account_id": account.id,
            "creditor_id": creditor.id,
            "customer_id": customer.id,
            "method": "card",
            "origin": "debtor",
            "currency": "EUR",
            "amount_minor": 1,
            "language": "fr",
            "started_by": "bench",
            "started_at": now,
            "changed_at": now,
        }
        session.execute(
            insert(Payment),
            [{**common, "id": i, "reference": f"PAY-{n}", "basket_hash": i.bytes} for n, i in enumerate(ids)],
        )
        return account.id, ids


def _bare_table() -> None:
    url = db.owner_url().set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "CREATE TABLE bench_webhook (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)"
        )
        owner.execute(f"GRANT INSERT ON bench_webhook TO {db.BACKOFFICE_ROLE}")


def _event(number: int, payment_id: UUID) -> bytes:
    about = {"id": f"pi_{number}", "object": "payment_intent", "metadata": {"payment_id": str(payment_id)}}
    return json.dumps(
        {"id": f"evt_{number}", "object": "event", "type": "payment_intent.succeeded", "created": 1,
         "api_version": "2026-10-28.endive", "livemode": False, "pending_webhooks": 1, "request": None,
         "data": {"object": about}}
    ).encode()  # fmt: skip


def _send_bare(connection: http.client.HTTPConnection, number: int) -> None:
    _post(connection, "/webhooks", _event(number, UUID(int=number)), {})


def _post(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> None:
    connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
    reply = connection.getresponse()
    reply.read()
    if reply.status != 200:
        raise OSError(f"{path} answered {reply.status}")


def _burst(port: int, send: Send, numbers: range) -> float:
    """Send them from eight connections at once; gives the seconds until the last answer."""
    failures: list[Exception] = []

    def client(part: range) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            for number in part:
                send(connection, number)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=client, args=(numbers[n::_CLIENTS],)) for n in range(_CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - started
    if failures:
        raise failures[0]
    return taken
