"""What waits, what failed and why, and the one thing a person can do about it: try again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from shared.actor import Permission
from shared.db import reading, writing
from shared.i18n import N_
from shared.jobs import operations
from shared.notifications.actions import send_again
from shared.web.access import current_actor, needs
from shared.web.render import notice, render, see_other

blueprint = Blueprint("operations", __name__)


@blueprint.get("/operations")
@needs(Permission.SEE_OPERATIONS)
def index() -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        return render(
            "operations/index.html",
            backlog=operations.backlog(session, actor),
            jobs=operations.failed_jobs(session, actor),
            messages=operations.failed_messages(session, actor),
            may=actor.may(Permission.REPLAY_JOBS),
        )


@blueprint.post("/operations/jobs/<int:job_id>/replay")
@needs(Permission.REPLAY_JOBS)
def replay(job_id: int) -> ResponseReturnValue:
    with writing(current_actor()) as session:
        operations.replay(session, current_actor(), job_id)
    notice(N_("The job gets one more try."))
    return see_other(url_for("operations.index"))


@blueprint.post("/operations/messages/<uuid:message_id>/send-again")
@needs(Permission.REPLAY_JOBS)
def resend(message_id: UUID) -> ResponseReturnValue:
    with writing(current_actor()) as session:
        send_again(session, current_actor(), message_id)
    notice(N_("The message goes out again."))
    return see_other(url_for("operations.index"))
