"""The frame around each page: the app's name, where one can go, who one is, which language and light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask, request, url_for

from shared.actor import Permission
from shared.i18n import LANGUAGES
from shared.web.access import visitor
from shared.web.language import THEMES, gettext, language, theme

_LANGUAGE_NAMES = {"en": "English", "fr": "Français"}


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the main menu: shown to who holds the permission, current on all pages of its blueprint."""

    label: str
    endpoint: str
    icon: str
    permission: Permission | None = None


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    href: str
    current: bool
    icon: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Shell:
    """What `layout.html` draws."""

    title: str
    home: str
    person: str | None
    logout: str | None
    nav: tuple[Link, ...]
    languages: tuple[Link, ...]
    themes: tuple[Link, ...]


def install(app: Flask, *, title: str, nav: Sequence[NavItem], home: str | None, logout: str) -> None:
    def shell() -> Shell:
        actor = visitor()
        return Shell(
            title=title,
            home=url_for(home) if home else "/",
            person=actor.name if actor else None,
            logout=url_for(logout) if actor else None,
            nav=_nav(nav),
            languages=_languages(),
            themes=_themes(),
        )

    app.jinja_env.globals.update(shell=shell)


def here(**changed: Any) -> str:
    """The address of this page with some query parameters changed; None takes one away."""
    kept = request.args.to_dict(flat=False)
    for name, value in changed.items():
        kept.pop(name, None)
        if value is not None:
            kept[name] = [str(value)]
    # Relative, so that no address however odd becomes a link to another site.
    return "?" + urlencode(kept, doseq=True)


def _nav(items: Sequence[NavItem]) -> tuple[Link, ...]:
    actor = visitor()
    if actor is None:
        return ()
    seen = [item for item in items if item.permission is None or actor.may(item.permission)]
    return tuple(
        Link(gettext(i.label), url_for(i.endpoint), i.endpoint.split(".")[0] in request.blueprints, i.icon)
        for i in seen
    )


def _languages() -> tuple[Link, ...]:
    spoken = language()
    return tuple(Link(_LANGUAGE_NAMES[c], here(lang=c), c == spoken, code=c) for c in LANGUAGES)


def _themes() -> tuple[Link, ...]:
    names = {"auto": gettext("Automatic"), "light": gettext("Light"), "dark": gettext("Dark")}
    icons = {"auto": "contrast", "light": "sun", "dark": "moon"}
    return tuple(Link(names[t], here(theme=t), t == theme(), icons[t], t) for t in THEMES)
