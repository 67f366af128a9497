"""Rows as PostgreSQL's COPY reads them, in pieces large enough that the protocol costs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_LINES = 2000


def text(value: str) -> str:
    """A text cell; blanks that would end the cell or the row are escaped."""
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], value) if _SPECIAL.search(value) else value


def texts(*values: str) -> tuple[str, ...]:
    """Text cells of one row; one look at all of them together, as nearly none needs escaping."""
    return tuple(map(text, values)) if _SPECIAL.search("".join(values)) else values


def optional(value: object | None) -> str:
    """A cell that may be NULL; texts in it must come from `text`."""
    return "\\N" if value is None or value == "" else str(value)


def pieces(lines: Iterable[str]) -> Iterator[str]:
    """The lines joined by the thousand."""
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) == _LINES:
            yield "".join(held)
            held.clear()
    if held:
        yield "".join(held)
