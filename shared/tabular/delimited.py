"""Delimited text: its encoding, its lines, its records, each bounded before it is held in memory."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from shared.errors import RefusedFile

_CHUNK = 256 * 1024
MAX_LINE = (
    1024 * 1024
)  # A longer physical line is no business file; the csv module itself refuses fields > 128 KB.

_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # what Windows-1252 gives no meaning


def find_encoding(source: BinaryIO) -> str:
    """UTF-8 if all of it is; else the Western European code page its bytes speak for. One pass, flat memory.

    Guessing libraries take French cp1252 for Mac or Turkish text, so only two single-byte pages are considered:
    Windows-1252, and ISO 8859-15 where no byte of 0x80-0x9F stands and the euro sign's 0xA4 does.
    """
    source.seek(0)
    marked = source.read(3) == codecs.BOM_UTF8
    source.seek(0)
    utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    seen: set[int] = set()
    line, run, unreadable = 1, 0, 0
    while chunk := source.read(_CHUNK):
        begins, (run, line) = line, _bounded(chunk, run, line)
        if b"\0" in chunk:
            told = "This is not a text file: it contains bytes that no text has. Save it as “CSV UTF-8”."
            raise RefusedFile(told, line=begins + _line_ends(chunk[: chunk.index(0)]))
        if chunk.isascii():
            continue
        if utf8:
            utf8 = _still(utf8, chunk)
        if not unreadable and (bad := _UNDEFINED.search(chunk)):
            unreadable = begins + _line_ends(chunk[: bad.start()])
        seen.update(chunk)
    source.seek(0)
    if utf8:
        if utf8.getstate()[0]:
            raise RefusedFile("The file ends in the middle of a character: it is cut off.", line=line)
        return "utf-8-sig" if marked else "utf-8"
    if marked or unreadable:
        told = "The file is neither UTF-8 nor Windows-1252 text: save it again as “CSV UTF-8”."
        raise RefusedFile(told, line=unreadable or None)
    return "iso8859-15" if 0xA4 in seen and not seen.intersection(range(0x80, 0xA0)) else "cp1252"


@contextmanager
def text_lines(source: BinaryIO, encoding: str) -> Iterator[Iterator[str]]:
    """The physical lines of `source`, line ends kept, as the csv module wants them; `source` stays open."""
    wrapper = io.TextIOWrapper(source, encoding=encoding, newline="")
    try:
        yield wrapper
    finally:
        with suppress(ValueError):  # the caller may have closed the file before the last row was asked for
            wrapper.detach()


def records(lines: Iterable[str], delimiter: str, *, quoted: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Records with the physical line each begins on; a quotation mark that is never closed is refused."""
    held = 0

    def counted() -> Iterator[str]:
        nonlocal held
        for text in lines:
            held += len(text)
            if held > MAX_LINE:
                raise csv.Error("record too long")
            yield text

    reader = csv.reader(
        counted(),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=quoted,
    )
    before = 0
    try:
        for cells in reader:
            yield before + 1, cells
            before, held = reader.line_num, 0
    except csv.Error as error:
        told = (
            "A row begins here that cannot be read (%(problem)s): look for a quotation mark that is not closed "
            "or not doubled."
        )
        raise RefusedFile(told, line=before + 1, problem=str(error)) from None


def header_line(lines: Iterable[str]) -> str:
    """The first line that is not blank; empty when there is none."""
    return next((text for text in lines if text.strip()), "")


def _bounded(chunk: bytes, run: int, line: int) -> tuple[int, int]:
    """Length of the line that goes on at the chunk's end, and its number; refuses one beyond `MAX_LINE`."""
    first = min((at for at in (chunk.find(b"\n"), chunk.find(b"\r")) if at >= 0), default=len(chunk))
    if run + first > MAX_LINE:
        told = "This line is longer than %(limit)s characters: it is not a business file, or its line ends are lost."
        raise RefusedFile(told, line=line, limit=MAX_LINE)
    if first == len(chunk):
        return run + len(chunk), line
    last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
    return len(chunk) - last - 1, line + _line_ends(chunk)


def _line_ends(chunk: bytes) -> int:
    return chunk.count(b"\n") or chunk.count(b"\r")


def _still(decoder: codecs.IncrementalDecoder, chunk: bytes) -> codecs.IncrementalDecoder | None:
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError:
        return None
    return decoder
