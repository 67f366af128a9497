"""Upload customers, invoices or past payments: first a preview, row by row, then the import, whole or not at all."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField, FileRequired
from wtforms import RadioField, SelectField
from wtforms.fields.choices import SelectChoice

from shared import i18n
from shared.actor import Permission
from shared.creditors.queries import creditor_names
from shared.db import reading, writing
from shared.errors import DomainError
from shared.i18n import N_
from shared.importing import uploads
from shared.reporting.sheets import csv_lines
from shared.web.access import current_actor, needs
from shared.web.forms import Form
from shared.web.language import gettext, language
from shared.web.render import render, see_other

blueprint = Blueprint("imports", __name__)

# A person reads the first refusals on the page and downloads all of them.
REFUSALS_SHOWN = 100


class UploadForm(Form):
    kind = RadioField(
        N_("What the file holds"),
        choices=[
            SelectChoice("invoices", N_("Invoices and credit notes")),
            SelectChoice("customers", N_("Customers")),
            SelectChoice("payments", N_("Past payments")),
        ],
        default="invoices",
    )
    creditor = SelectField(N_("Creditor, where the file names none"))
    file = FileField(N_("File"), [FileRequired(N_("Choose a file first."))])


@blueprint.get("/imports")
@needs(Permission.IMPORT_INVOICES)
def index() -> ResponseReturnValue:
    return render("imports/index.html", form=_form())


@blueprint.post("/imports")
@needs(Permission.IMPORT_INVOICES)
def upload() -> ResponseReturnValue:
    """Keep the file and go to its preview; a file that is none of ours is refused at once."""
    form, actor = _form(), current_actor()
    if not form.validate():
        return render("imports/index.html", form=form, status=422)
    given = form.file.data
    try:
        with writing(actor) as session:
            upload_id = uploads.keep(
                session,
                actor,
                form.kind.data,
                given.stream,
                given.filename or "file",
                form.data.get("creditor") or None,
            )
    except DomainError as refused:
        refused.field = "file"
        form.refuse(refused)
        return render("imports/index.html", form=form, status=422)
    return see_other(url_for("imports.one", upload_id=upload_id))


@blueprint.get("/imports/<uuid:upload_id>")
@needs(Permission.IMPORT_INVOICES)
def one(upload_id: UUID) -> ResponseReturnValue:
    """The preview, or after the import its answer."""
    actor = current_actor()
    with reading(actor) as session:
        found = uploads.find(session, actor, upload_id)
    told = found.preview if found.result is None else found.result
    return render(
        "imports/one.html",
        upload=found,
        told=told,
        refusals=[_refusal(e) for e in told["rejected"][:REFUSALS_SHOWN]],
    )


@blueprint.post("/imports/<uuid:upload_id>")
@needs(Permission.IMPORT_INVOICES)
def take(upload_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        uploads.take(session, actor, upload_id, skip_bad_rows="skip_bad_rows" in request.form)
    return see_other(url_for("imports.one", upload_id=upload_id))


@blueprint.get("/imports/<uuid:upload_id>/refused.csv")
@needs(Permission.IMPORT_INVOICES)
def refused(upload_id: UUID) -> ResponseReturnValue:
    """All refused rows, to be put right in the system they came from."""
    actor = current_actor()
    with reading(actor) as session:
        found = uploads.find(session, actor, upload_id)
    told = found.preview if found.result is None else found.result
    columns = [gettext(name) for name in (N_("Line"), N_("Column"), N_("Value"), N_("Why"))]
    rows = ([str(r["line"]), r["column"], r["value"], r["why"]] for r in map(_refusal, told["rejected"]))
    answer = Response(csv_lines(columns, rows), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="refused.csv"'
    return answer


def _form() -> UploadForm:
    actor = current_actor()
    form = UploadForm()
    with reading(actor) as session:
        creditors = creditor_names(session)
    if len(creditors) == 1:
        del form.creditor
    else:
        names = [SelectChoice(each.code, each.name) for each in creditors]
        form.creditor.choices = [SelectChoice("", N_("The file says it")), *names]
    return form


def _refusal(error: list[Any]) -> dict[str, Any]:
    line, column, value, sentence, params = error
    return {
        "line": line,
        "column": column,
        "value": value,
        "why": i18n.gettext(language(), sentence, **params),
    }
