"""The only doors to the database: `reading` and `writing`, and for single statements `appending`. Nothing else opens a
transaction or commits.

Who acts decides the database role: a debtor's person goes through `quittance_portal`, which sees only the rows
of their customers (row-level security); the creditor's people and the system go through `quittance_backoffice`.
Neither role may change or delete what the books hold. Migrations alone run as the owner.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import BigInteger, DateTime, Engine, create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, Session

from shared.actor import Actor
from shared.config import settings
from shared.embedded_postgres import EmbeddedPostgres
from shared.errors import ConfigurationError, Conflict, DomainError

PORTAL_ROLE = "quittance_portal"
BACKOFFICE_ROLE = "quittance_backoffice"

# What a constraint refuses, said to a person. Slices add theirs beside their models.
REFUSALS: dict[str, DomainError] = {}


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """Tables as typed dataclasses. Parameters are sent as the columns' types: an amount of 21,474,836.48 does not
    fit into the INTEGER that SQLAlchemy makes of `int`, and an instant keeps its time zone."""

    type_annotation_map = {int: BigInteger, datetime: DateTime(timezone=True)}


@contextmanager
def reading(actor: Actor, *, presenting: str = "") -> Iterator[Session]:
    """A READ ONLY transaction in the actor's scope; PostgreSQL itself refuses a write."""
    with Session(_engine(_role_of(actor)), expire_on_commit=False) as session:
        session.connection(execution_options={"postgresql_readonly": True})
        enter_scope(session, actor, presenting)
        yield session
        session.rollback()


@contextmanager
def writing(actor: Actor, *, presenting: str = "") -> Iterator[Session]:
    """One transaction, one verb: commits at the end of the block, or changes nothing at all."""
    with Session(_engine(_role_of(actor)), expire_on_commit=False) as session:
        try:
            enter_scope(session, actor, presenting)
            yield session
            session.flush()
            # Deferred promises (balance of entries, audit seals) are kept or refused here, not at COMMIT,
            # so that they are also seen inside the savepoints of tests.
            session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            session.commit()
        except (DBAPIError, psycopg.Error) as error:
            raise _refusal(error) from error


@contextmanager
def appending(actor: Actor) -> Iterator[psycopg.Connection[Any]]:
    """Statements that stand alone, each committed as it is carried out, in nobody's scope: for what is only kept as it
    came. Row-level security holds as ever; a promise that needs two statements belongs into `writing`."""
    with _engine(_role_of(actor), alone=True).connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        try:
            yield raw
        except psycopg.Error as error:
            if raw.broken:
                connection.invalidate()
            raise _refusal(error) from error


# Held by shares, not one by one: a transaction over a hundred thousand customers must not fill PostgreSQL's lock
# table. Two that share one wait for each other for the length of a verb.
_SHARES = 1024


def hold(session: Session, kind: str, ids: Iterable[UUID]) -> None:
    """Hold these for the rest of the transaction, always in the same order: others who hold them wait.

    Advisory locks, because neither role may lock rows it cannot change.
    """
    session.execute(
        text(
            "SELECT pg_advisory_xact_lock(hashtext(:kind), share) FROM (SELECT DISTINCT"
            " (hashtextextended(id::text, 0) & :last)::int AS share FROM unnest(CAST(:ids AS uuid[])) AS id"
            " ORDER BY share) held"
        ),
        {"kind": kind, "ids": list(set(ids)), "last": _SHARES - 1},
    )


def driver(session: Session) -> psycopg.Connection[Any]:
    """The psycopg connection under a session, for COPY and for enqueueing in the same transaction."""
    raw = session.connection().connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def enter_scope(session: Session, actor: Actor, presenting: str) -> None:
    """Tell row-level security who looks: it shows only the rows of these customers, this user, this secret.

    The doors call it; a sign-in calls it once more, when the stranger has become somebody.
    """
    session.execute(
        text(
            "SELECT set_config('app.customers', :customers, true), set_config('app.user', :user, true),"
            " set_config('app.presenting', :presenting, true)"
        ),
        {
            "customers": ",".join(map(str, actor.customers)),
            "user": str(actor.id or ""),
            "presenting": presenting,
        },
    )


