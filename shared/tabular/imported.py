"""What an import answers: how many rows became what, and each row that was refused; and what a preview shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from shared.errors import RefusedFile
from shared.tabular.rows import RowError

Row = TypeVar("Row")

# A file with more wrong rows than this is the wrong file: nobody reads the ten-thousandth refusal.
MAX_REFUSED = 10_000


class Remark(NamedTuple):
    """Something a person should know about a file that was taken: an English message id and its values."""

    sentence: str
    params: Mapping[str, Any]

    def __str__(self) -> str:
        return self.sentence % self.params if self.params else self.sentence


class Change(NamedTuple):
    """One field that the file changes."""

    column: str
    old: str
    new: str


class RowPreview(NamedTuple):
    """One row as it would be imported; `outcome`: created, updated or duplicate."""

    line: int
    name: str
    outcome: str
    told: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The answer to one file. `rows` = created + updated + unchanged + duplicates + those with a refusal."""

    format: str
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: tuple[RowError, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The stable answer of `quittance import … --json`."""
        return {
            "format": self.format,
            "rows": self.rows,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "duplicates": self.duplicates,
            "rejected": [each.as_json() for each in self.rejected],
            "remarks": [str(each) for each in self.remarks],
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do: the same counts and refusals, and the first rows that create or change something."""

    result: ImportResult
    rows: tuple[RowPreview, ...] = ()


class RefusedRows(RefusedFile):
    """A file refused whole because of some of its rows; `rejected` holds each of them."""

    code = "refused_rows"
    sentence = "Nothing was imported. Refused values: %(count)s. The first: %(first)s"

    def __init__(self, rejected: Iterable[RowError]) -> None:
        self.rejected = tuple(rejected)
        first = self.rejected[0]
        super().__init__(
            type(self).sentence,
            line=first.line,
            column=first.column,
            count=len(self.rejected),
            first=first.sentence % first.params,
        )


@dataclass(slots=True)
class Refusals:
    """Collects the refused rows of one file while the good ones pass through."""

    errors: list[RowError] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)

    def sift(self, rows: Iterable[Row | RowError]) -> Iterator[Row]:
        """The rows that can be read; the others are kept here."""
        for row in rows:
            if isinstance(row, RowError):
                self.add(row)
            else:
                yield row

    def add(self, error: RowError) -> None:
        self.errors.append(error)
        self.lines.add(error.line)
        if len(self.errors) > MAX_REFUSED:
            first = self.errors[0]
            raise RefusedFile(
                "More than %(limit)s values of this file are refused: is it the right file? The first: %(first)s",
                line=first.line,
                column=first.column,
                limit=MAX_REFUSED,
                first=first.sentence % first.params,
            )

    def in_order(self) -> tuple[RowError, ...]:
        return tuple(sorted(self.errors, key=lambda error: error.line))
