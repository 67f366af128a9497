"""A ledger of a million open items, one customer of which holds five thousand; and the pages and reports over it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
from sqlalchemy import text

from shared import actor as actors
from shared import clock, db
from shared.actor import SYSTEM
from shared.bench.measuring import Measured, alternating
from shared.bench.serving import served
from shared.creditors.actions import add_account, add_creditor
from shared.identity import sessions
from shared.ids import new_id
from shared.ledger.bulk import book_documents
from shared.reporting import aged

_ITEMS, _LARGEST, _PER_CUSTOMER = 1_000_000, 5_000, 50
_REQUESTS = 300
_WARM_UP = 30
_PAGE_ALLOWED, _AGED_ALLOWED = 5.0, 2.0
_IBAN = "FR7610107375867753219372266"

_STAGED_ITEMS = text("""
    CREATE TEMP TABLE staged_item (
        id uuid, creditor_id uuid, customer_id uuid, kind text, number text, number_key text, currency char(3),
        amount_minor bigint, vat_minor bigint, issued_on date, due_on date, payee_account_id uuid
    ) ON COMMIT DROP""")

# What nobody can go below: one aggregate over the open items, as one would write it by hand.
_BY_HAND = text("""
    SELECT c.ref, c.name, sum(open_minor) FILTER (WHERE amount_minor > 0 AND due_on >= :day) AS not_due,
           sum(open_minor) FILTER (WHERE amount_minor > 0 AND due_on < :day AND due_on >= :day - 30) AS d1_30,
           sum(open_minor) FILTER (WHERE amount_minor > 0 AND due_on < :day - 30 AND due_on >= :day - 60) AS d31_60,
           sum(open_minor) FILTER (WHERE amount_minor > 0 AND due_on < :day - 60 AND due_on >= :day - 90) AS d61_90,
           sum(open_minor) FILTER (WHERE amount_minor > 0 AND due_on < :day - 90) AS d90_plus,
           sum(open_minor) FILTER (WHERE amount_minor < 0) AS unapplied
    FROM open_item i JOIN customer c ON c.id = i.customer_id
    WHERE i.currency = 'EUR' AND i.open_minor <> 0 GROUP BY c.ref, c.name ORDER BY c.ref""")


def run_aged(scale: float = 1.0) -> Iterator[Measured]:
    """The aged balance over all of them, against one hand-written aggregate."""
    n = max(_LARGEST, round(_ITEMS * scale))
    _fill(n)
    day = clock.today()

    def product() -> None:
        with db.reading(SYSTEM) as session:
            aged.report(session, SYSTEM, as_of=day)

    def limit() -> None:
        with db.reading(SYSTEM) as session:
            session.execute(_BY_HAND, {"day": day}).all()

    value, least = alternating(5, product, limit)
    yield Measured("aged", n, value, "s", least, "one hand-written SQL aggregate", _AGED_ALLOWED)


def run_portal(scale: float = 1.0) -> Iterator[Measured]:
    """The portal's invoice list of the largest customer, against the same page of a customer without any."""
    n = max(_LARGEST, round(_ITEMS * scale))
    largest, empty = _fill(n)
    cookies = [_cookie(customer) for customer in (largest, empty)]
    with served("portal.wsgi:app") as port:
        full, bare = _p99(port, cookies)
    yield Measured(
        "portal-list p99", n, full, "ms", bare, "p99 of an empty authenticated page", _PAGE_ALLOWED
    )


def _fill(n: int) -> tuple[UUID, UUID]:
    """The ledger, through the set-based path; gives the largest customer and one without items."""
    customers = [new_id() for _ in range(n // _PER_CUSTOMER + 2)]
    with db.writing(SYSTEM) as session:
        creditor = add_creditor(session, SYSTEM, name="Bench")
        add_account(session, SYSTEM, creditor, _IBAN)
        session.execute(
            text(
                "INSERT INTO customer (id, ref, name, search_key, created_at, updated_at)"
                " SELECT id, 'C' || n, 'Customer ' || n, 'customer ' || n, now(), now()"
                " FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS c (id, n)"
            ),
            {"ids": customers},
        )
        session.execute(_STAGED_ITEMS)
        today = clock.today()
        with (
            db.driver(session).cursor() as cursor,
            cursor.copy(
                "COPY staged_item (id, creditor_id, customer_id, kind, number, number_key, currency, amount_minor,"
                " vat_minor, issued_on, due_on) FROM STDIN"
            ) as copy,
        ):
            for number in range(n):
                customer = customers[0] if number < _LARGEST else customers[2 + number % (len(customers) - 2)]
                issued = today - timedelta(days=number % 540)
                minor, key = 10_000 + number % 90_000, f"FA{number:08}"
                row = (new_id(), creditor.id, customer, "invoice", key, key, "EUR", minor, minor // 6, issued)
                copy.write_row((*row, issued + timedelta(days=30)))
        book_documents(session, event="invoice", label="Bench")
        session.execute(
            text(
                "INSERT INTO invoice (id, customer_id, type_code, source_format)"
                " SELECT id, customer_id, '380', 'bench' FROM open_item"
            )
        )
    _analyse()
    return customers[0], customers[1]


def _analyse() -> None:
    """Statistics, as autovacuum would have gathered them within the minute."""
    url = db.owner_url().set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")


def _cookie(customer: UUID) -> str:
    """A signed-in person of the customer's."""
    user = new_id()
    with db.writing(SYSTEM) as session:
        session.execute(
            text(
                "INSERT INTO debtor_user (id, email, name, created_at) VALUES (:user, :email, 'Bench', now())"
            ),
            {"user": user, "email": f"{user}@bench.example"},
        )
        session.execute(
            text("INSERT INTO debtor_access VALUES (:user, :customer, now())"),
            {"user": user, "customer": customer},
        )
    person = actors.debtor(user, "Bench", (customer,))
    with db.writing(person) as session:
        return sessions.begin(session, person)


def _p99(port: int, cookies: list[str]) -> list[float]:
    """Milliseconds; the pages take turns, so that a busy moment of the machine hits both."""
    taken: list[list[float]] = [[] for _ in cookies]
    for turn in range(_WARM_UP + _REQUESTS):
        for cookie, times in zip(cookies, taken, strict=True):
            started = time.perf_counter()
            _get(port, "/invoices", cookie)
            if turn >= _WARM_UP:
                times.append((time.perf_counter() - started) * 1000)
            time.sleep(0.02)  # stay below what one person may ask in a minute
    return [sorted(times)[int(len(times) * 0.99)] for times in taken]


def _get(port: int, path: str, cookie: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Cookie": f"portal-session={cookie}", "Accept-Language": "fr"})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    if reply.status != 200:
        raise OSError(f"{path} answered {reply.status}")
