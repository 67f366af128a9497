"""Bad luck on the wire: answers that get lost, and answers that are none. Each planned fault strikes so many times."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from shared.sandbox.gocardless.refusals import Refusal, broken, misuse

Wsgi = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

_GATEWAY_PAGE = (
    b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)
# Whether the request has been carried out when its answer is lost.
KINDS = {
    "error_before_commit": False,
    "error_after_commit": True,
    "reset_before_commit": False,
    "reset_after_commit": True,
    "bad_gateway_before_commit": False,
    "bad_gateway_after_commit": True,
    "rate_limit": False,
}


@dataclass(slots=True)
class Fault:
    """`kind` strikes the next `times` requests of this method whose path begins like this."""

    kind: str
    times: int = 1
    method: str = "POST"
    path: str = "/"


class Faults:
    """Stands between the server and the app; the control API and the payer's pages are spared."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        if fault.kind not in KINDS:
            raise ValueError(f"{fault.kind}: one of {', '.join(KINDS)} was expected")
        with self._lock:
            self._planned.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        fault = self._strike(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if fault is None:
            return self._app(environ, start_response)
        _read(environ)
        if KINDS[fault.kind]:
            _carry_out(self._app, environ)
        return _answer(fault.kind, environ, start_response)

    def _strike(self, method: str, path: str) -> Fault | None:
        if path.startswith(("/_control", "/billing/static")):
            return None
        with self._lock:
            for fault in self._planned:
                if fault.method in (method, "*") and path.startswith(fault.path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._planned.remove(fault)
                    return fault
        return None


def _read(environ: WSGIEnvironment) -> None:
    """Take the whole request, so that the client's last bytes are not what goes wrong."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))


def _carry_out(app: Wsgi, environ: WSGIEnvironment) -> None:
    answer: Any = app(environ, lambda status, headers, exc_info=None: lambda data: None)
    for _ in answer:
        pass
    if hasattr(answer, "close"):
        answer.close()


def _answer(kind: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if kind.startswith("reset"):
        reset(environ)
    if kind.startswith("bad_gateway"):
        start_response("502 Bad Gateway", [("Content-Type", "text/html")])
        return [_GATEWAY_PAGE]
    refusal: Refusal = broken()
    if kind == "rate_limit":
        refusal = misuse(429, "rate_limit_exceeded", "Rate limit exceeded")
    status = f"{refusal.code} {'Too Many Requests' if refusal.code == 429 else 'Internal Server Error'}"
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(refusal.body("fault")).encode()]


def reset(environ: WSGIEnvironment) -> None:
    """Tear the connection: the client reads “connection reset by peer”, not a word of an answer."""
    connection: socket.socket | None = environ.get("werkzeug.socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
    raise ConnectionResetError("planned")
