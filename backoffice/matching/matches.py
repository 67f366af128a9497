"""What was matched: the list, one match with its evidence, undoing it; and a run of the rules."""

from __future__ import annotations

from uuid import UUID

from flask import url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from backoffice import asked
from backoffice.matching.routes import blueprint
from shared.actor import Permission
from shared.db import reading, writing
from shared.i18n import N_
from shared.matching import history, run
from shared.matching.actions import request_run, undo
from shared.matching.history import MatchPage
from shared.matching.rules import APPLIED
from shared.web.access import current_actor, needs
from shared.web.forms import Form
from shared.web.language import language
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import notice, render, see_other

# A person waits for this many lines; more are left to the worker.
AT_ONCE = 2000


class UndoForm(Form):
    reason = StringField(
        N_("Reason"),
        [DataRequired(), Length(max=200)],
        description=N_("One line for whoever asks later, for example: wrong customer."),
    )


@blueprint.get("/matching/matched")
@needs(Permission.SEE_BANK)
def matched() -> ResponseReturnValue:
    actor, page, words = current_actor(), page_number(), asked.word("q")
    by = asked.choice("by", ("automatic", "person"), "")
    with reading(actor) as session:
        lines, total = history.matched(session, actor, words=words, by=by, page=page, size=PAGE_SIZE)
    return render(
        "matching/matched.html",
        lines=lines,
        query=words,
        by=by,
        language_code=language(),
        links=page_links(page, total),
    )


@blueprint.get("/matching/matches/<uuid:match_id>")
@needs(Permission.SEE_BANK)
def match(match_id: UUID) -> ResponseReturnValue:
    return _show("matching/match.html", match_id)


@blueprint.get("/matching/matches/<uuid:match_id>/undo")
@needs(Permission.RECONCILE)
def ask_undo(match_id: UUID) -> ResponseReturnValue:
    return _show("matching/undo.html", match_id, UndoForm())


@blueprint.post("/matching/matches/<uuid:match_id>/undo")
@needs(Permission.RECONCILE)
def undo_match(match_id: UUID) -> ResponseReturnValue:
    form = UndoForm()
    if not form.validate():
        return _show("matching/undo.html", match_id, form, 422)
    actor = current_actor()
    with writing(actor) as session:
        line_id = history.match(session, actor, match_id).line.id
        undo(session, actor, match_id, form.reason.data.strip())
    notice(N_("Undone: the line and its invoices are open again."))
    return see_other(url_for("matching.line", line_id=line_id))


@blueprint.post("/matching/run")
@needs(Permission.RECONCILE)
def match_now() -> ResponseReturnValue:
    """Let the rules look at every line they may decide; applied is only what is certain."""
    actor = current_actor()
    with reading(actor) as session:
        waiting = run.waiting(session, actor)
    if waiting > AT_ONCE:
        with writing(actor) as session:
            request_run(session, actor)
        notice(N_("%(count)s lines are being matched. This page shows the result in a while."), count=waiting)
        return see_other(url_for("matching.index"))
    results = list(run.run(actor))
    applied = sum(result.decision.outcome == APPLIED for result in results)
    notice(
        N_("%(applied)s of %(count)s lines were certain and are matched."),
        "success" if applied else "info",
        applied=applied,
        count=len(results),
    )
    return see_other(url_for("matching.index"))


def _show(template: str, match_id: UUID, form: UndoForm | None = None, status: int = 200) -> Response:
    actor = current_actor()
    with reading(actor) as session:
        page: MatchPage = history.match(session, actor, match_id)
    return render(
        template,
        page=page,
        line=page.line,
        form=form,
        language_code=language(),
        may=actor.may(Permission.RECONCILE),
        status=status,
    )
