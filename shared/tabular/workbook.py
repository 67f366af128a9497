"""XLSX: the first sheet as rows of text, after the container has been found harmless.

The container is a zip of XML parts. Its directory is read first (sizes, ratio), then the head of each XML part (no
document type, hence no entities); only then does openpyxl read the sheet, row by row.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from lxml import etree
from openpyxl import load_workbook

from shared.errors import RefusedFile

# A million rows of twenty columns are about 600 MB of XML. Deflate reaches 1000:1 on bombs; real sheets stay under
# 50:1 (measured on generated invoices: 8:1), and small parts may be highly repetitive without harm.
_MAX_UNPACKED = 1024**3
_MAX_RATIO = 200
_SMALL = 10 * 1024**2
_MAX_PARTS = 2000
_MAX_SHARED_STRINGS = 64 * 1024**2  # openpyxl holds these in memory as a whole
_MAX_COLUMNS = 200


def sheet_rows(source: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet with their numbers, every cell as exact text; anything else is a `RefusedFile`."""
    _refuse_bombs(source)
    source.seek(0)
    number = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # openpyxl warns of styles and extensions that do not concern the values
            book = load_workbook(source, read_only=True, data_only=True, keep_links=False)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # the stated size may be wrong
        for number, cells in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS, values_only=True), 1):
            yield number, [_text(value) for value in cells]
    except RefusedFile:
        raise
    except Exception as error:  # a damaged part surfaces as whatever openpyxl's inner parsers happen to meet
        told = "This XLSX file is damaged and cannot be read (%(problem)s)."
        raise RefusedFile(told, line=number + 1, problem=type(error).__name__) from error


def _text(value: Any) -> str:
    """A cell as text that loses nothing: dates in ISO, numbers without exponent or binary noise.

    Excel keeps and shows 15 significant digits; beyond them a stored number is binary noise (0.1 + 0.2).

    >>> _text(1200.1), _text(0.1 + 0.2), _text(42.0), _text(datetime(2026, 3, 31)), _text(None)
    ('1200.1', '0.3', '42', '2026-03-31', '')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        exact = format(Decimal(f"{value:.15g}"), "f")
        return exact.rstrip("0").rstrip(".") if "." in exact else exact
    if isinstance(value, datetime):
        midnight = not (value.hour or value.minute or value.second or value.microsecond)
        return (value.date() if midnight else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _refuse_bombs(source: BinaryIO) -> None:
    source.seek(0)
    try:
        with zipfile.ZipFile(source) as container:
            parts = container.infolist()
            unpacked, packed = sum(p.file_size for p in parts), sum(p.compress_size for p in parts)
            strings = sum(p.file_size for p in parts if p.filename.lower().endswith("sharedstrings.xml"))
            if (
                len(parts) > _MAX_PARTS
                or unpacked > _MAX_UNPACKED
                or strings > _MAX_SHARED_STRINGS
                or (unpacked > _SMALL and unpacked > _MAX_RATIO * max(packed, 1))
            ):
                told = "This XLSX file would unpack to %(size)s MB: it is refused. Send the rows as CSV."
                raise RefusedFile(told, size=unpacked // 1024**2)
            for part in parts:
                _refuse_document_type(container, part)
    except RefusedFile:
        raise
    except Exception as error:  # zipfile, zlib and struct have no common ancestor for a damaged container
        told = "This XLSX file is damaged and cannot be read (%(problem)s)."
        raise RefusedFile(told, problem=type(error).__name__) from error


def _refuse_document_type(container: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Read a part up to its first element: a document type can only stand before it."""
    with container.open(part) as content:
        try:
            walk = etree.iterparse(
                content, events=("start",), resolve_entities=False, no_network=True, load_dtd=False
            )
            for _, root in walk:
                if root.getroottree().docinfo.doctype:
                    told = "This XLSX file carries a document type (DOCTYPE), which no spreadsheet has: it is refused."
                    raise RefusedFile(told)
                return
        except etree.XMLSyntaxError as error:
            if part.filename.lower().endswith((".xml", ".rels")):
                raise RefusedFile(
                    "This XLSX file is damaged and cannot be read (%(problem)s).", problem=str(error)[:80]
                ) from None
