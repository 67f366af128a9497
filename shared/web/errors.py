"""The one place where a refusal becomes an answer: a designed page, or for htmx a callout above the page."""

from __future__ import annotations

from flask import Flask, Response, make_response, render_template
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from shared.errors import Conflict, DomainError, NotAllowed, NotFound, RefusedFile, TooManyRequests
from shared.i18n import N_, tell
from shared.web import access_log
from shared.web.language import gettext, language
from shared.web.render import wants_fragment

_STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (Conflict, 409),
    (TooManyRequests, 429),
)
_TITLES = {
    400: N_("This request could not be understood"),
    403: N_("This page is not open to you"),
    404: N_("There is nothing here"),
    405: N_("This page cannot be used this way"),
    409: N_("This changed meanwhile"),
    413: N_("This file is too large"),
    422: N_("This is not possible"),
    429: N_("A little slower, please"),
    500: N_("Something went wrong on our side"),
}
_SENTENCES = {
    400: N_("Go back, reload the page and try again."),
    403: N_("If you need it for your work, ask an administrator for the right to see it."),
    404: N_("The address may be mistyped, or what it showed is not yours to see."),
    405: N_("Go back to the page you came from and use its buttons."),
    413: N_("Split it into smaller files, or ask your administrator to import it on the server."),
    422: N_("Go back and check what you entered."),
    429: N_("Too many attempts. Wait a few minutes and try again."),
    500: N_("Nothing was changed. We have been told; try again in a few minutes."),
}


def install(app: Flask) -> None:
    app.register_error_handler(DomainError, _refused)
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(HTTPException, _http)


def status_of(error: DomainError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 422)


def told(error: DomainError) -> str:
    """A refusal in the reader's language; of a file it also says where."""
    sentence = tell(language(), error)
    if not isinstance(error, RefusedFile):
        return sentence
    if error.line is not None and error.column is not None:
        place = gettext("Line %(line)s, column %(column)s", line=error.line, column=error.column)
    elif error.line is not None:
        place = gettext("Line %(line)s", line=error.line)
    else:
        return sentence
    return gettext("%(place)s: %(sentence)s", place=place, sentence=sentence)


def _refused(error: DomainError) -> Response:
    return _answer(status_of(error), told(error))


def _stale(_error: CSRFError) -> Response:
    return _answer(
        400, gettext("This form is too old or came from elsewhere. Reload the page and send it again.")
    )


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400 and error.response is None:  # a redirect that routing raised
        return make_response(error.get_response())
    if error.response is not None:
        return make_response(error.response)
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        access_log.failed(error.original_exception)
    answer = _answer(
        status, gettext(_SENTENCES[status]) if status in _SENTENCES else gettext(_SENTENCES[400])
    )
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def _answer(status: int, sentence: str) -> Response:
    shown = {
        "title": gettext(_TITLES.get(status, _TITLES[400])),
        "sentence": sentence,
        "code": status,
        "reference": access_log.request_id() if status >= 500 else None,
    }
    if wants_fragment():
        answer = make_response(render_template("errors/_refusal.html", **shown), status)
        # Whatever part of the page was asked for, the refusal is read out where the notices are.
        answer.headers["HX-Retarget"] = "#notices"
        answer.headers["HX-Reswap"] = "innerHTML show:#notices:top"
        answer.headers["HX-Reselect"] = "unset"  # an element's `hx-select` would find nothing in it
        return answer
    return make_response(render_template("errors/page.html", **shown), status)
