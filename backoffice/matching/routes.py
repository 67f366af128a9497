"""The queue of lines that wait for a person, and the page where one of them is assigned."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from backoffice import asked
from backoffice.matching.desk import Desk, Ticked, desk_of
from shared.actor import Permission
from shared.creditors.queries import creditor_names
from shared.db import reading, writing
from shared.errors import Conflict, DomainError
from shared.i18n import N_
from shared.matching import history, queries
from shared.matching.actions import Part, assign
from shared.matching.queries import QueueFilter
from shared.web.access import current_actor, needs
from shared.web.errors import status_of, told
from shared.web.language import gettext, language, money
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("matching", __name__)

AGES = {"": 0, "7": 7, "30": 30, "90": 90}


@blueprint.get("/matching")
@needs(Permission.SEE_BANK)
def index() -> ResponseReturnValue:
    actor, page, wanted = current_actor(), page_number(), queue_filter()
    with reading(actor) as session:
        lines, total = queries.queue(session, actor, wanted, page=page, size=PAGE_SIZE)
        undecided = history.undecided(session, actor)
        creditors = creditor_names(session)
    return render(
        "matching/index.html",
        lines=lines,
        total=total,
        undecided=undecided,
        creditors=creditors,
        wanted=wanted,
        filters=filter_args(wanted),
        language_code=language(),
        may=actor.may(Permission.RECONCILE),
        links=page_links(page, total),
    )


@blueprint.get("/matching/lines/<uuid:line_id>")
@needs(Permission.SEE_BANK)
def line(line_id: UUID) -> ResponseReturnValue:
    return _show(_desk(line_id, Ticked()))


@blueprint.post("/matching/lines/<uuid:line_id>")
@needs(Permission.RECONCILE)
def assign_line(line_id: UUID) -> ResponseReturnValue:
    """`do=assign` assigns; anything else shows the page again with what was ticked, searched and left over."""
    ticked = Ticked.from_form(request.form)
    if request.form.get("do") != "assign":
        return _show(_desk(line_id, ticked))
    desk = _desk(line_id, ticked)
    if isinstance(desk.refused, Conflict):
        return _afresh(line_id, ticked, desk.refused)
    if desk.refused is not None:
        return _show(desk, desk.refused)
    actor, next_line = current_actor(), desk.neighbours.next
    try:
        with writing(actor) as session:
            parts = [Part(item_id, minor) for item_id, minor in desk.plan.parts if minor]
            assign(session, actor, line_id, parts, ticked.keep, seen_minor=ticked.seen_minor)
    except Conflict as changed:
        return _afresh(line_id, ticked, changed)
    except DomainError as refused:
        return _show(desk, refused)
    left = 0 if ticked.keep else desk.plan.rest_minor
    amount = money(desk.line.open_minor - left, desk.line.currency)
    notice(N_("%(amount)s assigned: %(payer)s."), amount=amount, payer=_payer(desk))
    if next_line is None:
        return see_other(url_for("matching.index", **filter_args(desk.wanted)))
    return see_other(url_for("matching.line", line_id=next_line, **filter_args(desk.wanted)))


def queue_filter() -> QueueFilter:
    return QueueFilter(
        words=asked.word("q"),
        creditor=asked.word("creditor", 20),
        older_than_days=AGES.get(request.args.get("age", ""), 0),
    )


def filter_args(wanted: QueueFilter) -> dict[str, Any]:
    """The filter as it travels from line to line in the addresses."""
    age = str(wanted.older_than_days) if wanted.older_than_days else ""
    given = {"q": wanted.words, "creditor": wanted.creditor, "age": age}
    return {name: value for name, value in given.items() if value}


def _desk(line_id: UUID, ticked: Ticked) -> Desk:
    with reading(current_actor()) as session:
        return desk_of(session, current_actor(), line_id, ticked, queue_filter())


def _afresh(line_id: UUID, ticked: Ticked, changed: Conflict) -> Response:
    """Somebody was faster: the line as it stands now, with nothing ticked."""
    return _show(_desk(line_id, Ticked(words=ticked.words)), changed)


def _show(desk: Desk, refused: DomainError | None = None) -> Response:
    return render(
        "matching/line.html",
        fragment="_work.html",
        desk=desk,
        line=desk.line,
        refused=told(refused) if refused else None,
        filters=filter_args(desk.wanted),
        language_code=language(),
        may=current_actor().may(Permission.RECONCILE),
        status=status_of(refused) if refused else 200,
    )


def _payer(desk: Desk) -> str:
    return desk.line.party_name or gettext(N_("payer not named"))
