"""Kill an import of invoices at any moment: nothing is left of it, and the next one completes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL

from shared import db
from shared.actor import SYSTEM
from shared.customers.naming import add_named
from tests.make.books import Books
from tests.make.files import invoices_csv

_ROWS = 6000
_IMPORT = """
import sys
from shared import db
from shared.actor import SYSTEM
from shared.importing.invoices import import_invoices

def progress(rows):
    print(rows, flush=True)

with db.writing(SYSTEM) as session, open(sys.argv[1], "rb") as source:
    import_invoices(session, SYSTEM, source, "invoices.csv", progress=progress)
    print("read", flush=True)
print("committed", flush=True)
"""
_COUNTS = """
    SELECT (SELECT count(*) FROM open_item), (SELECT count(*) FROM invoice), (SELECT count(*) FROM fact),
           (SELECT count(*) > 0 FROM journal_line), (SELECT count(*) > 0 FROM audit_entry WHERE verb LIKE 'import%')"""
_NOTHING, _ALL = (0, 0, 0, False, False), (_ROWS, _ROWS, 1, True, True)


def start(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _IMPORT, str(file)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("moment", ["2000", "6000", "read", "later"])
def test_a_killed_import_leaves_nothing_and_the_next_completes(database: URL, tmp_path: Path, moment: str):
    Books()
    with db.writing(SYSTEM) as session:
        add_named(session, [(f"C{i:05d}", f"Client {i}") for i in range(2000)])
    file = tmp_path / "invoices.csv"
    file.write_bytes(invoices_csv(_ROWS))
    with start(file) as process:
        assert process.stdout
        for line in process.stdout:
            if line.strip() == ("6000" if moment == "later" else moment):
                break
        if moment == "later":
            time.sleep(random.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
    address = database.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as owner:
        # The server notices the lost client when it next writes to it or ends the statement it is in.
        for _ in range(200):
            if not owner.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
                " AND pid <> pg_backend_pid()"
            ).fetchone()[0]:
                break
            time.sleep(0.05)
        left = owner.execute(_COUNTS).fetchone()
        assert left in (_NOTHING, _ALL), "part of an import is in the books"
        if moment in ("2000", "6000"):
            assert left == _NOTHING
        with start(file) as process:
            assert process.communicate(timeout=60)[0].strip().endswith("committed")
        assert owner.execute(_COUNTS).fetchone() == _ALL
