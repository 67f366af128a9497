"""The simulator as one app, and served on the loopback address."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

from shared.sandbox.gocardless.api import make_api
from shared.sandbox.gocardless.control import make_control
from shared.sandbox.gocardless.courier import Courier
from shared.sandbox.gocardless.hosted import make_hosted_pages
from shared.sandbox.gocardless.refusals import broken, misuse
from shared.sandbox.gocardless.store import Store
from shared.sandbox.gocardless.wire import Faults

HOST = "127.0.0.1"
ACCESS_TOKEN = "sandbox_quittance"  # noqa: S105 - opens nothing but this simulator
_REASONS = {404: "path_not_found", 405: "method_not_allowed", 413: "request_entity_too_large"}


def make_gocardless_app(
    store: Store, *, access_token: str = ACCESS_TOKEN, courier: Courier | None = None
) -> Flask:
    """API, payer's pages and control API over one store. Webhooks leave while a `Courier` runs."""
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    faults = Faults(app.wsgi_app)
    app.wsgi_app = faults  # type: ignore[method-assign]
    app.register_blueprint(make_control(store, courier or Courier(store), faults))
    app.register_blueprint(make_hosted_pages(store))
    app.register_blueprint(make_api(store, access_token))

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Any:
        if request.path.startswith("/billing/static"):
            return error
        code = error.code or 500
        return misuse(code, _REASONS.get(code, "bad_request"), error.description or error.name).body(""), code

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Any:
        app.logger.exception("the simulator failed")
        return broken().body(""), 500

    return app


@contextmanager
def serving(store: Store, port: int = 0, *, access_token: str = ACCESS_TOKEN) -> Iterator[str]:
    """Serve the simulator while the block runs, on a free port when none is given. Yields its address."""
    courier = Courier(store)
    app = make_gocardless_app(store, access_token=access_token, courier=courier)
    server = make_server(HOST, port, app, threaded=True, request_handler=_Quiet)
    stop = threading.Event()
    threads = (
        threading.Thread(target=server.serve_forever, args=(0.05,), name="gocardless"),
        threading.Thread(target=courier.run, args=(stop,), name="gocardless courier"),
    )
    for thread in threads:
        thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/"
    finally:
        stop.set()
        store.committed.set()
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
