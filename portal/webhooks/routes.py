"""Where providers send their webhooks. No session, no cookie, no page: a signature is proof of who speaks.

Only the signature is looked at here. What the events mean is the worker's, which asks the provider itself.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from shared.errors import NotFound
from shared.rails.inbox import accept
from shared.rails.providers.protocols import BadSignature
from shared.web import access_log
from shared.web.access import public
from shared.web.app import MEGABYTE

blueprint = Blueprint("webhooks", __name__)

# What each provider takes for “thank you” and for “this is not yours” (their documentation of webhooks).
_TAKEN = {"stripe": 200, "gocardless": 204}
_REFUSED = {"stripe": 400, "gocardless": 498}


@blueprint.post("/webhooks/<any(stripe, gocardless):provider>/<uuid:account_id>")
@public
def receive(provider: str, account_id: UUID) -> ResponseReturnValue:
    request.max_content_length = MEGABYTE
    try:
        accept(provider, account_id, dict(request.headers), request.get_data(cache=False))
    except (BadSignature, RequestEntityTooLarge):
        return _answer(_REFUSED[provider])
    except NotFound:
        return _answer(404)
    except Exception as error:  # whatever is wrong here, it is not theirs: they come again
        access_log.failed(error)
        return _answer(503)
    return _answer(_TAKEN[provider])


def _answer(status: int) -> Response:
    return Response(status=status, content_type="text/plain; charset=utf-8")
