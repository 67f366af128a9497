"""Which language and which light: the switch on the page, else what was saved, else what the browser asks for.

Both switches are links (`?lang=fr`, `?theme=dark`) that leave a cookie, so they work without JavaScript. A switch
is the latest explicit word, hence it wins over the language saved with the person.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from flask import Flask, Response, current_app, g, has_request_context, request

from shared import i18n
from shared.i18n import LANGUAGES
from shared.money import Money
from shared.web.access import visitor

THEMES = ("auto", "light", "dark")
_A_YEAR = 31_536_000


def install(app: Flask, person_language: Callable[[], str | None]) -> None:
    app.after_request(_remember)
    app.extensions["person_language"] = person_language
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: i18n.translations(language()).ugettext(text),
        lambda one, many, count: i18n.translations(language()).ungettext(one, many, count),
        newstyle=True,
    )
    app.jinja_env.filters.update(
        money=money, amount=amount, day=day, instant=instant, number=number, translated=translated
    )
    app.jinja_env.globals.update(language=language, theme=theme)


def language() -> str:
    """The language of this answer; English outside a request."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        g.language = _choose()
    return str(g.language)


def theme() -> str:
    """`auto` (what the device prefers), `light` or `dark`."""
    wanted = request.args.get("theme") or request.cookies.get("theme")
    return wanted if wanted in THEMES else "auto"


def gettext(message: str, /, **params: Any) -> str:
    """`message` in the language of this answer, for views."""
    return i18n.gettext(language(), message, **params)


def ngettext(one: str, many: str, count: int, /, **params: Any) -> str:
    return i18n.ngettext(language(), one, many, count, **params)


def translated(text: object) -> str:
    """A text that came without parameters (a form's label, an error): looked up, never formatted."""
    return str(i18n.translations(language()).ugettext(str(text))) if str(text) else ""


def money(value: Money | int, currency: str | None = None) -> str:
    """`{{ total|money }}` or `{{ item.open_minor|money(item.currency) }}`."""
    value = _as_money(value, currency)
    return _legible(i18n.money(language(), value.minor, value.currency))


def amount(value: Money | int, currency: str | None = None) -> str:
    """The bare number, where the currency stands beside it."""
    value = _as_money(value, currency)
    return _legible(i18n.amount(language(), value.minor, value.currency))


def day(value: date, form: str = "medium") -> str:
    return i18n.day(language(), value, form)


def instant(value: datetime, form: str = "medium") -> str:
    return i18n.instant(language(), value, form)


def number(value: int) -> str:
    return _legible(i18n.number(language(), value))


def _legible(written: str) -> str:
    # The face of our screens has no narrow no-break space; what browsers make up for it cannot be seen.
    return written.replace("\u202f", "\u00a0")


def _as_money(value: Money | int, currency: str | None) -> Money:
    if isinstance(value, Money):
        return value
    if currency is None:
        raise TypeError("an amount needs its currency")
    return Money(value, currency)


def _choose() -> str:
    for wanted in (request.args.get("lang"), request.cookies.get("lang")):
        if wanted in LANGUAGES:
            return wanted
    # Only asked for who is signed in: on the page that says the database is down, nobody is.
    if visitor() and (saved := current_app.extensions["person_language"]()):
        return i18n.speaks(saved)
    return request.accept_languages.best_match(LANGUAGES) or "en"


def _remember(response: Response) -> Response:
    for name, choices in (("lang", LANGUAGES), ("theme", THEMES)):
        wanted = request.args.get(name, "")
        if wanted in choices:
            secure = current_app.config["SESSION_COOKIE_SECURE"]
            response.set_cookie(name, wanted, max_age=_A_YEAR, samesite="Lax", secure=secure)
    return response
