"""Where the simulator keeps its objects, answers and deliveries: SQLite, in a file or in memory."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.sandbox.stripe.refusals import Json

_TABLES = """
    CREATE TABLE IF NOT EXISTS thing (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS thing_kind ON thing (kind, seq);
    CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS delivery (
        id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, endpoint_id TEXT NOT NULL, state TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL, answered INTEGER);
    CREATE INDEX IF NOT EXISTS delivery_due ON delivery (state, due_at);
"""


class Store:
    """Every method is called inside `writing`, which one thread holds at a time."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False)
        if path:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_TABLES)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All of the block's changes, or none."""
        with self._lock:
            try:
                yield
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()

    def undo(self) -> None:
        """Forget what this block changed so far."""
        self._db.rollback()

    def put(self, thing: Json) -> Json:
        """Keep an object as it is now."""
        self._db.execute(
            "INSERT INTO thing (id, kind, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (thing["id"], thing["object"], json.dumps(thing)),
        )
        return thing

    def find(self, kind: str, wanted: str) -> Json | None:
        row = self._db.execute("SELECT body FROM thing WHERE id = ? AND kind = ?", (wanted, kind)).fetchone()
        return json.loads(row[0]) if row else None

    def every(self, kind: str, **having: Any) -> list[Json]:
        """All objects of a kind with these values, oldest first."""
        where, values = _having(having)
        rows = self._db.execute(f"SELECT body FROM thing WHERE kind = ?{where} ORDER BY seq", (kind, *values))
        return [json.loads(body) for (body,) in rows]

    def page(
        self, kind: str, having: Json, created: Json, after: str | None, before: str | None, limit: int
    ) -> tuple[list[Json], bool]:
        """The newest first, and whether there are more."""
        where, values = _having(having)
        for name, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
            if name in created:
                where += f" AND json_extract(body, '$.created') {sign} ?"
                values.append(created[name])
        for cursor, sign in ((after, "<"), (before, ">")):
            if cursor:
                where += f" AND seq {sign} (SELECT seq FROM thing WHERE id = ?)"
                values.append(cursor)
        order = "ASC" if before else "DESC"
        sql = f"SELECT body FROM thing WHERE kind = ?{where} ORDER BY seq {order} LIMIT ?"
        found = [json.loads(body) for (body,) in self._db.execute(sql, (kind, *values, limit + 1))]
        shown = found[:limit]
        return (shown[::-1] if before else shown), len(found) > limit

    def remove(self, wanted: str) -> None:
        self._db.execute("DELETE FROM thing WHERE id = ?", (wanted,))

    def answer(self, key: str) -> tuple[str, int, str] | None:
        """What was asked with this idempotency key, and what was answered."""
        row = self._db.execute("SELECT request, status, body FROM answer WHERE key = ?", (key,)).fetchone()
        return (row[0], row[1], row[2]) if row else None

    def keep_answer(self, key: str, request: str, status: int, body: str) -> None:
        self._db.execute("INSERT INTO answer VALUES (?, ?, ?, ?)", (key, request, status, body))

    def setting(self, name: str, otherwise: Any) -> Any:
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else otherwise

    def set(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """For the deliveries, which are queued rather than listed."""
        return self._db.execute(sql, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _having(values: Json) -> tuple[str, list[Any]]:
    where, bound = "", []
    for name, value in values.items():
        if isinstance(value, list):
            where += f" AND json_extract(body, '$.{name}') IN ({', '.join('?' * len(value))})"
            bound += value
        else:
            where += f" AND json_extract(body, '$.{name}') = ?"
            bound.append(value)
    return where, bound