def _role_of(actor: Actor) -> str:
    return PORTAL_ROLE if actor.kind in ("debtor", "visitor") else BACKOFFICE_ROLE


def _refusal(error: DBAPIError | psycopg.Error) -> Exception:
    """What the database refused, as the sentence its constraint stands for; else the error itself."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
        return Conflict()
    if isinstance(cause, psycopg.IntegrityError):
        return copy(REFUSALS.get(cause.diag.constraint_name or "", error))
    return error


# -- where the database is -----------------------------------------------------------------------------------

_embedded: EmbeddedPostgres | None = None


@contextmanager
def available() -> Iterator[None]:
    """Hold the database open for a process: the server of `DATABASE_URL`, else the embedded one."""
    global _embedded
    if _server_is_configured():
        yield
        return
    with EmbeddedPostgres(settings().data / "postgres") as server:
        _embedded = server
        try:
            _create_database(server)
            yield
        finally:
            close()
            _embedded = None


def hold_open() -> None:
    """`available` for the rest of the process: for a web server's worker, which has no block of its own."""
    held = ExitStack()
    held.enter_context(available())
    atexit.register(held.close)


def _server_is_configured() -> bool:
    found = settings()
    return bool(found.database_url or found.portal_database_url or found.backoffice_database_url)


def close() -> None:
    """Drop all connections, before the server stops or a process forks."""
    with _making:
        for engine in _engines.values():
            engine.dispose()
        _engines.clear()


def owner_url() -> URL:
    """The role that owns the tables: for migrations and maintenance only."""
    if configured := settings().database_url:
        return make_url(configured).set(drivername="postgresql+psycopg")
    if _embedded is None:
        raise ConfigurationError("The database is not open: commands open it with `db.available()`.")
    return _embedded.url()


def owner_is_known() -> bool:
    return bool(settings().database_url or _embedded)


def role_url(role: str) -> URL:
    """Where a role connects: its own login if one is configured, else the owner's, stepping down at once."""
    own = settings().portal_database_url if role == PORTAL_ROLE else settings().backoffice_database_url
    if own:
        return make_url(own).set(drivername="postgresql+psycopg")
    if settings().production and role == PORTAL_ROLE:
        # Stepping down leaves a way back up, to whoever could make the portal run SQL of theirs.
        raise ConfigurationError(
            "Production needs DATABASE_URL_PORTAL: a login of the role quittance_portal."
        )
    if settings().database_url:
        return owner_url().update_query_dict({"options": f"-c role={role}"})
    return owner_url().set(username=role)


def conninfo(role: str) -> str:
    """The same for libpq, for the few who need a connection of their own: the queue, and who listens."""
    url = role_url(role)
    _, arguments = url.get_dialect()().create_connect_args(url)
    return psycopg.conninfo.make_conninfo(**arguments)


_engines: dict[tuple[str, bool], Engine] = {}
_making = Lock()


def _engine(role: str, *, alone: bool = False) -> Engine:
    """The connections of a role; those that commit each statement are apart."""
    with _making:
        if (role, alone) not in _engines:
            engine = create_engine(
                role_url(role),
                pool_size=10,
                max_overflow=10,
                pool_pre_ping=True,
                hide_parameters=True,  # a failed statement is logged; what it carried may be a secret
                connect_args={"prepare_threshold": 3},
            )
            _engines[role, alone] = (
                engine.execution_options(isolation_level="AUTOCOMMIT") if alone else engine
            )
        return _engines[role, alone]


def _create_database(server: EmbeddedPostgres) -> None:
    with psycopg.connect(
        server.url("postgres").set(drivername="postgresql").render_as_string(), autocommit=True
    ) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'quittance'").fetchone()
        if not found:
            # Another process of this installation may be faster.
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute("CREATE DATABASE quittance")
