"""The audit trail: who did what, newest first, with the seals that prove nothing was changed since."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from backoffice import asked
from shared.actor import Permission
from shared.audit import checks, queries
from shared.db import reading
from shared.web.access import current_actor, needs
from shared.web.paging import PAGE_SIZE
from shared.web.render import render
from shared.web.shell import here

blueprint = Blueprint("audit_trail", __name__)


@blueprint.get("/audit")
@needs(Permission.SEE_AUDIT)
def index() -> ResponseReturnValue:
    actor, words = current_actor(), asked.word("q")
    before, subject = request.args.get("before", ""), asked.word("subject", 60) or None
    with reading(actor) as session:
        deeds = queries.trail(
            session,
            actor,
            words=words,
            subject=subject,
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None,
            limit=PAGE_SIZE + 1,
        )
    older = here(before=deeds[PAGE_SIZE - 1].id) if len(deeds) > PAGE_SIZE else None
    return render(
        "audit_trail/index.html", deeds=deeds[:PAGE_SIZE], query=words, subject=subject, older=older
    )


@blueprint.get("/audit/proof")
@needs(Permission.SEE_AUDIT)
def proof() -> ResponseReturnValue:
    """Recompute every seal of the chain; O(entries)."""
    with reading(current_actor()) as session:
        broken = checks.chain(session)
    return render("audit_trail/proof.html", broken=broken)
