"""IBAN: normalise, check, print. No number that fails the check is stored, printed or put into a payment."""

from __future__ import annotations

import re
from functools import cache

from stdnum import numdb

from shared.errors import DomainError

_SHAPE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_STRUCTURE = re.compile(r"([1-9][0-9]*)!([nac])")
_KINDS = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
_SEPARATORS = dict.fromkeys(map(ord, " \t\r\n\u00a0\u202f\u2009-."))
# ISO 7064: a letter stands for two digits, A = 10 … Z = 35.
_DIGITS = {ord("A") + n: str(10 + n) for n in range(26)}


class InvalidIban(DomainError):
    code = "invalid_iban"
    sentence = "“%(value)s” is not a valid IBAN: one such as FR76 3000 6000 0112 3456 7890 189 was expected."


def normalise(text: str) -> str:
    """The compact form, unchecked.

    >>> normalise("fr76 3000-6000 0112 3456 7890 189")
    'FR7630006000011234567890189'
    """
    return text.translate(_SEPARATORS).upper()


def is_valid(compact: str) -> bool:
    """Whether a compact IBAN has its country's form and right check digits. A few µs; a country's form is looked up once.

    >>> is_valid("FR7630006000011234567890189"), is_valid("FR7630006000011234567890188"), is_valid("FR76")
    (True, False, False)
    """
    if not _SHAPE.fullmatch(compact):
        return False
    form = _form(compact[:2])
    if form is None or not form.fullmatch(compact, 4):
        return False
    return int((compact[4:] + compact[:4]).translate(_DIGITS)) % 97 == 1


def parse(text: str) -> str:
    """The compact IBAN that a person, a form or a file gives; refused when it is not one."""
    compact = normalise(text)
    if not is_valid(compact):
        raise InvalidIban(value=text[:60])
    return compact


def grouped(compact: str) -> str:
    """For the eye, in groups of four.

    >>> grouped("FR7630006000011234567890189")
    'FR76 3000 6000 0112 3456 7890 189'
    """
    return " ".join(compact[i : i + 4] for i in range(0, len(compact), 4))


@cache
def _form(country: str) -> re.Pattern[str] | None:
    """The form of a country's account numbers, from the SWIFT registry that python-stdnum carries."""
    ((_, info), *_) = numdb.get("iban").info(country + "00")
    bban = info.get("bban")
    if not bban:
        return None
    return re.compile(_STRUCTURE.sub(lambda part: f"{_KINDS[part[2]]}{{{part[1]}}}", bban))
