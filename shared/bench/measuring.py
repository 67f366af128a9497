"""What benches share: a measurement, fair timing, peak memory, and a database that is gone afterwards."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psycopg

from shared import db, schema
from shared.config import settings


@dataclass(frozen=True, slots=True)
class Measured:
    """`limit` is what the machine itself needs (`against` says for what), or what was promised; `ratio` is
    `value` / `limit`, and at most `allowed`."""

    name: str
    n: int
    value: float
    unit: str
    limit: float
    against: str
    allowed: float = 1.0

    @property
    def ratio(self) -> float:
        return self.value / self.limit

    @property
    def ok(self) -> bool:
        return self.ratio <= self.allowed

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": round(self.ratio, 3), "ok": self.ok}


def alternating(rounds: int, *works: Callable[[], object]) -> list[float]:
    """The median seconds of each work. They take turns, so that a busy moment of the machine hits all of them."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, found in zip(works, seconds, strict=True):
            started = perf_counter()
            work()
            found.append(perf_counter() - started)
    return [median(found) for found in seconds]


def peak_megabytes(work: Callable[..., object], *args: object) -> float | None:
    """How far a fresh process grows above its idle size while it does `work`; None where the system does not tell."""
    if not Path("/proc/self/status").exists():
        return None
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_watch, args=(sender, work, args))
    process.start()
    sender.close()
    try:
        grown: float = receiver.recv()
    finally:
        process.join()
    return grown


def _watch(sender: Any, work: Callable[..., object], args: tuple[object, ...]) -> None:
    idle = _kilobytes("VmRSS")
    work(*args)
    sender.send((_kilobytes("VmHWM") - idle) / 1024)


def _kilobytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


@contextmanager
def scratch_database() -> Iterator[None]:
    """A migrated database on the configured server, for this process only, dropped at the end."""
    server = db.owner_url()
    scratch = server.set(database=f"quittance_bench_{os.getpid()}")
    before = {name: os.environ.pop(name, None) for name in _ADDRESSES}
    with psycopg.connect(_plain(server), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {scratch.database}")
        try:
            _connect_to(_plain(scratch))
            schema.migrate(scratch)
            yield
        finally:
            db.close()
            admin.execute(f"DROP DATABASE IF EXISTS {scratch.database} WITH (FORCE)")
            os.environ.pop(_ADDRESSES[0], None)
            os.environ.update({name: value for name, value in before.items() if value is not None})
            settings.cache_clear()


_ADDRESSES = ("DATABASE_URL", "DATABASE_URL_PORTAL", "DATABASE_URL_BACKOFFICE")


def _connect_to(url: str) -> None:
    db.close()
    os.environ[_ADDRESSES[0]] = url
    settings.cache_clear()


def _plain(url: Any) -> str:
    return str(url.set(drivername="postgresql").render_as_string(hide_password=False))
