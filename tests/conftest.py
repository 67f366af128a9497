"""A real PostgreSQL for the tests: one cluster, a migrated template, a database of its own per test worker.

Code under test opens and commits its own transactions (`db.reading`, `db.writing`), so a test that wrote starts
the next one on emptied tables; TRUNCATE costs a few milliseconds on a server that does not wait for its disk.
`QUITTANCE_TEST_DATABASE_URL` runs the same tests on another server (its superuser is needed).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy.engine import URL, make_url

os.environ["QUITTANCE_ENV"] = "test"
os.environ.setdefault("QUITTANCE_DATA", tempfile.mkdtemp(prefix="quittance-test-data-"))

from shared import db, schema
from shared.config import settings
from shared.embedded_postgres import EmbeddedPostgres

DEEP = bool(os.environ.get("QUITTANCE_DEEP"))
SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"

hypothesis_settings.register_profile(
    "quick", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
hypothesis_settings.register_profile(
    "deep", parent=hypothesis_settings.get_profile("quick"), max_examples=2000
)
hypothesis_settings.load_profile("deep" if DEEP else "quick")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or os.environ.get("QUITTANCE_TEST_DATABASE_URL"):
        return  # a worker of xdist: the controller owns the cluster
    folder = Path(tempfile.mkdtemp(prefix="quittance-test-", dir="/tmp"))
    folder.chmod(0o755)
    binaries = os.environ.get("QUITTANCE_TEST_POSTGRES")  # the bin folder of another PostgreSQL
    chosen = Path(binaries) if binaries else None
    server = EmbeddedPostgres(folder / "postgres", durable=False, binaries=chosen).start()
    config.stash[_CLUSTER] = (server, folder)
    os.environ["QUITTANCE_TEST_DATABASE_URL"] = server.url("postgres").render_as_string()


def pytest_unconfigure(config: pytest.Config) -> None:
    if cluster := config.stash.get(_CLUSTER, None):
        server, folder = cluster
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not DEEP:
        for item in items:
            if item.get_closest_marker("deep"):
                item.add_marker(pytest.mark.skip(reason="long: ./dev test --deep"))


_CLUSTER: pytest.StashKey[tuple[EmbeddedPostgres, Path]] = pytest.StashKey()


@pytest.fixture(scope="session")
def database_url() -> Iterator[URL]:
    """A migrated database for this test worker, and the settings that lead to it."""
    server = make_url(os.environ["QUITTANCE_TEST_DATABASE_URL"])
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"quittance_test_{worker}"
    with psycopg.connect(_plain(server), autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(7)")
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = 'quittance_template'").fetchone():
            admin.execute("CREATE DATABASE quittance_template")
            schema.migrate(server.set(database="quittance_template"))
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE quittance_template STRATEGY wal_log")
        admin.execute("SELECT pg_advisory_unlock(7)")
    url = server.set(database=name)
    os.environ["DATABASE_URL"] = url.render_as_string(hide_password=False)
    for role, variable in ((db.PORTAL_ROLE, "PORTAL"), (db.BACKOFFICE_ROLE, "BACKOFFICE")):
        if server.password is None:  # the embedded server: the roles log in themselves
            own = url.set(username=role).render_as_string(hide_password=False)
            os.environ[f"DATABASE_URL_{variable}"] = own
    settings.cache_clear()
    yield url
    db.close()


@pytest.fixture
def database(database_url: URL) -> URL:
    """The worker's database with empty tables."""
    empty(database_url)
    return database_url


def empty(url: URL) -> None:
    """Empty all tables; a few milliseconds."""
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        tables = connection.execute(
            "SELECT string_agg(format('%I', tablename), ', ') FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchone()
        assert tables
        connection.execute(f"TRUNCATE {tables[0]} RESTART IDENTITY CASCADE")


def _plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
