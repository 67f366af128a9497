"""Money is a type: integer minor units and an ISO 4217 currency. Never a float, never a bare number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

from shared.errors import DomainError

# ISO 4217 list one (SIX, 2026): currencies whose minor unit is not 1/100. All others have two digits.
_ZERO_DIGITS = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
_THREE_DIGITS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
_TWO_DIGITS = frozenset(
    (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
        "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD "
        "HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD "
        "MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON "
        "RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD "
        "TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
    ).split()
)
# Bounds of what a BIGINT column may hold with room to add; 10^15 cents is ten thousand billion euros.
MAX_MINOR = 10**15

# Blanks that banks and spreadsheets put between thousands: space, no-break, narrow no-break, thin, figure.
_BLANKS = dict.fromkeys(map(ord, " \u00a0\u202f\u2009\u2007\t'’"), None)
_MINUSES = dict.fromkeys(map(ord, "\u2212\u2012\u2013\ufe63\uff0d"), "-")
_SHAPE = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?")
_PLAIN = re.compile(r"(-?[0-9]{1,13})[.,]([0-9]{2})")  # nearly all amounts of nearly all files
_XML_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?<=[0-9.])(?<!^\.)", re.ASCII)


class CurrencyMismatch(DomainError):
    code = "currency_mismatch"
    sentence = "Amounts in %(first)s and %(second)s cannot be added."


class UnreadableAmount(DomainError):
    code = "unreadable_amount"
    sentence = "“%(value)s” is not an amount: a number such as 1234.56 or 1 234,56 was expected."


def digits(currency: str) -> int:
    """Decimal digits of a currency's minor unit; an unknown currency is refused.

    >>> digits("EUR"), digits("JPY"), digits("TND")
    (2, 0, 3)
    """
    if currency in _TWO_DIGITS:
        return 2
    if currency in _ZERO_DIGITS:
        return 0
    if currency in _THREE_DIGITS:
        return 3
    raise DomainError("“%(value)s” is not an ISO 4217 currency code such as EUR.", value=currency[:40])


@lru_cache(maxsize=256)
def parse_currency(text: str) -> str:
    """An ISO 4217 currency code, in any case."""
    code = text.upper()
    digits(code)
    return code


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in integer minor units. Adding a bare number or another currency raises.

    >>> Money(1000, "EUR") + Money(234, "EUR")
    Money(minor=1234, currency='EUR')
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"minor units are an int, not {type(self.minor).__name__}")

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.minor).scaleb(-digits(self.currency))

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.minor), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def times(self, rate: Decimal) -> Money:
        """Multiply by a rate, half-up to the minor unit.

        >>> Money(1005, "EUR").times(Decimal("0.5"))
        Money(minor=503, currency='EUR')
        """
        exact = (Decimal(self.minor) * rate).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        return Money(int(exact), self.currency)

    def split(self, parts: int) -> list[Money]:
        """Split into equal parts; the first parts take the cents that are left over.

        >>> [m.minor for m in Money(1000, "EUR").split(3)]
        [334, 333, 333]
        """
        sign = -1 if self.minor < 0 else 1
        each, rest = divmod(abs(self.minor), parts)
        return [Money(sign * (each + (1 if i < rest else 0)), self.currency) for i in range(parts)]

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"cannot combine Money with {type(other).__name__}")
        if other.currency != self.currency:
            raise CurrencyMismatch(first=self.currency, second=other.currency)
        return other.minor


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Sum of amounts that all have `currency`; zero when there are none."""
    result = Money(0, currency)
    for amount in amounts:
        result += amount
    return result


def parse_minor(text: str, currency: str) -> int:
    """Read an amount as people, spreadsheets and banks write it; what is doubtful is refused, never zero.

    >>> parse_minor("1 234,56", "EUR"), parse_minor("1,234.56", "EUR"), parse_minor("-0.5", "EUR")
    (123456, 123456, -50)
    >>> parse_minor("1.234", "EUR")
    Traceback (most recent call last):
    shared.money.UnreadableAmount: “1.234” is not an amount: a number such as 1234.56 or 1 234,56 was expected.
    """
    if (plain := _PLAIN.fullmatch(text)) and currency in _TWO_DIGITS:
        return int(plain[1] + plain[2])
    cleaned = text.translate(_MINUSES).translate(_BLANKS)
    negative = False
    if cleaned.startswith("(") and cleaned.endswith(")"):
        negative, cleaned = True, cleaned[1:-1]
    elif cleaned.endswith("-"):
        negative, cleaned = True, cleaned[:-1]
    cleaned = _plain_point(cleaned)
    match = _SHAPE.fullmatch(cleaned)
    if not match or not (match[2] or match[3]) or not cleaned.isascii():
        raise UnreadableAmount(value=text[:60])
    places, fraction = digits(currency), match[3] or ""
    # “1.230” may be one and a bit, or one thousand two hundred and thirty: doubtful, so refused.
    if len(fraction) > places and len(fraction) != 3:
        fraction = fraction.rstrip("0")
    if len(fraction) > places or len(match[2]) > 16 or (match[1] and negative):
        raise UnreadableAmount(value=text[:60])
    minor = int((match[2] or "0") + fraction.ljust(places, "0"))
    if minor > MAX_MINOR:
        raise UnreadableAmount(value=text[:60])
    return -minor if negative or match[1] == "-" else minor


def parse_xml_minor(text: str, currency: str) -> int:
    """Read an amount of an XML standard (xs:decimal): point only, no separators; extra zeros are harmless.

    >>> parse_xml_minor("1234.5000", "EUR"), parse_xml_minor("-7", "JPY")
    (123450, -7)
    """
    match = _XML_DECIMAL.fullmatch(text.strip())
    if not match:
        raise UnreadableAmount(value=text[:60])
    places, fraction = digits(currency), (match[3] or "").rstrip("0")
    if len(fraction) > places or len(match[2]) > 18:
        raise UnreadableAmount(value=text[:60])
    minor = int((match[2] or "0") + fraction.ljust(places, "0"))
    if minor > MAX_MINOR:
        raise UnreadableAmount(value=text[:60])
    return -minor if match[1] == "-" else minor


def _plain_point(text: str) -> str:
    """Bring decimal comma and thousands separators to a decimal point, where that is beyond doubt."""
    if "," not in text:
        if text.count(".") > 1:  # 1.234.567: thousands, as nobody writes two decimal points
            head, *groups = text.split(".")
            return head + "".join(groups) if all(len(g) == 3 for g in groups) else text
        return text
    if "." not in text:
        if text.count(",") > 1:
            head, *groups = text.split(",")
            return head + "".join(groups) if all(len(g) == 3 for g in groups) else text
        return text.replace(",", ".")
    decimal = max(text.rfind(","), text.rfind("."))
    thousands = "." if text[decimal] == "," else ","
    whole, fraction = text[:decimal], text[decimal + 1 :]
    groups = whole.lstrip("+-").split(thousands)
    proper = text[decimal] not in whole and all(len(g) == 3 for g in groups[1:]) and 1 <= len(groups[0]) <= 3
    return f"{whole.replace(thousands, '')}.{fraction}" if proper else text


def parse_decimal(text: str) -> Decimal:
    """Read a rate or quantity; same notations as `parse_minor`, any number of decimals."""
    cleaned = _plain_point(text.translate(_MINUSES).translate(_BLANKS))
    try:
        value = Decimal(cleaned)
    except InvalidOperation:
        raise UnreadableAmount(value=text[:60]) from None
    if not value.is_finite() or not cleaned.isascii():
        raise UnreadableAmount(value=text[:60])
    return value
