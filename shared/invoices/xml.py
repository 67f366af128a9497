"""XML of electronic invoices, read without ever resolving an entity, and the values standards put in it."""

from __future__ import annotations

import io
import re
from datetime import date

from lxml import etree

from shared.errors import DomainError, RefusedFile
from shared.iban import parse as parse_iban
from shared.money import parse_currency, parse_xml_minor

# Invoices carry their attachments inside; beyond this they are no invoice a person could read.
MAX_XML = 30 * 1024**2
_BASIC_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_ISO_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:Z|[+-]\d\d:\d\d)?", re.ASCII)


def read_root(content: bytes) -> etree._Element:
    """The root element; a document type is refused before anything it declares could be used."""
    if len(content) > MAX_XML:
        raise RefusedFile("This XML has more than %(limit)s MB: it is refused.", limit=MAX_XML // 1024**2)
    try:
        refuse_document_type(content)
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
        )
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        told = "The XML is damaged here: %(problem)s"
        raise RefusedFile(told, line=line, column=column, problem=str(error.msg)[:120]) from None


def refuse_document_type(content: bytes) -> str:
    """The local name of the root element, of a document without document type (hence without entities)."""
    walk = etree.iterparse(
        io.BytesIO(content), events=("start",), resolve_entities=False, no_network=True, load_dtd=False
    )
    _, root = next(iter(walk))
    if root.getroottree().docinfo.doctype:
        told = "This XML carries a document type (DOCTYPE), which invoices never do: it is refused."
        raise RefusedFile(told, line=line_of(root))
    return local_name(root)


def find(node: etree._Element | None, path: str) -> etree._Element | None:
    """The first element at a path of local names; standards change their namespaces, not their names."""
    return None if node is None else node.find("/".join(f"{{*}}{name}" for name in path.split("/")))


def find_all(node: etree._Element | None, path: str) -> list[etree._Element]:
    return [] if node is None else node.findall("/".join(f"{{*}}{name}" for name in path.split("/")))


def text(node: etree._Element | None, *paths: str) -> str:
    """The trimmed text at the first of the paths that has one."""
    for path in paths:
        found = find(node, path)
        if found is not None and (value := " ".join((found.text or "").split())):
            return value[:500]
    return ""


def needed(node: etree._Element | None, path: str, refusal: str) -> str:
    """The text at `path`; the sentence `refusal` where there is none."""
    if value := text(node, path):
        return value
    raise RefusedFile(refusal, line=line_of(node), column=path.rsplit("/", 1)[-1])


def currency_of(node: etree._Element | None, path: str) -> str:
    """The document's currency, an ISO 4217 code."""
    code = needed(node, path, "The invoice has no currency.")
    try:
        return parse_currency(code)
    except DomainError as refusal:
        raise RefusedFile(
            refusal.sentence, line=line_of(find(node, path)), column=path, **refusal.params
        ) from None


def local_name(node: etree._Element) -> str:
    """The name of an element without its namespace."""
    return str(node.tag).rpartition("}")[2]


def line_of(node: etree._Element | None) -> int | None:
    """The line of the file an element stands on."""
    line: object = None if node is None else node.sourceline
    return line if isinstance(line, int) else None


def minor(node: etree._Element | None, path: str, currency: str) -> int | None:
    """An amount in minor units, or none where the element is absent; an empty element is refused."""
    found = find(node, path)
    return None if found is None else amount_of(found, currency)


def amount_of(found: etree._Element, currency: str) -> int:
    try:
        return parse_xml_minor(found.text or "", currency)
    except DomainError as refusal:
        column = local_name(found)
        raise RefusedFile(refusal.sentence, line=line_of(found), column=column, **refusal.params) from None


def day(node: etree._Element | None, path: str) -> date | None:
    """A day, in the basic form of UN/CEFACT (format 102) or in ISO form, or none where the element is absent."""
    found = find(node, path)
    if found is None:
        return None
    value = (found.text or "").strip()
    match = _BASIC_DAY.fullmatch(value) or _ISO_DAY.fullmatch(value)
    try:
        if match:
            return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        pass
    told = "“%(value)s” is not a date of the standard: 2026-03-31, or 20260331 with format 102, was expected."
    raise RefusedFile(told, line=line_of(found), column=path.rsplit("/", 1)[-1], value=value[:40])


def iban(node: etree._Element | None, path: str) -> str:
    found = text(node, path)
    if not found:
        return ""
    try:
        return parse_iban(found)
    except DomainError as refusal:
        line = line_of(find(node, path))
        raise RefusedFile(refusal.sentence, line=line, column="IBAN", **refusal.params) from None
