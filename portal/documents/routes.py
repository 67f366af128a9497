"""A document's bytes, sent so that no browser takes them for a page of ours."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, make_response, request
from flask.typing import ResponseReturnValue

from shared.db import reading
from shared.documents.queries import document
from shared.web.access import current_actor, debtor_only

blueprint = Blueprint("documents", __name__)


@blueprint.get("/documents/<uuid:document_id>")
@debtor_only
def show(document_id: UUID) -> ResponseReturnValue:
    """A PDF opens in the browser unless `?download=1`; anything else is only ever saved."""
    actor = current_actor()
    with reading(actor) as session:
        found = document(session, actor, document_id)
    is_pdf = found.media_type == "application/pdf"
    answer = make_response(found.content)
    answer.headers["Content-Type"] = "application/pdf" if is_pdf else "application/octet-stream"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    how = "inline" if is_pdf and "download" not in request.args else "attachment"
    name = "".join(c for c in found.name if c.isprintable())
    answer.headers.set("Content-Disposition", how, filename=name)
    return answer
