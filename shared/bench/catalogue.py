"""The benches by name, as `quittance bench NAME` runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shared.bench import invoices, scale, statements, webhooks
from shared.bench.measuring import Measured, scratch_database

BENCHES: dict[str, Callable[[float], Iterator[Measured]]] = {
    "camt-import": statements.run,
    "invoice-import": invoices.run,
    "million-items": invoices.run_million,
    "aged": scale.run_aged,
    "portal-list": scale.run_portal,
    "webhooks": webhooks.run,
}


def run(name: str, size: float = 1.0) -> Iterator[Measured]:
    """Run one bench in a database of its own. `size` 1 is the promised size; smaller is quicker."""
    with scratch_database():
        yield from BENCHES[name](size)
