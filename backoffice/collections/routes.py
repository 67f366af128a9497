"""Collections: what is ready, the files made of it, the bank's answers, and what may be presented again."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from backoffice import asked
from backoffice.reports.routes import download
from shared import clock
from shared.actor import Permission
from shared.db import reading, writing
from shared.errors import DomainError
from shared.i18n import N_
from shared.rails import collecting_again, collection_queries, collections
from shared.rails.collection_file import file_of, note_download
from shared.web.access import current_actor, needs
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("collections", __name__)

HELD = {
    "mandate": N_("The mandate is suspended or has ended."),
    "lapsed": N_("The mandate has lapsed: 36 months without a collection."),
    "paid": N_("The invoices were paid in another way meanwhile."),
}
BATCH_STATES = {
    "made": (N_("To send"), "warn", "upload"),
    "withdrawn": (N_("Withdrawn"), "calm", "x"),
    "sent": (N_("With the bank"), "info", "clock"),
    "answered": (N_("Answered"), "info", "check"),
}
ENTRY_STATES = {
    "made": (N_("In the file"), "calm", "clock"),
    "withdrawn": (N_("Withdrawn"), "calm", "x"),
    "sent": (N_("With the bank"), "info", "clock"),
    "rejected": (N_("Refused"), "late", "x"),
    "collected": (N_("Collected"), "good", "check"),
    "returned": (N_("Came back"), "late", "undo"),
}
OUTCOMES = {
    "rejected": N_("Refused: open again"),
    "returned": N_("Came back: open again"),
    "known": N_("Known already"),
    "foreign": N_("Not one of ours"),
    "contradicts": N_("Contradicts what we know: look at the payment"),
    "unclear": N_("The bank’s word is not known here: ask your bank"),
}


@blueprint.get("/collections")
@needs(Permission.SEE_PAYMENTS)
def index() -> ResponseReturnValue:
    """What a click would put into files, and what is held back."""
    actor, until = current_actor(), _until()
    with reading(actor) as session:
        found = collections.ready(session, actor, until)
        again = collecting_again.proposals(session, actor)
    return render(
        "collections/index.html",
        ready=[each for each in found if each.held is None],
        held=[each for each in found if each.held],
        again=again,
        until=until,
        reasons=HELD,
        may_collect=actor.may(Permission.COLLECT),
    )


@blueprint.post("/collections")
@needs(Permission.COLLECT)
def make() -> ResponseReturnValue:
    """All that is ready goes into files, in one step or not at all."""
    actor, until = current_actor(), _day(request.form.get("until", ""))
    with writing(actor) as session:
        made = collections.make(session, actor, until)
    notice(N_("The file is made. Bring it to your bank, then say so here."))
    if len(made) == 1:
        return see_other(url_for("collections.batch", batch_id=made[0]))
    return see_other(url_for("collections.batches"))


@blueprint.post("/collections/again/<uuid:payment_id>")
@needs(Permission.COLLECT)
def again(payment_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        collecting_again.present_again(session, actor, payment_id)
    notice(N_("It will be presented again. The debtor is told of the day by mail."))
    return see_other(url_for("collections.index"))


@blueprint.get("/collections/files")
@needs(Permission.SEE_PAYMENTS)
def batches() -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        found, total = collection_queries.batches(
            session, actor, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE
        )
    return render(
        "collections/batches.html", batches=found, states=BATCH_STATES, links=page_links(page, total)
    )


@blueprint.get("/collections/files/<uuid:batch_id>")
@needs(Permission.SEE_PAYMENTS)
def batch(batch_id: UUID) -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        found = collection_queries.batch(session, actor, batch_id)
        groups = collection_queries.groups(session, actor, batch_id)
        entries = collection_queries.entries(
            session, actor, batch_id, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE
        )
        answers = collection_queries.answers(session, actor, batch_id)
    return render(
        "collections/batch.html",
        batch=found,
        groups=groups,
        entries=entries,
        answers=answers,
        states=BATCH_STATES,
        entry_states=ENTRY_STATES,
        late=found.state == "made" and clock.today() > found.present_by,
        may_collect=actor.may(Permission.COLLECT),
        sees_mandates=actor.may(Permission.SEE_MANDATES),
        links=page_links(page, found.entries),
    )


@blueprint.post("/collections/files/<uuid:batch_id>.xml")
@needs(Permission.COLLECT)
def take(batch_id: UUID) -> ResponseReturnValue:
    """The file itself. It names the debtors' accounts, so who took it is kept in the audit trail."""
    actor = current_actor()
    with writing(actor) as session:
        note_download(session, actor, batch_id)
        with file_of(session, actor, batch_id) as (name, source):
            content = source.read()
    return download(content, "application/xml", name)


@blueprint.post("/collections/files/<uuid:batch_id>/sent")
@needs(Permission.COLLECT)
def sent(batch_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        collections.mark_sent(session, actor, batch_id)
    notice(N_("The collections are with the bank."))
    return see_other(url_for("collections.batch", batch_id=batch_id))


@blueprint.post("/collections/files/<uuid:batch_id>/withdrawn")
@needs(Permission.COLLECT)
def withdraw(batch_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        collections.withdraw(session, actor, batch_id)
    notice(N_("The file is withdrawn: its collections are ready again."))
    return see_other(url_for("collections.index"))


@blueprint.get("/collections/answers")
@needs(Permission.SEE_PAYMENTS)
def answers() -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        found = collection_queries.answers(session, actor)
    return render(
        "collections/answers.html", answers=found, may_upload=actor.may(Permission.IMPORT_STATEMENTS)
    )


@blueprint.get("/collections/answers/<uuid:answer_id>")
@needs(Permission.SEE_PAYMENTS)
def answer(answer_id: UUID) -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        found = collection_queries.answer(session, actor, answer_id)
        lines = collection_queries.answer_lines(
            session, actor, answer_id, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE
        )
    return render(
        "collections/answer.html",
        answer=found,
        lines=lines,
        outcomes=OUTCOMES,
        links=page_links(page, found.lines),
    )


def _until() -> date:
    return asked.day("until") if request.args.get("until") else clock.today() + collections.AHEAD


def _day(text: str) -> date:
    """The day the page showed; it cannot ask for more than what somebody has seen."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DomainError("Write the day as year-month-day, for example 2026-03-31.", field="until") from None
    return min(day, clock.today() + timedelta(days=90))
