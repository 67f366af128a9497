"""ISO 11649 creditor references: `RF`, two check digits, up to 21 letters and digits.

Ours are made from a serial number and hold digits only: so every wrong digit and every two neighbours exchanged
are found, and a letter typed for a digit (O for 0) is not one of ours.
"""

from __future__ import annotations

import re

_SHAPE = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}", re.ASCII)
_BODY = re.compile(r"[A-Z0-9]{1,21}", re.ASCII)
_BLANKS = dict.fromkeys(map(ord, " \t\r\n\u00a0\u202f-./"))
# ISO 7064: a letter stands for two digits, A = 10 … Z = 35.
_DIGITS = {ord("A") + n: str(10 + n) for n in range(26)}
# Shorter numbers look like any other number in a remittance text; leading zeros cost nothing.
_SERIAL_DIGITS = 9


def make(serial: int) -> str:
    """The reference of a serial number.

    >>> make(26001234)
    'RF15026001234'
    """
    if serial < 1:
        raise ValueError("a serial number counts from 1")
    return with_check_digits(f"{serial:0{_SERIAL_DIGITS}}")


def with_check_digits(body: str) -> str:
    """The reference around a number we already have.

    >>> with_check_digits("F2026001234"), with_check_digits("539007547034")
    ('RF62F2026001234', 'RF18539007547034')
    """
    if not _BODY.fullmatch(body):
        raise ValueError("1 to 21 capital letters and digits")
    return f"RF{98 - _number(f'{body}RF00') % 97:02}{body}"


def normalise(text: str) -> str:
    """The compact form of what a person or a bank wrote, unchecked."""
    return text.translate(_BLANKS).upper()


def is_valid(compact: str) -> bool:
    """Whether a compact text is a creditor reference with right check digits.

    >>> is_valid("RF18539007547034"), is_valid("RF18539007547043"), is_valid("539007547034")
    (True, False, False)
    """
    return bool(_SHAPE.fullmatch(compact)) and _number(compact[4:] + compact[:4]) % 97 == 1


def grouped(compact: str) -> str:
    """As printed: groups of four.

    >>> grouped("RF18539007547034")
    'RF18 5390 0754 7034'
    """
    return " ".join(compact[i : i + 4] for i in range(0, len(compact), 4))


def _number(text: str) -> int:
    return int(text.translate(_DIGITS))
