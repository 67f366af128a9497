"""Kill an import at any moment: nothing is left of it, and the next one completes."""

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
from shared.creditors import actions as creditors
from shared.sandbox.camt_files import ACCOUNT, Camt053, Statement, believable

_ENTRIES = 3000
_IMPORT = """
import sys
from shared import db
from shared.actor import SYSTEM
from shared.bank_statements.importing import import_statement

def progress(entries):
    print(entries, flush=True)

with db.writing(SYSTEM) as session, open(sys.argv[1], "rb") as source:
    import_statement(session, SYSTEM, source, "bank.xml", progress=progress)
    print("read", flush=True)
print("committed", flush=True)
"""
_COUNTS = """
    SELECT (SELECT count(*) FROM bank_statement), (SELECT count(*) FROM bank_line),
           (SELECT count(*) FROM journal_entry), (SELECT count(*) FROM fact)"""


def start(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _IMPORT, str(file)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("moment", ["1000", "3000", "read", "later"])
def test_a_killed_import_leaves_nothing_and_the_next_completes(database: URL, tmp_path: Path, moment: str):
    with db.writing(SYSTEM) as session:
        creditor = creditors.add_creditor(session, SYSTEM, name="Ateliers")
        creditors.add_account(session, SYSTEM, creditor, ACCOUNT)
    file = tmp_path / "bank.xml"
    with file.open("wb") as out:
        Camt053().write(out, [Statement(list(believable(_ENTRIES)))])
    with start(file) as process:
        assert process.stdout
        for line in process.stdout:
            if line.strip() == ("3000" if moment == "later" else moment):
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
        assert left in ((0, 0, 0, 0), (1, _ENTRIES, 1, 1)), "part of an import is in the books"
        if moment in ("1000", "3000"):
            assert left == (0, 0, 0, 0)
        with start(file) as process:
            assert process.communicate(timeout=60)[0].strip().endswith("committed")
        assert owner.execute(_COUNTS).fetchone() == (1, _ENTRIES, 1, 1)
