"""Faults to order: the next requests of a path fail as networks and providers do."""

from __future__ import annotations

import threading
from dataclasses import dataclass

KINDS = (
    "error_before",
    "error_after",
    "error_stored",
    "reset_before",
    "reset_after",
    "rate_limit",
    "conflict",
    "slow",
)


@dataclass
class Fault:
    """`error_after`: answered 500 although done; `error_stored`: the same, and the key remembers the 500."""

    kind: str
    path: str
    method: str = "POST"
    times: int = 1
    seconds: float = 1.0


class Faults:
    """What is still to go wrong."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def order(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def forget(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of this request, used up once."""
        with self._lock:
            for fault in self._waiting:
                if fault.times > 0 and fault.method in (method, "*") and path.startswith(fault.path):
                    fault.times -= 1
                    return fault
        return None
