"""Importing invoices, against what nobody can go below: walk the file with `csv`, COPY the rows.

The limit does nothing else with the file: every record read by `csv.reader`, then one COPY of the very rows the
import makes of it (item, paper, journal line) into tables without any index or constraint, committed.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg

from shared import db
from shared.actor import SYSTEM
from shared.bench.measuring import Measured, alternating, peak_megabytes
from shared.creditors import actions as creditors
from shared.customers.naming import add_named
from shared.importing.invoices import import_invoices

_ROWS = 100_000
_MILLION = 1_000_000
_CUSTOMERS = 2_000
_ROUNDS = 3
_ALLOWED_RATIO = 4.0
# A promise of ours, not of the machine: a million open items within a coffee break.
_MILLION_SECONDS = 600.0
_ALLOWED_MEGABYTES = 150.0
_COLUMNS = (
    *("invoice_number", "kind", "customer_ref", "issue_date", "due_date", "currency"),
    *("total_incl_vat", "total_excl_vat", "vat_breakdown"),
)
_TABLES = ("open_item", "invoice", "journal_line")
_BLOCK = 1 << 18


def run(scale: float = 1.0) -> Iterator[Measured]:
    """A hundred thousand rows into empty books, customers known."""
    n = max(100, round(_ROWS * scale))
    with tempfile.TemporaryDirectory() as folder, _Reference(Path(folder)) as reference:
        file = _prepare(Path(folder), n)
        _import(file)
        reference.keep_rows()

        def product() -> None:
            reference.forget()
            _import(file)

        def limit() -> None:
            _walk(file)
            reference.copy()

        value, least = alternating(_ROUNDS, product, limit)
    yield Measured("invoice-import", n, value, "s", least, "csv.reader + COPY", _ALLOWED_RATIO)


def run_million(scale: float = 1.0) -> Iterator[Measured]:
    """A million rows at once: the time, and the memory of the process that imports them."""
    n = max(100, round(_MILLION * scale))
    with tempfile.TemporaryDirectory() as folder:
        file = _prepare(Path(folder), n)
        memory = 0.0

        def product() -> None:
            nonlocal memory
            memory = peak_megabytes(_import, file) or 0.0

        (seconds,) = alternating(1, product)
    yield Measured("million-items", n, seconds, "s", _MILLION_SECONDS * scale, "promised")
    yield Measured("million-items memory", n, memory, "MB", _ALLOWED_MEGABYTES, "above the idle process")


def _prepare(folder: Path, n: int) -> Path:
    with db.writing(SYSTEM) as session:
        creditors.add_creditor(session, SYSTEM, name="Bench")
        add_named(session, [(f"C{i:05d}", f"Customer {i}") for i in range(_CUSTOMERS)])
    file = folder / "invoices.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(_COLUMNS)
        writer.writerows(_believable(n))
    return file


def _believable(count: int) -> Iterator[tuple[str, ...]]:
    """Two years of invoices and some credit notes, amounts that add up."""
    start = date(2024, 9, 2)
    for i in range(count):
        net = 1000 + (i * 7919) % 900_000
        tax = net // 5
        issued = start + timedelta(i % 730)
        yield (
            f"FA{issued.year}-{i:07d}",
            "credit_note" if i % 17 == 0 else "invoice",
            f"C{i % _CUSTOMERS:05d}",
            issued.isoformat(),
            (issued + timedelta(30 + i % 3 * 15)).isoformat(),
            "EUR",
            _decimal(net + tax),
            _decimal(net),
            f"20:{_decimal(net)}:{_decimal(tax)}",
        )


def _decimal(minor: int) -> str:
    whole, cents = divmod(minor, 100)
    return f"{whole}.{cents:02d}"


def _import(file: Path) -> None:
    with db.writing(SYSTEM) as session, file.open("rb") as source:
        import_invoices(session, SYSTEM, source, file.name)


def _walk(file: Path) -> None:
    with file.open(newline="") as source:
        for _ in csv.reader(source):
            pass


class _Reference:
    """The rows of the import in files, and bare tables to copy them into."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> _Reference:
        url = db.owner_url().set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: psycopg.Connection[Any] = psycopg.connect(url, autocommit=True)
        for table in _TABLES:
            self._connection.execute(f"CREATE TABLE bare_{table} (LIKE {table})")
        return self

    def __exit__(self, *_: object) -> None:
        for table in _TABLES:
            self._connection.execute(f"DROP TABLE bare_{table}")
        self._connection.close()

    def keep_rows(self) -> None:
        for table in _TABLES:
            with (
                (self._folder / table).open("wb") as out,
                self._connection.cursor().copy(f"COPY {table} TO STDOUT") as copy,
            ):
                for block in copy:
                    out.write(block)

    def copy(self) -> None:
        for table in _TABLES:
            self._connection.execute(f"TRUNCATE bare_{table}")
            with (
                (self._folder / table).open("rb") as rows,
                self._connection.cursor().copy(f"COPY bare_{table} FROM STDIN") as copy,
            ):
                while block := rows.read(_BLOCK):
                    copy.write(block)

    def forget(self) -> None:
        """As if nothing had been imported."""
        self._connection.execute(
            "TRUNCATE open_item, invoice, journal_entry, journal_line, audit_entry, audit_seal, fact CASCADE"
        )
