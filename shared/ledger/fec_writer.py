"""Write a FEC (fichier des écritures comptables, LPF A47 A-1): journal lines in, bytes out, as they come.

UTF-8, tab, CRLF, decimal comma. Texts lose whatever would break a line or a column. The order of the entries and the
continuity of their numbers are the journal's business, not the writer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import NamedTuple

from shared.errors import DomainError
from shared.money import digits

HEADER = (
    *("JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum"),
    *("CompAuxLib", "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet"),
    *("ValidDate", "Montantdevise", "Idevise"),
)
_BREAKING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029|]+")
_BATCH = 1000


class FecLine(NamedTuple):
    """One line of an entry, in the order of the law's columns; amounts in minor units of the books' currency."""

    journal_code: str
    journal_name: str
    entry_number: str
    booked_on: date
    account: str
    account_name: str
    auxiliary: str
    auxiliary_name: str
    piece: str
    piece_on: date | None
    label: str
    debit_minor: int
    credit_minor: int
    lettering: str = ""
    lettered_on: date | None = None
    validated_on: date | None = None
    foreign_minor: int | None = None
    foreign_currency: str = ""


def fec_name(siren: str, closing_on: date) -> str:
    """The name the law gives the file: SIREN, FEC, closing day.

    >>> fec_name("857147961", date(2026, 12, 31))
    '857147961FEC20261231.txt'
    """
    if not re.fullmatch(r"[0-9]{9}", siren):
        raise DomainError("A FEC is named after the SIREN of the company, nine digits; it has none yet.")
    return f"{siren}FEC{closing_on:%Y%m%d}.txt"


def write_fec(lines: Iterable[FecLine], currency: str = "EUR") -> Iterator[bytes]:
    """The file in pieces of a thousand lines; memory does not grow with the journal."""
    yield ("\t".join(HEADER) + "\r\n").encode()
    remaining = iter(lines)
    while batch := list(islice(remaining, _BATCH)):
        yield "".join(_told(line, currency) for line in batch).encode()


def _told(line: FecLine, currency: str) -> str:
    cells = (
        _text(line.journal_code),
        _text(line.journal_name),
        _text(line.entry_number),
        _day(line.booked_on),
        _text(line.account),
        _text(line.account_name),
        _text(line.auxiliary),
        _text(line.auxiliary_name),
        _text(line.piece) or _text(line.entry_number),
        _day(line.piece_on or line.booked_on),
        _text(line.label),
        _amount(line.debit_minor, currency),
        _amount(line.credit_minor, currency),
        _text(line.lettering),
        _day(line.lettered_on),
        _day(line.validated_on or line.booked_on),
        "" if line.foreign_minor is None else _amount(line.foreign_minor, line.foreign_currency),
        line.foreign_currency,
    )
    return "\t".join(cells) + "\r\n"


def _text(value: str) -> str:
    """
    >>> _text("Vente | négoce\\r\\n suite ")
    'Vente négoce suite'
    """
    return " ".join(_BREAKING.sub(" ", value).split())


def _day(value: date | None) -> str:
    return f"{value:%Y%m%d}" if value else ""


def _amount(minor: int, currency: str) -> str:
    """
    >>> _amount(-5, "EUR"), _amount(123456, "EUR"), _amount(700, "JPY")
    ('-0,05', '1234,56', '700')
    """
    places = digits(currency)
    figures = str(abs(minor)).rjust(places + 1, "0")
    whole, fraction = (figures[:-places], "," + figures[-places:]) if places else (figures, "")
    return ("-" if minor < 0 else "") + whole + fraction
