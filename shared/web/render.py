"""One URL, two answers: the page for a browser, its fragment for htmx. And where to go after a POST."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, flash, make_response, redirect, render_template, request
from flask.wrappers import Response

from shared.web.assets import asset
from shared.web.language import gettext


def install(app: Flask) -> None:
    app.jinja_env.globals.update(asset=asset)


def wants_fragment() -> bool:
    """htmx asks for a part of the page; when it restores history or boosts a link it needs the whole."""
    ask = request.headers.get
    whole = ask("HX-History-Restore-Request") == "true" or ask("HX-Boosted") == "true"
    return ask("HX-Request") == "true" and not whole


def render(template: str, /, *, fragment: str | None = None, status: int = 200, **context: Any) -> Response:
    """`invoices/index.html` as a page; for htmx `invoices/_index.html` (or `fragment`, beside it).

    A page without a fragment answers htmx with the page. `status=422` for a form that was refused.
    """
    if wants_fragment():
        folder, _, name = template.rpartition("/")
        part = f"{folder}/{fragment or '_' + name}".lstrip("/")
        found = current_app.jinja_env.get_or_select_template([part] if fragment else [part, template])
        return make_response(render_template(found, **context), status)
    return make_response(render_template(template, **context), status)


def see_other(url: str) -> Response:
    """After a POST that changed something: show another page (303), so that reloading repeats nothing."""
    if request.headers.get("HX-Request") == "true":
        return make_response("", 204, {"HX-Redirect": url})
    return make_response(redirect(url, 303))


def notice(message: str, /, kind: str = "success", **params: Any) -> None:
    """Say something at the top of the next page. Kinds: success, info, warning, danger."""
    flash(gettext(message, **params), kind)
