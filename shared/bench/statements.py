"""Importing a bank statement, against what nobody can go below: walk the file's elements, COPY the rows.

The limit does nothing else with the file: `lxml.iterparse` over all elements, each entry cleared, then one COPY of
the very rows the import makes into a table without any index or constraint, committed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from lxml import etree

from shared import db
from shared.actor import SYSTEM
from shared.bank_statements.importing import import_statement
from shared.bench.measuring import Measured, alternating, peak_megabytes
from shared.creditors import actions as creditors
from shared.sandbox.camt_files import ACCOUNT, Camt053, Statement, believable

_ENTRIES = 100_000
_ROUNDS = 3
_ALLOWED_RATIO = 3.0
_ALLOWED_MEGABYTES = 150.0
_BLOCK = 1 << 18


def run(scale: float = 1.0) -> Iterator[Measured]:
    n = max(100, round(_ENTRIES * scale))
    with db.writing(SYSTEM) as session:
        creditor = creditors.add_creditor(session, SYSTEM, name="Bench")
        creditors.add_account(session, SYSTEM, creditor, ACCOUNT)
    with tempfile.TemporaryDirectory() as folder, _Reference(Path(folder)) as reference:
        file = Path(folder) / "statement.xml"
        with file.open("wb") as out:
            Camt053().write(out, [Statement(list(believable(n)))])
        memory = peak_megabytes(_import, file)
        reference.keep_rows()

        def product() -> None:
            reference.forget()
            _import(file)

        def limit() -> None:
            _walk(file)
            reference.copy()

        reference.forget()
        value, least = alternating(_ROUNDS, product, limit)
    yield Measured("camt-import", n, value, "s", least, "lxml.iterparse + COPY", _ALLOWED_RATIO)
    if memory is not None:
        yield Measured("camt-import memory", n, memory, "MB", _ALLOWED_MEGABYTES, "above the idle process")


def _import(file: Path) -> None:
    with db.writing(SYSTEM) as session, file.open("rb") as source:
        import_statement(session, SYSTEM, source, file.name)


def _walk(file: Path) -> None:
    with file.open("rb") as source:
        for event, element in etree.iterparse(
            source, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
        ):
            if event == "end" and element.tag.endswith("}Ntry"):
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]


class _Reference:
    """The rows of the import in a file, and a bare table to copy them into."""

    def __init__(self, folder: Path) -> None:
        self._rows = folder / "rows"

    def __enter__(self) -> _Reference:
        url = db.owner_url().set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: psycopg.Connection[Any] = psycopg.connect(url, autocommit=True)
        self._connection.execute("CREATE TABLE bare_line (LIKE bank_line)")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.execute("DROP TABLE bare_line")
        self._connection.close()

    def keep_rows(self) -> None:
        with (
            self._rows.open("wb") as out,
            self._connection.cursor().copy("COPY bank_line TO STDOUT") as copy,
        ):
            for block in copy:
                out.write(block)

    def copy(self) -> None:
        self._connection.execute("TRUNCATE bare_line")
        with (
            self._rows.open("rb") as rows,
            self._connection.cursor().copy("COPY bare_line FROM STDIN") as copy,
        ):
            while block := rows.read(_BLOCK):
                copy.write(block)

    def forget(self) -> None:
        """As if nothing had been imported."""
        self._connection.execute(
            "TRUNCATE bank_statement, bank_line, journal_entry, journal_line, audit_entry, audit_seal, fact CASCADE"
        )
