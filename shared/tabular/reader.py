"""Open a CSV or XLSX file as a table and read its rows.

O(rows) time, flat memory. Positions of the columns are found once; the hot path makes no dictionary per row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import BinaryIO, TypeVar

from shared.errors import RefusedFile
from shared.tabular.delimited import find_encoding, header_line, records, text_lines
from shared.tabular.rows import RowCheck, RowError
from shared.tabular.workbook import sheet_rows

Row = TypeVar("Row")
Records = Iterator[tuple[int, list[str]]]

DELIMITERS = ",;\t"
# Longer than any reference, name or address; short enough for a database index (2,704 bytes in PostgreSQL).
MAX_CELL = 500


@dataclass(frozen=True, slots=True)
class Table:
    """A file whose header is understood: `columns` of ours that it has, `unknown` ones that are ignored."""

    format: str
    columns: frozenset[str]
    unknown: tuple[str, ...]
    _names: Sequence[str]
    _header: Sequence[str]
    _records: Records

    def read(self, parse: Callable[[RowCheck, tuple[str, ...]], Row]) -> Iterator[Row | RowError]:
        """Each row as `parse` makes it from its cells (trimmed, in the order of our columns), or its refusals."""
        width = len(self._header)
        places = {name: place for place, name in enumerate(self._header)}
        pick = itemgetter(*(places.get(name, width) for name in self._names))
        check = RowCheck()
        for line, cells in self._records:
            if len(cells) != width and not _fit(cells, width, pad=self.format == "xlsx"):
                if any(map(str.strip, cells)):
                    yield _uneven(line, cells, self._header)
                continue
            cells.append("")  # stands for every column the file does not have
            values = tuple(map(str.strip, pick(cells)))
            text = "".join(values)
            if not text:
                continue
            check.line = line
            if len(text) > MAX_CELL:
                _refuse_long(check, self._names, values)
            row = parse(check, values)
            if check.errors:
                yield from check.errors
                check.errors = []
            else:
                yield row


def open_table(source: BinaryIO, columns: Sequence[str], required: Sequence[str]) -> Table:
    """Open `source` (seekable) as CSV or XLSX, told from its first bytes; `required` columns must be there."""
    source.seek(0)
    magic = source.read(8)
    if magic.startswith(b"PK"):
        return _table("xlsx", sheet_rows(source), columns, required)
    if magic.startswith(b"\xd0\xcf\x11\xe0"):
        raise RefusedFile(
            "This is an old or password-protected Excel file: save it as .xlsx without a password."
        )
    if magic.startswith(b"%PDF"):
        raise RefusedFile("This is a PDF; a CSV or XLSX file was expected.")
    encoding = find_encoding(source)
    return _table("csv", _csv_records(source, encoding, columns), columns, required)


def _csv_records(source: BinaryIO, encoding: str, columns: Sequence[str]) -> Records:
    with text_lines(source, encoding) as lines:
        header = header_line(lines)
        delimiter = max(DELIMITERS, key=lambda mark: (_known(header, mark, columns), header.count(mark)))
        source.seek(0)
    with text_lines(source, encoding) as lines:
        yield from records(lines, delimiter)


def _known(header: str, delimiter: str, columns: Sequence[str]) -> int:
    return sum(cell.strip(' "\r\n').lower() in columns for cell in header.split(delimiter))


def _table(format: str, rows: Records, columns: Sequence[str], required: Sequence[str]) -> Table:  # noqa: A002
    line, header = next(((line, cells) for line, cells in rows if any(map(str.strip, cells))), (1, []))
    if not header:
        told = "The file is empty: a header row with the columns %(columns)s was expected."
        raise RefusedFile(told, line=1, columns=", ".join(required))
    while header and not header[-1].strip():
        header = header[:-1]
    names = [cell.strip().lower() for cell in header]
    for name in required:
        if name not in names:
            told = "The column “%(name)s” is missing. The first row must name the columns; it has: %(found)s."
            raise RefusedFile(told, line=line, column=name, name=name, found=", ".join(header)[:200])
    for name in columns:
        if names.count(name) > 1:
            told = "The column “%(name)s” stands twice in the header."
            raise RefusedFile(told, line=line, column=name, name=name)
    known = frozenset(columns)
    unknown = tuple(
        cell.strip()[:60] for cell, name in zip(header, names, strict=True) if name and name not in known
    )
    return Table(format, known.intersection(names), unknown, columns, names, rows)


def _fit(cells: list[str], width: int, *, pad: bool) -> bool:
    """Cut blank cells beyond the header. A short row is only completed where the format leaves out blanks."""
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        del cells[width:]
    if pad and len(cells) < width:
        cells.extend([""] * (width - len(cells)))
    return len(cells) == width


def _uneven(line: int, cells: list[str], header: Sequence[str]) -> RowError:
    column = header[min(len(cells), len(header)) - 1] or str(len(cells))
    told = "This row has %(found)s cells where the header has %(expected)s: is it cut off, or a separator not quoted?"
    return RowError(line, column, cells[-1][:60], told, {"found": len(cells), "expected": len(header)})


def _refuse_long(check: RowCheck, names: Sequence[str], values: tuple[str, ...]) -> None:
    for name, value in zip(names, values, strict=True):
        if len(value) > MAX_CELL:
            told = "This value has %(length)s characters; at most %(limit)s were expected."
            check.refuse(name, value, told, length=len(value), limit=MAX_CELL)
