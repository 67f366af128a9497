"""Payment terms: what a customer was granted, and the day an invoice falls due under them."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from shared.errors import DomainError

_SHAPE = re.compile(
    r"(?:(?P<percent>\d{1,2}(?:[.,]\d{1,2})?)\s*%?\s*/\s*(?P<within>\d{1,3})\s+)?"
    r"(?:(?P<net>\d{1,3})\s+net|net\s+(?P<net2>\d{1,3})|(?P<after>\d{1,3})\s+eom|eom\s+(?P<before>\d{1,3}))",
    re.ASCII | re.IGNORECASE,
)
# Code de commerce L441-10: 60 days from the invoice date, or 45 days end of month. Public buyers: 30 days
# (code de la commande publique; hospitals have 50, which a setting of theirs may allow).
_NET_MAXIMUM, _MONTH_END_MAXIMUM, _PUBLIC_MAXIMUM = 60, 45, 30


class UnreadableTerms(DomainError):
    code = "unreadable_terms"
    sentence = "“%(value)s” is not a payment term: 30 net, 45 eom, eom 45 or 1/10 net 30 was expected."


class MonthEnd(StrEnum):
    """“45 jours fin de mois” has two lawful counts; the contract says which (CEPC)."""

    NONE = "none"
    AFTER = "after"  # count the days, then go to the end of that month
    BEFORE = "before"  # go to the end of the invoice's month, then count the days


@dataclass(frozen=True, slots=True)
class Terms:
    """Days granted, how month ends count, and the discount (escompte) for paying early, if any."""

    days: int
    month_end: MonthEnd = MonthEnd.NONE
    discount_percent: Decimal | None = None
    discount_days: int | None = None

    def __str__(self) -> str:
        """The one spelling that files and the database use."""
        discount = f"{self.discount_percent}/{self.discount_days} " if self.discount_percent else ""
        match self.month_end:
            case MonthEnd.AFTER:
                return f"{discount}{self.days} eom"
            case MonthEnd.BEFORE:
                return f"{discount}eom {self.days}"
            case _:
                return f"{discount}net {self.days}" if discount else f"{self.days} net"


def parse_terms(text: str) -> Terms:
    """Read terms as files write them.

    >>> [str(parse_terms(t)) for t in ("30 net", "NET 30", "0 net", "45 EOM", "eom 45", "1/10 net 30", "0,5/10 45 eom")]
    ['30 net', '30 net', '0 net', '45 eom', 'eom 45', '1/10 net 30', '0.5/10 45 eom']
    >>> parse_terms("soon")
    Traceback (most recent call last):
    shared.customers.terms.UnreadableTerms: “soon” is not a payment term: 30 net, 45 eom, eom 45 or 1/10 net 30 was expected.
    """
    found = _SHAPE.fullmatch(text.strip())
    if not found:
        raise UnreadableTerms(value=text[:60])
    month_end = MonthEnd.AFTER if found["after"] else MonthEnd.BEFORE if found["before"] else MonthEnd.NONE
    days = int(found["net"] or found["net2"] or found["after"] or found["before"])
    if not found["percent"]:
        return Terms(days, month_end)
    percent, within = Decimal(found["percent"].replace(",", ".")), int(found["within"])
    if not percent or (month_end is MonthEnd.NONE and within > days):
        raise UnreadableTerms(value=text[:60])
    return Terms(days, month_end, percent, within)


def due_on(terms: Terms, issued_on: date) -> date:
    """The day an invoice issued on `issued_on` falls due.

    The examples of the CEPC for 60 days and for the two counts of 45 days end of month:

    >>> for issued in (date(2026, 1, 15), date(2026, 9, 20), date(2026, 11, 5)):
    ...     print(*(due_on(parse_terms(t), issued) for t in ("60 net", "45 eom", "eom 45")))
    2026-03-16 2026-03-31 2026-03-17
    2026-11-19 2026-11-30 2026-11-14
    2027-01-04 2026-12-31 2027-01-14
    """
    days = timedelta(terms.days)
    match terms.month_end:
        case MonthEnd.AFTER:
            return _end_of_month(issued_on + days)
        case MonthEnd.BEFORE:
            return _end_of_month(issued_on) + days
        case _:
            return issued_on + days


def discount_until(terms: Terms, issued_on: date) -> date | None:
    """The last day on which paying earns the discount; none if the terms grant none.

    >>> discount_until(parse_terms("1/10 net 30"), date(2026, 3, 25))
    datetime.date(2026, 4, 4)
    """
    return None if terms.discount_days is None else issued_on + timedelta(terms.discount_days)


def over_legal_maximum(terms: Terms, customer_kind: str) -> DomainError | None:
    """A warning, never a refusal: what was agreed is kept, whoever agreed to it should know.

    >>> print(over_legal_maximum(parse_terms("90 net"), "business"))
    These terms allow 90 days; between businesses the law allows at most 60 days from the invoice, or 45 days end of month.
    >>> over_legal_maximum(parse_terms("45 eom"), "business") is None
    True
    """
    if customer_kind == "public" and (terms.days > _PUBLIC_MAXIMUM or terms.month_end is not MonthEnd.NONE):
        told = "These terms allow %(days)s days; the law gives most public buyers at most %(maximum)s days."
        return DomainError(told, days=terms.days, maximum=_PUBLIC_MAXIMUM)
    maximum = _NET_MAXIMUM if terms.month_end is MonthEnd.NONE else _MONTH_END_MAXIMUM
    if customer_kind == "business" and terms.days > maximum:
        told = (
            "These terms allow %(days)s days; between businesses the law allows at most 60 days from the invoice, "
            "or 45 days end of month."
        )
        return DomainError(told, days=terms.days)
    return None


def _end_of_month(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
