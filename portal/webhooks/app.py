"""Where providers send their webhooks: an app of its own at the portal's address. No session, no cookie, no page, no
budget of requests: a signature is proof of who speaks, and a burst must be taken as fast as it comes.

Only the signature is looked at here. What the events mean is the worker's, which asks the provider itself.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from shared.errors import NotFound
from shared.rails.inbox import accept
from shared.rails.providers.protocols import BadSignature
from shared.web.app import MEGABYTE

log = structlog.get_logger("webhooks")

# What each provider takes for “thank you” and for “this is not yours” (their documentation of webhooks).
_TAKEN = {"stripe": 200, "gocardless": 204}
_REFUSED = {"stripe": 400, "gocardless": 498}


def create_app() -> Flask:
    """One endpoint, `/PROVIDER/ACCOUNT`, below the address the portal gives it."""
    app = Flask("portal.webhooks", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MEGABYTE)
    app.add_url_rule(
        "/<any(stripe, gocardless):provider>/<uuid:account_id>", view_func=receive, methods=["POST"]
    )
    return app


def receive(provider: str, account_id: UUID) -> ResponseReturnValue:
    try:
        accept(provider, account_id, dict(request.headers), request.get_data(cache=False))
    except (BadSignature, RequestEntityTooLarge):
        return _answer(_REFUSED[provider])
    except NotFound:
        return _answer(404)
    except Exception as error:  # whatever is wrong here, it is not theirs: they come again
        log.error("webhook_failed", provider=provider, account=str(account_id), exc_info=error)
        return _answer(503)
    return _answer(_TAKEN[provider])


def _answer(status: int) -> Response:
    return Response(status=status, content_type="text/plain; charset=utf-8")
