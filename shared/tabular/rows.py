"""What a row reader needs: a place to put refusals, and readers of the cells every business file has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, TypeVar

from shared.errors import DomainError

T = TypeVar("T")

_DAY = re.compile(r"(?:(\d{4})-(\d\d)-(\d\d)|(\d\d?)/(\d\d?)/(\d{4}))", re.ASCII)
# A business date outside these years is a slip of the keyboard (0206, 20026 …), not a date.
_FIRST_YEAR, _LAST_YEAR = 1950, 2150


class UnreadableDay(DomainError):
    code = "unreadable_day"
    sentence = "“%(value)s” is not a date: 2026-03-31 or 31/03/2026 was expected."


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row is refused: where it stands, what stands there, and the sentence with its parameters."""

    line: int
    column: str
    value: str
    sentence: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = self.sentence % self.params if self.params else self.sentence
        return f"line {self.line}, column {self.column}: {told}"

    def as_json(self) -> dict[str, Any]:
        """The refusal as programs read it."""
        told = self.sentence % self.params if self.params else self.sentence
        return {"line": self.line, "column": self.column, "value": self.value, "error": told}


class RowCheck:
    """Collects what is wrong with the row being read, so that all of it can be told at once."""

    __slots__ = ("errors", "line")

    def __init__(self) -> None:
        self.line = 0
        self.errors: list[RowError] = []

    def refuse(self, column: str, value: str, sentence: str, /, **params: Any) -> None:
        self.errors.append(RowError(self.line, column, value[:60], sentence, params))

    def needed(self, column: str, text: str) -> str:
        """`text`, which must not be empty."""
        if not text:
            self.refuse(column, text, "This value is missing; every row needs it.")
        return text

    def read(self, column: str, text: str, parse: Callable[..., T], *args: Any) -> T | None:
        """What `parse` makes of `text`; its refusal becomes this row's."""
        try:
            return parse(text, *args)
        except DomainError as refusal:
            self.refuse(column, text, refusal.sentence, **refusal.params)
            return None

    def one_of(self, column: str, text: str, allowed: tuple[str, ...]) -> str:
        """One of a few words, in any case; the first of them when the cell is empty."""
        word = text.lower() if text else allowed[0]
        if word not in allowed:
            self.refuse(
                column,
                text,
                "“%(value)s” is not one of %(allowed)s.",
                value=text[:60],
                allowed=", ".join(allowed),
            )
        return word


@lru_cache(maxsize=8192)
def read_day(text: str) -> date:
    """A day in ISO or French notation. The same days come back on thousands of rows, hence the cache.

    >>> read_day("2026-03-31") == read_day("31/03/2026")
    True
    >>> read_day("31/02/2026")
    Traceback (most recent call last):
    shared.tabular.rows.UnreadableDay: “31/02/2026” is not a date: 2026-03-31 or 31/03/2026 was expected.
    """
    match = _DAY.fullmatch(text)
    if not match:
        raise UnreadableDay(value=text[:40])
    year, month, day = match.group(1, 2, 3) if match[1] else match.group(6, 5, 4)
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        raise UnreadableDay(value=text[:40]) from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise UnreadableDay(value=text[:40])
    return found
