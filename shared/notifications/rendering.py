"""From a template to a mail: subject, plain text and HTML, in the reader's language.

`templates/<name>.txt` has the blocks `subject` and `body`, `templates/<name>.html` those of `_base.html`. Both get
the same context; the filters are `money` (a Money), `day` and `instant`. What a template needs and was not given is
an error when the message is queued, never a hole in a mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from shared import i18n
from shared.config import settings
from shared.money import Money
from shared.notifications.rules import one_line

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    text: str
    html: str


def render(template: str, language: str, context: dict[str, Any]) -> Rendered:
    """The mail `template` makes of `context`."""
    environment = _environment(language)
    told = {"language": language, "portal_url": settings().portal_url, **context}
    text = environment.get_template(f"{template}.txt")
    subject = one_line("".join(text.blocks["subject"](text.new_context(told))))
    html = environment.get_template(f"{template}.html").render(told, subject=subject)
    return Rendered(subject, text.render(told).strip() + "\n", html)


@cache
def _environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = i18n.translations(language)
    made.install_gettext_callables(  # type: ignore[attr-defined]
        catalogue.ugettext, catalogue.ungettext, newstyle=True
    )

    def money(value: Money) -> str:
        return i18n.money(language, value.minor, value.currency)

    def day(value: date) -> str:
        return i18n.day(language, value, "long")

    def instant(value: datetime) -> str:
        return i18n.instant(language, value)

    made.filters.update(money=money, day=day, instant=instant)
    return made
