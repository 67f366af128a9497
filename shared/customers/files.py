"""The customers file: its columns, and each row as plain checked values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import BinaryIO, NamedTuple

from babel.core import Locale
from stdnum.eu import vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren as siren_standard

from shared.customers.terms import parse_terms
from shared.errors import DomainError
from shared.iban import parse as parse_iban
from shared.money import parse_minor
from shared.tabular.reader import open_table
from shared.tabular.rows import RowCheck, RowError

KINDS = ("business", "public", "consumer")
REQUIRED = ("customer_ref", "name")
COLUMNS = (
    *REQUIRED,
    *("siren", "vat_id", "country", "language", "email", "phone", "address", "postcode", "city", "segment"),
    *("sales_owner", "group_code", "credit_limit", "payment_terms", "iban", "kind"),
)
_EMAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]+\.[^\s@,;<>\"]+")
_LANGUAGE = re.compile(r"([a-z]{2})(?:[-_][a-z]{2})?", re.IGNORECASE | re.ASCII)


class CustomerRow(NamedTuple):
    """One customer. An empty text means the cell was empty or the column absent: `CustomersFile.columns` tells which."""

    line: int
    customer_ref: str
    name: str
    siren: str = ""
    vat_id: str = ""
    country: str = ""
    language: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""
    postcode: str = ""
    city: str = ""
    segment: str = ""
    sales_owner: str = ""
    group_code: str = ""
    credit_limit_minor: int | None = None
    payment_terms: str = ""
    ibans: tuple[str, ...] = ()
    kind: str = "business"


@dataclass(frozen=True, slots=True)
class CustomersFile:
    """What the header says, and the rows or their refusals as they are read."""

    format: str
    columns: frozenset[str]
    unknown: tuple[str, ...]
    rows: Iterator[CustomerRow | RowError]


def read_customers(source: BinaryIO, currency: str = "EUR") -> CustomersFile:
    """Read a customers file (CSV or XLSX); `currency` is that of the credit limits."""
    table = open_table(source, COLUMNS, REQUIRED)

    def customer(check: RowCheck, cells: tuple[str, ...]) -> CustomerRow:
        (ref, name, siren, vat_id, country, language, email, *texts, limit, terms, ibans, kind) = cells
        phone, address, postcode, city, segment, sales_owner, group_code = texts
        if email and not _EMAIL.fullmatch(email):
            check.refuse("email", email, "“%(value)s” is not one e-mail address.", value=email[:60])
        return CustomerRow(
            check.line,
            check.needed("customer_ref", ref),
            check.needed("name", name),
            (siren and check.read("siren", siren, read_siren)) or "",
            (vat_id and check.read("vat_id", vat_id, read_vat_id)) or "",
            (country and check.read("country", country, read_country)) or "",
            (language and check.read("language", language, read_language)) or "",
            email,
            phone,
            address,
            postcode,
            city,
            segment,
            sales_owner,
            group_code,
            _limit(check, limit, currency),
            str((terms and check.read("payment_terms", terms, _terms)) or ""),
            tuple(found for text in _ibans(ibans) if (found := check.read("iban", text, parse_iban))),
            check.one_of("kind", kind, KINDS),
        )

    return CustomersFile(table.format, table.columns, table.unknown, table.read(customer))


def read_siren(text: str) -> str:
    """A SIREN: nine digits whose last is a Luhn check digit.

    >>> read_siren("857 147 961")
    '857147961'
    """
    try:
        return str(siren_standard.validate(text))
    except ValidationError:
        told = "“%(value)s” is not a SIREN: nine digits, the last of which checks the others."
        raise DomainError(told, value=text[:40]) from None


def read_vat_id(text: str) -> str:
    """A VAT number, checked where the European Union defines its shape; others are kept as they are.

    >>> read_vat_id("fr 85 857147961"), read_vat_id("CHE-107.787.577 TVA")
    ('FR85857147961', 'CHE107787577TVA')
    """
    compact = re.sub(r"[\s.\-]", "", text).upper()
    try:
        european = compact[:2].lower() in (*vat.MEMBER_STATES, "el", "xi")
        return str(vat.validate(compact)) if european else compact
    except ValidationError:
        told = "“%(value)s” is not a VAT number: its length or its check digits are wrong."
        raise DomainError(told, value=text[:40]) from None


@lru_cache(maxsize=512)
def read_country(text: str) -> str:
    """An ISO 3166 country code of two letters."""
    code = text.upper()
    if code not in _countries():
        told = "“%(value)s” is not a country code of two letters such as FR."
        raise DomainError(told, value=text[:40])
    return code


@lru_cache(maxsize=512)
def read_language(text: str) -> str:
    """A language code of two letters; a region after it is dropped (`fr-CA` → `fr`)."""
    found = _LANGUAGE.fullmatch(text)
    if not found:
        raise DomainError("“%(value)s” is not a language code such as fr or en.", value=text[:40])
    return found[1].lower()


@cache
def _countries() -> frozenset[str]:
    codes = map(str, Locale("en").territories)
    return frozenset(
        code for code in codes if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES
    )


# Unicode groupings and placeholders that are not ISO 3166 countries.
_NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})


@lru_cache(maxsize=512)
def _terms(text: str) -> str:
    return str(parse_terms(text))


def _limit(check: RowCheck, text: str, currency: str) -> int | None:
    minor = check.read("credit_limit", text, parse_minor, currency) if text else None
    if minor is not None and minor < 0:
        check.refuse("credit_limit", text, "A credit limit cannot be negative.")
    return minor


def _ibans(text: str) -> list[str]:
    """IBANs are separated by spaces; a lone one may itself be written in groups of four."""
    words = text.replace(",", " ").replace(";", " ").split()
    grouped = len(words) > 1 and all(len(word) <= 4 for word in words)
    return ["".join(words)] if grouped else words
