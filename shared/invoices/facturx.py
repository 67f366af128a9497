"""Factur-X: a PDF for people that carries its CII for machines."""

from __future__ import annotations

import logging
from typing import BinaryIO

from shared.errors import RefusedFile
from shared.invoices.cii import read_cii
from shared.invoices.einvoice import EInvoice
from shared.invoices.xml import MAX_XML

# The names Factur-X 1.09 and ZUGFeRD 2 allow; XRechnung in a PDF uses the last.
NAMES = frozenset(("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"))
MAX_PDF = 50 * 1024**2

logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of every harmless irregularity


def read_facturx(source: BinaryIO) -> EInvoice:
    """Read the invoice a Factur-X PDF carries."""
    return read_cii(attached_xml(source))


def attached_xml(source: BinaryIO) -> bytes:
    """The one invoice attached to a PDF."""
    from pypdf import PdfReader

    source.seek(0)
    if b"%PDF-" not in source.read(1024):
        raise RefusedFile("This is not a PDF: it does not begin as one.")
    if source.seek(0, 2) > MAX_PDF:
        raise RefusedFile("This PDF has more than %(limit)s MB: it is refused.", limit=MAX_PDF // 1024**2)
    source.seek(0)
    try:
        reader = PdfReader(source)
        if reader.is_encrypted:
            raise RefusedFile("This PDF is protected by a password: an invoice must be readable without one.")
        found = [content for name, content in _attachments(reader) if name.lower() in NAMES]
    except RefusedFile:
        raise
    except Exception as error:  # a damaged PDF surfaces as whatever pypdf's inner readers happen to meet
        told = "This PDF is damaged and cannot be read (%(problem)s)."
        raise RefusedFile(told, problem=type(error).__name__) from error
    if not found:
        raise RefusedFile(
            "This PDF carries no electronic invoice: a Factur-X has a file “factur-x.xml” attached."
        )
    if len(found) > 1:
        told = "This PDF carries %(count)s electronic invoices; a Factur-X has exactly one."
        raise RefusedFile(told, count=len(found))
    if len(found[0]) > MAX_XML:
        raise RefusedFile("The invoice attached to this PDF is too large.")
    return found[0]


def _attachments(reader) -> list[tuple[str, bytes]]:  # type: ignore[no-untyped-def]
    return [(str(name), bytes(content)) for name, parts in reader.attachments.items() for content in parts]
