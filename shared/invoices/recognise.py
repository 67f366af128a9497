"""Tell a file's format from its content; its name is never asked."""

from __future__ import annotations

from enum import StrEnum
from typing import BinaryIO

from lxml import etree

from shared.errors import DomainError, RefusedFile
from shared.i18n import N_
from shared.invoices.xml import refuse_document_type
from shared.tabular.delimited import find_encoding, header_line, text_lines

_HEAD = 64 * 1024


class Format(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"
    FEC = "fec"
    CII = "cii"
    UBL = "ubl"
    FACTURX = "facturx"


TABLES = (Format.CSV, Format.XLSX)
_ROOTS = {"CrossIndustryInvoice": Format.CII, "Invoice": Format.UBL, "CreditNote": Format.UBL}


def recognise(source: BinaryIO, forced: str | None = None) -> Format:
    """The format of an invoices file; `forced` is a person's word for it (`--format`)."""
    if forced is not None:
        return _forced(forced, tuple(Format))
    source.seek(0)
    head = source.read(_HEAD)
    source.seek(0)
    if not head.strip():
        raise RefusedFile("The file is empty.")
    if b"%PDF-" in head[:1024]:
        return Format.FACTURX
    if head.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        return Format.XLSX
    if head.lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n\0").startswith(b"<"):
        return _xml_format(head)
    with text_lines(source, find_encoding(source)) as lines:
        header = header_line(lines).lower()
    source.seek(0)
    return Format.FEC if "comptenum" in header and "journalcode" in header else Format.CSV


def _forced(word: str, allowed: tuple[Format, ...]) -> Format:
    if word.lower() not in allowed:
        told = N_("“%(value)s” is not a format: %(allowed)s.")
        raise DomainError(told, value=word[:40], allowed=", ".join(allowed))
    return Format(word.lower())


def _xml_format(head: bytes) -> Format:
    try:
        root = refuse_document_type(head)
    except (etree.XMLSyntaxError, StopIteration) as error:
        told = "This looks like XML but cannot be read (%(problem)s)."
        raise RefusedFile(told, line=1, problem=str(error)[:80]) from None
    if root not in _ROOTS:
        told = "This XML is no invoice: its root is “%(root)s”; a CII or UBL invoice was expected."
        raise RefusedFile(told, line=1, root=root[:60])
    return _ROOTS[root]
