"""Languages: English message ids, French catalogues, and the way each language writes days and amounts.

Screens, mails, PDFs and files use these same functions, so they can never disagree. Catalogues are `.po` files,
compiled in memory at first use: no build step, no binary in the repository.
"""

from __future__ import annotations

import io
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from babel.core import Locale
from babel.dates import format_date, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.support import NullTranslations, Translations

from shared.clock import BUSINESS_ZONE
from shared.errors import DomainError
from shared.money import Money, digits

LANGUAGES = ("en", "fr")
_LOCALES = {"en": Locale("en", "GB"), "fr": Locale("fr", "FR")}
_ROOT = Path(__file__).resolve().parent.parent


@cache
def translations(language: str) -> NullTranslations:
    """The merged catalogue of a language; English is the language of the message ids."""
    merged: NullTranslations = NullTranslations()
    for path in sorted(_ROOT.glob(f"*/**/translations/{language}.po")):
        compiled = io.BytesIO()
        with path.open("rb") as source:
            write_mo(compiled, read_po(source, locale=language))
        compiled.seek(0)
        found = Translations(compiled)
        if isinstance(merged, Translations):
            merged.merge(found)
        else:
            merged = found
    return merged


def gettext(language: str, message: str, /, **params: Any) -> str:
    """`message` in `language`, with named parameters filled in."""
    told = str(translations(language).ugettext(message))
    return told % params if params else told


def ngettext(language: str, one: str, many: str, count: int, /, **params: Any) -> str:
    told = str(translations(language).ungettext(one, many, count))
    return told % {"count": count, "num": count, **params}


def tell(language: str, error: DomainError) -> str:
    """A refusal's sentence in the reader's language; its amounts and days as the language writes them."""
    return gettext(language, error.sentence, **{name: _told(language, v) for name, v in error.params.items()})


def _told(language: str, value: Any) -> Any:
    if isinstance(value, Money):
        return money(language, value.minor, value.currency)
    return day(language, value) if isinstance(value, date) else value


def N_(message: str) -> str:  # noqa: N802 - the name gettext tools know for "translate me later"
    """Mark a message for the catalogue where it is written down before its reader is known."""
    return message


def speaks(language: str | None) -> str:
    """The language we answer in to somebody who asks for `language` (`fr-CA` → `fr`; unknown → English).

    >>> speaks("fr-CA"), speaks("nl"), speaks(None)
    ('fr', 'en', 'en')
    """
    short = (language or "").replace("_", "-").split("-")[0].lower()
    return short if short in LANGUAGES else "en"


def money(language: str, minor: int, currency: str) -> str:
    """An amount as the language writes it.

    >>> money("fr", 123456, "EUR"), money("en", -50, "EUR")
    ('1\\u202f234,56\\xa0€', '-€0.50')
    """
    return str(format_currency(Money(minor, currency).decimal, currency, locale=_LOCALES[language]))


def amount(language: str, minor: int, currency: str) -> str:
    """The bare number, for a column whose heading names the currency."""
    places = digits(currency)
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return str(format_decimal(Money(minor, currency).decimal, format=pattern, locale=_LOCALES[language]))


def number(language: str, value: int | float | Decimal) -> str:
    return str(format_decimal(value, locale=_LOCALES[language], decimal_quantization=False))


def day(language: str, value: date, form: str = "medium") -> str:
    """A day for a person: `3 May 2026`, `3 mai 2026`. Forms: short, medium, long, full."""
    return str(format_date(value, format=form, locale=_LOCALES[language]))


def country(language: str, code: str) -> str:
    """A country's name; its code where no name is known.

    >>> country("fr", "DE"), country("en", "DE")
    ('Allemagne', 'Germany')
    """
    return str(_LOCALES[language].territories.get(code, code))


def instant(language: str, value: datetime, form: str = "medium") -> str:
    """An instant on the creditor's wall clock, to the minute."""
    at = format_time(value, format="short", tzinfo=BUSINESS_ZONE, locale=_LOCALES[language])
    return f"{day(language, value.astimezone(BUSINESS_ZONE).date(), form)}, {at}"
