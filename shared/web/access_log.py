"""One line of JSON per request, with an id that the error page shows and every log line of the request carries.

Addresses may hold secrets (a single-use login link), so the route is logged, never the path or the query.
"""

from __future__ import annotations

from time import perf_counter

import structlog
from flask import Flask, Response, g, request

from shared import logs
from shared.ids import new_id

log = structlog.get_logger("web")


def install(app: Flask) -> None:
    if not structlog.is_configured():
        logs.configure()
    app.logger.disabled = True  # a failure is told once, below, with the request's id
    app.before_request(_begin)
    app.after_request(_end)


def request_id() -> str:
    """The id of the request being answered; support finds the log lines by it."""
    return str(g.get("request_id", ""))


def failed(error: BaseException) -> None:
    """Log a failure nobody foresaw, with its traceback."""
    log.error("failed", exc_info=error)


def _begin() -> None:
    g.request_id = new_id().hex
    g.began = perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id, route=str(request.url_rule or "none"))


def _end(response: Response) -> Response:
    actor = g.get("actor")
    response.headers["X-Request-Id"] = request_id()
    if request.blueprint not in ("assets", "health"):
        log.info(
            "answered",
            method=request.method,
            status=response.status_code,
            milliseconds=round((perf_counter() - g.began) * 1000, 1),
            actor=f"{actor.kind}:{actor.id}" if actor else None,
        )
    return response
