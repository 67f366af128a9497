"""The statement of account of a period, on the screen and as PDF, CSV or XLSX."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from portal.parties import chosen, options
from portal.statement.forms import PeriodForm
from shared import clock
from shared.actor import Actor
from shared.db import reading
from shared.errors import DomainError
from shared.reporting import statement, statement_files
from shared.reporting.account import parties
from shared.reporting.statement import Period
from shared.web.access import current_actor, debtor_only
from shared.web.language import language
from shared.web.paging import page_links, page_number
from shared.web.render import render

blueprint = Blueprint("statement", __name__)

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


@blueprint.get("/statement")
@debtor_only
def index() -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    form, period = _asked()
    creditor, customer = chosen("creditor"), chosen("company")
    accounts: list[statement.Account] = []
    lines: list[statement.Line] = []
    with reading(actor) as session:
        people = parties(session, actor)
        if period is not None:
            customers = [customer] if customer else None
            accounts = statement.accounts(session, actor, period, customers=customers, creditor=creditor)
            lines = statement.lines(session, actor, period, customers=customers, creditor=creditor, page=page)
    return render(
        "statement/index.html",
        form=form,
        period=period,
        accounts=accounts,
        lines=lines,
        links=page_links(page, sum(account.lines for account in accounts)),
        parties=people,
        creditors=options(people.creditors),
        companies=options(people.customers),
        creditor=str(creditor or ""),
        company=str(customer or ""),
        query=_query(),
        kinds=statement_files.KINDS,
        status=200 if period is not None else 422,
    )


@blueprint.get("/statement/file.<form>")
@debtor_only
def file(form: str) -> ResponseReturnValue:
    _, period = _asked()
    if form not in _TYPES or period is None:
        abort(404)
    customer, creditor = chosen("company"), chosen("creditor")
    content = _content(current_actor(), form, period, customer, creditor)
    answer = Response(content, content_type=_TYPES[form])
    name = f"quittance-{period.since}-{period.as_of}.{form}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _content(
    actor: Actor, form: str, period: Period, customer: UUID | None, creditor: UUID | None
) -> Iterator[bytes] | bytes:
    spoken, customers = language(), [customer] if customer else None

    def streamed() -> Iterator[bytes]:
        with reading(actor) as session:
            accounts = statement.accounts(session, actor, period, customers=customers, creditor=creditor)
            lines = statement.every_line(session, actor, period, customers=customers, creditor=creditor)
            rows = statement_files.rows(accounts, lines, period)
            if form == "csv":
                yield from statement_files.as_csv(rows, spoken)
            else:
                with statement_files.as_xlsx(rows, spoken) as made:
                    yield from iter(lambda: made.read(65536), b"")

    if form != "pdf":
        return streamed()
    with reading(actor) as session:
        accounts = statement.accounts(session, actor, period, customers=customers, creditor=creditor)
        lines = statement.every_line(session, actor, period, customers=customers, creditor=creditor)
        return statement_files.as_pdf(accounts, lines, period, spoken)


def _asked() -> tuple[PeriodForm, Period | None]:
    """The period asked for; the present year when none is."""
    today = clock.today()
    given = MultiDict(request.args)
    given.setdefault("since", today.replace(month=1, day=1).isoformat())
    given.setdefault("as_of", today.isoformat())
    form = PeriodForm(formdata=given)
    if not form.validate():
        return form, None
    try:
        return form, Period(form.since.data, form.as_of.data)
    except DomainError as refused:
        form.refuse(refused)
        return form, None


def _query() -> dict[str, str]:
    return {
        name: request.args[name]
        for name in ("since", "as_of", "creditor", "company")
        if request.args.get(name)
    }
