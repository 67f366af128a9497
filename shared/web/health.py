"""Two questions of a supervisor: does the process live, and may it get work."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint
from flask.typing import ResponseReturnValue

from shared.web import access_log
from shared.web.access import public


def blueprint(ready: Callable[[], bool]) -> Blueprint:
    """`/healthz` answers while the process lives; `/readyz` 503 until `ready()` holds."""
    made = Blueprint("health", __name__)

    @made.get("/healthz")
    @public
    def alive() -> ResponseReturnValue:
        return {"status": "alive"}

    @made.get("/readyz")
    @public
    def readiness() -> ResponseReturnValue:
        try:
            holds = ready()
        except Exception as error:  # whatever is wrong, the answer is the same: not now
            access_log.failed(error)
            holds = False
        return ({"status": "ready"}, 200) if holds else ({"status": "not ready"}, 503)

    return made
