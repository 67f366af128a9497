"""What the simulator remembers: documents in SQLite, one transaction at a time, and a clock that can be moved.

A name that starts with `_` is the simulator's own and is never shown. `_due_at` says when a document has something
to do: an event to be sent, a webhook to be tried again, a step of a payment's life.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shared import clock

Thing = dict[str, Any]

# The prefixes are GoCardless's own, for what its API names; the others belong to the simulator.
PREFIXES = {
    "customers": "CU",
    "customer_bank_accounts": "BA",
    "mandates": "MD",
    "payments": "PM",
    "refunds": "RF",
    "payouts": "PO",
    "payout_items": "PI",
    "events": "EV",
    "webhooks": "WB",
    "billing_requests": "BRQ",
    "billing_request_flows": "BRF",
    "creditors": "CR",
    "mandate_pdfs": "MP",
    "agenda": "AG",
    "dues": "DU",
}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS thing_kind ON thing (kind, seq);
CREATE INDEX IF NOT EXISTS thing_due ON thing (kind, json_extract(body, '$._due_at'), seq)
    WHERE json_extract(body, '$._due_at') IS NOT NULL;
CREATE INDEX IF NOT EXISTS thing_mandate ON thing (json_extract(body, '$.links.mandate'));
CREATE INDEX IF NOT EXISTS thing_customer ON thing (json_extract(body, '$.links.customer'));
CREATE INDEX IF NOT EXISTS thing_payment ON thing (json_extract(body, '$.links.payment'));
CREATE INDEX IF NOT EXISTS thing_of ON thing (json_extract(body, '$.of'));
CREATE INDEX IF NOT EXISTS thing_payout ON thing (json_extract(body, '$._payout'));
CREATE TABLE IF NOT EXISTS idempotency (kind TEXT, key TEXT, id TEXT NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS setting (one INTEGER PRIMARY KEY CHECK (one = 1), body TEXT NOT NULL);
"""
_DUE = "json_extract(body, '$._due_at')"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the control API may change."""

    webhook_url: str = ""
    webhook_secret: str = ""
    webhooks: str = "sent"  # or "held" (until released), or "dropped"
    webhook_delay_seconds: float = 0
    webhook_batch: int = 250
    # Growing: 1, 2, 10 minutes … (support article 360000989989); a test shrinks them.
    retry_seconds: tuple[float, ...] = (60, 120, 600, 1800, 3600, 7200, 14400, 28800)
    rate_limit: int = 1000
    fee_percent: str = "1"
    fee_fixed: str = "20"
    instant_currencies: tuple[str, ...] = ("EUR", "GBP")
    instant_seconds: float = 0  # from the payer's authorisation to the money's arrival
    refund_lock_days: int = 0
    available_for_refunds: int | None = None
    clock_shift_seconds: float = 0


class Store:
    """All documents, in the file `path` or in memory. Safe to use from any thread."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self.committed = threading.Event()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other thread out, without making what is done one transaction."""
        with self._lock:
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another one, a part of it."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        self.committed.set()

    def settings(self) -> Settings:
        with self._lock:
            row = self._db.execute("SELECT body FROM setting").fetchone()
        return Settings(**json.loads(row[0])) if row else Settings()

    def change(self, **values: Any) -> Settings:
        """Change settings; an unknown name is a TypeError."""
        with self.transaction():
            changed = replace(self.settings(), **values)
            self._db.execute("INSERT OR REPLACE INTO setting VALUES (1, ?)", (json.dumps(asdict(changed)),))
        return changed

    def now(self) -> datetime:
        return clock.now() + timedelta(seconds=self.settings().clock_shift_seconds)

    def add(self, kind: str, body: Thing) -> Thing:
        """Keep a new document; gives it its id and its time."""
        thing = {"id": PREFIXES[kind] + secrets.token_hex(6).upper(), "created_at": stamp(self.now()), **body}
        with self.transaction():
            self._db.execute(
                "INSERT INTO thing (kind, id, body) VALUES (?, ?, ?)", (kind, thing["id"], json.dumps(thing))
            )
        return thing

    def put(self, thing: Thing) -> None:
        with self.transaction():
            self._db.execute("UPDATE thing SET body = ? WHERE id = ?", (json.dumps(thing), thing["id"]))

    def remove(self, thing: Thing) -> None:
        with self.transaction():
            self._db.execute("DELETE FROM thing WHERE id = ?", (thing["id"],))

    def find(self, kind: str, thing_id: object) -> Thing | None:
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM thing WHERE kind = ? AND id = ?", (kind, str(thing_id))
            ).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, kind: str, **equal: Any) -> list[Thing]:
        """Documents whose top-level or linked values are these, oldest first. O(those found) where an index helps."""
        where = [(f"json_extract(body, '$.{name.replace('__', '.')}') = ?", v) for name, v in equal.items()]
        return self._select(kind, where, "seq", -1)

    def page(
        self, kind: str, where: Sequence[tuple[str, Any]], *, after: str = "", before: str = "", limit: int
    ) -> list[Thing]:
        """Newest first, as every list of the API. O(limit) without a condition."""
        where = list(where)
        if after:
            where.append(("seq < (SELECT seq FROM thing WHERE id = ?)", after))
        if before:
            where.append(("seq > (SELECT seq FROM thing WHERE id = ?)", before))
            return self._select(kind, where, "seq", limit)[::-1]
        return self._select(kind, where, "seq DESC", limit)

    def due(self, kind: str, limit: int, until: datetime | None = None) -> list[Thing]:
        """What has something to do by now, the longest due first. O(log n + limit)."""
        condition = (f"{_DUE} IS NOT NULL AND {_DUE} <= ?", stamp(until or self.now()))
        return self._select(kind, [condition], f"{_DUE}, seq", limit)

    def _select(self, kind: str, where: Sequence[tuple[str, Any]], order: str, limit: int) -> list[Thing]:
        conditions = " AND ".join(["kind = ?", *(sql for sql, _ in where)])
        values = [kind, *(value for _, value in where), limit]
        with self._lock:
            rows = self._db.execute(
                f"SELECT body FROM thing WHERE {conditions} ORDER BY {order} LIMIT ?", values
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def made_with(self, kind: str, key: str) -> str | None:
        """The id of what this idempotency key already made."""
        with self._lock:
            row = self._db.execute(
                "SELECT id FROM idempotency WHERE kind = ? AND key = ?", (kind, key)
            ).fetchone()
        return row[0] if row else None

    def remember(self, kind: str, key: str, thing_id: str) -> None:
        with self.transaction():
            self._db.execute("INSERT INTO idempotency VALUES (?, ?, ?)", (kind, key, thing_id))


def stamp(instant: datetime) -> str:
    """An instant as the API writes it; as texts they sort by time.

    >>> stamp(datetime(2026, 11, 21, 9, 5, tzinfo=UTC))
    '2026-11-21T09:05:00.000Z'
    """
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(thing: Thing) -> Thing:
    """A document as the API shows it."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}
