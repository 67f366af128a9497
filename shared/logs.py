"""Structured logs on stderr: one JSON object per line, or lines for a person at a demo's terminal.

Our own lines and those of libraries take the same way out. Whoever begins a piece of work binds its id
(`request_id`, `job_id`) with structlog's context variables; every line of that work then carries it.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from structlog.types import EventDict, Processor

from shared.clock import now
from shared.config import settings

_SECRET_NAME = re.compile(r"secret|passw|token|cookie|authori[sz]ation|totp|api_?key", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(\w+://[^:/@\s]*):[^@/\s]+@")


def configure(level: int | None = None) -> None:
    """Once per process, before it works. Without a level the demo tells only what went wrong."""
    if level is None:
        level = logging.WARNING if settings().environment == "demo" else logging.INFO
    structlog.configure(
        processors=[*_CHAIN, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    ours = _Stderr()
    ours.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_CHAIN,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers()],
        )
    )
    root = logging.getLogger()
    root.handlers = [*(each for each in root.handlers if not isinstance(each, _Stderr)), ours]
    root.setLevel(level)


class _Stderr(logging.Handler):
    """Writes to the stderr of the moment, which may be replaced while the process lives."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


def without_secrets(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Nothing whose name says secret, and no password inside an address.

    >>> without_secrets(None, "", {"password": "x", "event": "to smtp://me:hush@mail"})
    {'password': '[hidden]', 'event': 'to smtp://me:[hidden]@mail'}
    """
    for key, value in event.items():
        if _SECRET_NAME.search(key):
            event[key] = "[hidden]"
        elif isinstance(value, str):
            event[key] = _URL_PASSWORD.sub(r"\1:[hidden]@", value)
    return event


def _at(_logger: Any, _name: str, event: EventDict) -> EventDict:
    event["at"] = now().isoformat(timespec="milliseconds")
    return event


def _renderers() -> list[Processor]:
    if settings().environment == "demo" and sys.stderr.isatty():
        return [without_secrets, structlog.dev.ConsoleRenderer()]
    in_json = structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    return [structlog.processors.format_exc_info, without_secrets, in_json]


_CHAIN: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    _at,
]
