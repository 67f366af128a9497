"""The receipts of a period as a FEC file, for the system that keeps the general ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flask import request
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from wtforms import DateField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from backoffice.reports.routes import blueprint, download
from shared import clock
from shared.actor import Permission
from shared.creditors.actions import by_code
from shared.creditors.queries import creditor_names
from shared.db import reading
from shared.errors import DomainError
from shared.i18n import N_
from shared.ledger.fec_writer import fec_name
from shared.reporting import fec_export
from shared.web.access import current_actor, needs
from shared.web.forms import Form
from shared.web.render import render


class ReceiptsForm(Form):
    class Meta(Form.Meta):
        csrf = False  # it only asks

    creditor = SelectField(N_("Legal entity"), [InputRequired()])
    first = DateField(N_("First day"), [InputRequired()])
    last = DateField(N_("Last day"), [InputRequired()])


@blueprint.get("/reports/receipts")
@needs(Permission.EXPORT_BOOKS)
def receipts() -> ResponseReturnValue:
    """Asks for the period; the month before this one is what accounting most often wants."""
    last = clock.today().replace(day=1) - timedelta(days=1)
    form = _form()
    form.first.data, form.last.data = last.replace(day=1), last
    return render("reports/receipts.html", form=form)


@blueprint.get("/reports/receipts/fec")
@needs(Permission.EXPORT_BOOKS)
def receipts_file() -> ResponseReturnValue:
    form, actor = _form(given=True), current_actor()
    if not form.validate():
        return _refused(form)
    first, last = form.first.data, form.last.data
    if last < first:
        return _refused(form, DomainError("The period ends before it starts.", field="last"))
    with reading(actor) as session:
        creditor = by_code(session, form.creditor.data)
    try:
        name = fec_name(creditor.siren or "", last)
    except DomainError as unnamed:
        unnamed.field = "creditor"
        return _refused(form, unnamed)

    def content() -> Iterator[bytes]:
        with reading(actor) as session:
            yield from fec_export.stream(session, actor, creditor, first, last)

    return download(content(), "text/plain; charset=utf-8", name)


def _form(given: bool = False) -> ReceiptsForm:
    form = ReceiptsForm(formdata=request.args if given else None)
    with reading(current_actor()) as session:
        form.creditor.choices = [SelectChoice(each.code, each.name) for each in creditor_names(session)]
    return form


def _refused(form: ReceiptsForm, error: DomainError | None = None) -> Response:
    if error is not None:
        form.refuse(error)
    return render("reports/receipts.html", form=form, status=422)
