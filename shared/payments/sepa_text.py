"""Texts as SEPA payment files carry them (EPC217-08): a small Latin set, and limits for names and identifiers."""

from __future__ import annotations

import re
import unicodedata

from shared.errors import DomainError

_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)
# The Latin set that every bank of the scheme accepts, and what EPC217-08 puts for some other characters.
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
_INSTEAD = str.maketrans(
    {
        "&": "+",
        "@": ".",
        "_": "-",
        "€": "EUR",
        "ß": "ss",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
    }
    | dict.fromkeys("’‘`´", "'")
    | dict.fromkeys("–—‑", "-")
    | {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH", "ı": "i"}
)


class NoPaymentFile(DomainError):
    code = "no_payment_file"
    sentence = "A payment file needs at least one transfer."


def transliterate(text: str) -> str:
    """In the characters every bank accepts; accents go, what has no counterpart becomes a full stop (EPC217-08).

    >>> transliterate("Société Élan & Cœur – «Lyon»")
    'Societe Elan + Coeur - .Lyon.'
    """
    plain = unicodedata.normalize("NFKD", " ".join(text.split()).translate(_INSTEAD))
    kept = "".join(c if c in _ALLOWED else "." for c in plain if not unicodedata.combining(c))
    return " ".join(kept.split())


def name(text: str) -> str:
    """A party's name: 1 to 70 characters, one letter or digit among them."""
    told = transliterate(text)
    if not 1 <= len(told) <= 70 or not any(c.isalnum() for c in told):
        raise NoPaymentFile(
            "“%(value)s” cannot be a name in a payment file: 1 to 70 Latin characters.", value=text[:80]
        )
    return told


def identifier(text: str) -> str:
    """An identifier as given, or refused: it must come back from the bank as it was sent."""
    if not is_identifier(text):
        raise NoPaymentFile("“%(value)s” cannot be an identifier in a payment file.", value=text[:60])
    return text


def is_identifier(text: str) -> bool:
    """EPC: at most 35 characters of the set, no slash at either end, no two together."""
    return 1 <= len(text) <= 35 and set(text) <= _ALLOWED and "//" not in text and text == text.strip("/ ")


def bic(text: str) -> str:
    """A BIC of 8 or 11 characters, in capitals."""
    compact = "".join(text.split()).upper()
    if not _BIC.fullmatch(compact):
        raise NoPaymentFile("“%(value)s” is not a BIC such as BNPAFRPP.", value=text[:40])
    return compact
