"""Bring the lines of one statement into the database: COPY into a table of this transaction, compare, insert the rest.

O(lines), a handful of statements to the database whatever their number; only the line in hand is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from shared.bank_statements.reading import Entry, Occurrences, StatementEnd, identity
from shared.bank_statements.rules import (
    Balances,
    creditor_reference,
    kept_details,
    remittance,
    without_overlap,
)
from shared.ids import new_ids

_COLUMNS = (
    "id, position, identity, occurrence, booked_on, value_on, amount_minor, currency, entry_ref, end_to_end_id,"
    " creditor_ref, transaction_code, is_reversal, party_name, party_iban, remittance, details, raw"
)
_CREATE = f"""
    CREATE TEMP TABLE staged_line ON COMMIT DROP AS SELECT {_COLUMNS} FROM bank_line WITH NO DATA;
    ALTER TABLE staged_line ALTER occurrence TYPE integer"""
_COPY = f"COPY staged_line ({_COLUMNS}) FROM STDIN"

# Which of the staged lines other statements brought before.
_KNOWN = """
    SELECT s.id, s.reference, s.file_name, count(*), sum(g.amount_minor)
    FROM staged_line g
    JOIN bank_line l ON (l.bank_account_id, l.identity, l.occurrence) = (%s, g.identity, g.occurrence)
    JOIN bank_statement s ON s.id = l.statement_id
    GROUP BY s.id ORDER BY s.imported_at, s.id"""
# Statements with lines of the same days that add up and brought all of their lines themselves.
_SAME_DAYS = """
    SELECT s.id, s.opening_minor, s.closing_minor
    FROM bank_statement s JOIN bank_line l ON l.statement_id = s.id
    WHERE s.bank_account_id = %s AND s.balance_ok AND s.closing_on >= (SELECT min(booked_on) FROM staged_line)
    GROUP BY s.id
    HAVING count(*) = s.entries AND min(l.booked_on) <= (SELECT max(booked_on) FROM staged_line)
    ORDER BY s.imported_at, s.id"""
_NUMBER_AFTER = """
    UPDATE staged_line g SET occurrence = g.occurrence + n.lines
    FROM (SELECT identity, count(*) AS lines FROM bank_line WHERE statement_id = ANY (%s) GROUP BY identity) n
    WHERE n.identity = g.identity"""
_INSERT = f"""
    WITH added AS (
        INSERT INTO bank_line (statement_id, bank_account_id, creditor_id, open_minor, {_COLUMNS})
        SELECT %s, %s, %s, greatest(amount_minor, 0), {_COLUMNS} FROM staged_line
        ON CONFLICT (bank_account_id, identity, occurrence) DO NOTHING
        RETURNING currency, amount_minor)
    SELECT currency, count(*), coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0) FROM added
    GROUP BY currency ORDER BY currency"""


class KnownFrom(NamedTuple):
    """An earlier statement that brought some of these lines."""

    statement_id: UUID
    reference: str
    file: str
    lines: int
    sum_minor: int


class Staging:
    """The lines of one statement at a time."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._connection.execute(_CREATE)

    def take(self, account: str, entries: Iterable[Entry], progress: Callable[[int], None]) -> int:
        """Stage the booked entries; the number of these."""
        self._connection.execute("TRUNCATE staged_line")
        number = Occurrences()
        booked = 0
        ids = _ids()
        with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for entry in entries:
                if entry.is_booked:
                    key = identity(account, entry)
                    copy.write_row(_row(next(ids), entry, key, number(key)))
                    booked += 1
                if entry.position % 1000 == 0:
                    progress(entry.position)
        return booked

    def known(self, bank_account_id: UUID, end: StatementEnd) -> list[KnownFrom]:
        """The statements that brought staged lines before.

        Two lines alike to the letter may stand in two statements of one day. Where the balances prove that these
        statements follow each other, the second line is numbered after the first: it is a line of its own, today
        and when it is delivered again.
        """
        found = self._known(bank_account_id)
        if found and end.balance_ok:
            same_days = self._connection.execute(_SAME_DAYS, [bank_account_id])
            shared = {each.statement_id: each.sum_minor for each in found}
            if others := without_overlap(end, [Balances(*row) for row in same_days], shared):
                self._connection.execute(_NUMBER_AFTER, [others])
                found = self._known(bank_account_id)
        return found

    def _known(self, bank_account_id: UUID) -> list[KnownFrom]:
        rows = self._connection.execute(_KNOWN, [bank_account_id])
        return [
            KnownFrom(key, reference, file, lines, int(minor)) for key, reference, file, lines, minor in rows
        ]

    def insert(
        self, statement_id: UUID, bank_account_id: UUID, creditor_id: UUID
    ) -> list[tuple[str, int, int]]:
        """Keep the lines that are new: (currency, lines, sum of the credits) of each currency."""
        rows = self._connection.execute(_INSERT, [statement_id, bank_account_id, creditor_id])
        return [(currency, lines, int(credit)) for currency, lines, credit in rows]

    def last_booking_day(self) -> date:
        row = self._connection.execute("SELECT max(booked_on) FROM staged_line").fetchone()
        assert row and row[0], "asked for a statement with lines only"
        day: date = row[0]
        return day

    def close(self) -> None:
        self._connection.execute("DROP TABLE staged_line")


def _row(line_id: UUID, entry: Entry, key: bytes, occurrence: int) -> tuple[object, ...]:
    creditor_ref = creditor_reference(entry.references)
    details = kept_details(entry)
    return (
        line_id,
        entry.position,
        key,
        occurrence,
        entry.booked_on,
        entry.value_on,
        entry.amount_minor,
        entry.currency,
        entry.entry_ref,
        entry.end_to_end_id,
        creditor_ref,
        entry.transaction_code,
        entry.is_reversal,
        entry.party.name,
        entry.party.iban,
        remittance(entry, creditor_ref),
        None if details is None else json.dumps(details, ensure_ascii=False),
        entry.raw,
    )


def _ids() -> Iterator[UUID]:
    while True:
        yield from new_ids(1000)
