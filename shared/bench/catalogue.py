"""The benches by name, as `quittance bench NAME` runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shared.bench import statements
from shared.bench.measuring import Measured, scratch_database

BENCHES: dict[str, Callable[[float], Iterator[Measured]]] = {
    "camt-import": statements.run,
}


def run(name: str, scale: float = 1.0) -> Iterator[Measured]:
    """Run one bench in a database of its own. `scale` 1 is the promised size; smaller is quicker."""
    with scratch_database():
        yield from BENCHES[name](scale)
