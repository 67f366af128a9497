"""The first page: the day's facts, as far as one's role sees them."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from shared.actor import Permission
from shared.bank_statements import queries as bank
from shared.db import reading
from shared.matching import history
from shared.reporting import today
from shared.web.access import current_actor, staff_only
from shared.web.render import render

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@staff_only
def index() -> ResponseReturnValue:
    actor = current_actor()
    sees_bank = actor.may(Permission.SEE_BANK)
    with reading(actor) as session:
        return render(
            "home/index.html",
            name=actor.name,
            may={permission.value: actor.may(permission) for permission in Permission},
            started=today.started(session, actor),
            owed=today.owed(session, actor),
            announced=today.on_the_way(session, actor),
            unidentified=history.unidentified(session, actor) if sees_bank else [],
            day=history.day_summary(session, actor) if sees_bank else None,
            accounts=bank.accounts(session, actor) if sees_bank else [],
        )
