"""The simulator's WSGI app: the API, the control API, and the pages that payers see."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from shared.sandbox.stripe import control, pages
from shared.sandbox.stripe.account import Account, as_text
from shared.sandbox.stripe.api import Api
from shared.sandbox.stripe.faults import Faults
from shared.sandbox.stripe.refusals import Refused
from shared.sandbox.stripe.routes import ROUTES, Route
from shared.sandbox.stripe.store import Store
from shared.sandbox.stripe.webhooks import Deliverer


def make_stripe_app(store: Store, retry_seconds: float = 1.0) -> Flask:
    """The app over one store. It has no session and no tokens: it is an API, on the loopback address only."""
    app = Flask("stripe_sandbox", static_folder=None, template_folder=str(pages.TEMPLATES))
    account, faults = Account(store), Faults()
    deliverer = Deliverer(account, retry_seconds)
    app.extensions["stripe"], app.extensions["stripe-webhooks"] = account, deliverer
    api = Api(account, faults)
    for route in ROUTES:
        app.add_url_rule(
            route.path, f"{route.method} {route.path}", _view(api, route), methods=[route.method]
        )
    app.register_blueprint(control.make_control(account, faults))
    app.register_blueprint(pages.make_pages(account))

    @app.before_request
    def preflight() -> Response | None:
        return Response(status=204) if request.method == "OPTIONS" else None

    @app.after_request
    def finish(answer: Response) -> Response:
        if request.path.startswith("/v1/"):
            answer.headers["Access-Control-Allow-Origin"] = "*"
            answer.headers["Access-Control-Allow-Headers"] = "Content-Type, Authorization, Stripe-Version"
        deliverer.wake()
        return answer

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> ResponseReturnValue:
        told = Refused(
            f"Unrecognized request URL ({request.method}: {request.path}).", status=error.code or 500
        )
        return Response(as_text(told.body), told.status, mimetype="application/json")

    return app


def _view(api: Api, route: Route) -> Callable[..., Response]:
    return lambda **ids: api.answer(route, tuple(ids.values()))
