"""The simulator as a server on the loopback address."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from shared.sandbox.stripe.app import make_stripe_app
from shared.sandbox.stripe.store import Store
from shared.sandbox.stripe.webhooks import ensure_endpoint

HOST = "127.0.0.1"


class _Quiet(WSGIRequestHandler):
    """Keeps connections open between requests, and writes no access log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a kept connection waits 40 ms between an answer's head and its body

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def serving(
    path: Path | None = None,
    port: int = 0,
    webhook: tuple[str, str] | None = None,
    retry_seconds: float = 0.1,
    url: str | None = None,
) -> Iterator[str]:
    """The simulator's address while the block runs; `webhook` is an endpoint's address and secret.

    State is in the file at `path`, or in memory. `url` is where browsers reach it when that is another address.
    """
    store = Store(path)
    app = make_stripe_app(store, retry_seconds)
    server = make_server(HOST, port, app, threaded=True, request_handler=_Quiet)
    account, deliverer = app.extensions["stripe"], app.extensions["stripe-webhooks"]
    account.url = url or f"http://{HOST}:{server.server_port}"
    if webhook:
        ensure_endpoint(account, *webhook)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="stripe")
    deliverer.start()
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        deliverer.stop()
        store.close()


def serve_stripe(
    port: int, path: Path, stop: threading.Event, webhook: tuple[str, str] | None = None
) -> None:
    """Serve until `stop` is set; state outlives the process in `path`."""
    with serving(path, port, webhook, retry_seconds=1.0):
        stop.wait()
