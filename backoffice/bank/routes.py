"""Bank accounts and how fresh they are, statements with their lines, and the upload of a statement."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField, FileRequired

from shared.actor import Permission
from shared.bank_statements import queries
from shared.bank_statements.importing import import_statement
from shared.db import reading, writing
from shared.errors import DomainError, NotFound
from shared.i18n import N_
from shared.matching import history
from shared.rails.collection_answers import kind_of, take_answer
from shared.web.access import current_actor, needs
from shared.web.forms import Form
from shared.web.paging import PAGE_SIZE, page_number
from shared.web.render import render, see_other
from shared.web.shell import here

blueprint = Blueprint("bank", __name__)


class StatementForm(Form):
    file = FileField(N_("Bank statement"), [FileRequired(N_("Choose a file first."))])


@blueprint.get("/bank")
@needs(Permission.SEE_BANK)
def index() -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        accounts = queries.accounts(session, actor)
    return render(
        "bank/index.html",
        accounts=accounts,
        may=actor.may(Permission.IMPORT_STATEMENTS),
        may_export=actor.may(Permission.EXPORT_BOOKS),
    )


@blueprint.get("/bank/accounts/<uuid:account_id>")
@needs(Permission.SEE_BANK)
def account(account_id: UUID) -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        found = next((a for a in queries.accounts(session, actor) if a.bank_account_id == account_id), None)
        if found is None:
            raise NotFound
        statements = queries.statements(session, actor, account_id, page=page)
    pages = {
        "previous": here(page=page - 1) if page > 1 else None,
        "next": here(page=page + 1) if page * queries.PAGE < found.statements else None,
    }
    return render("bank/account.html", account=found, statements=statements, pages=pages)


@blueprint.get("/bank/statements/<uuid:statement_id>")
@needs(Permission.SEE_BANK)
def statement(statement_id: UUID) -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        found = queries.statement(session, actor, statement_id)
        lines = queries.lines(session, actor, statement_id, after=(page - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    pages = {
        "previous": here(page=page - 1) if page > 1 else None,
        "next": here(page=page + 1) if page * PAGE_SIZE < found.entries else None,
    }
    return render("bank/statement.html", statement=found, lines=lines, pages=pages)


@blueprint.get("/bank/import")
@needs(Permission.IMPORT_STATEMENTS)
def upload() -> ResponseReturnValue:
    return render("bank/import.html", form=StatementForm(), result=None)


@blueprint.post("/bank/import")
@needs(Permission.IMPORT_STATEMENTS)
def take() -> ResponseReturnValue:
    """All of the file or nothing: what it brought, or the one sentence that says why it was refused. An answer to a
    file of collections is known by its content, and shown where it belongs."""
    form, actor = StatementForm(), current_actor()
    if not form.validate():
        return render("bank/import.html", form=form, result=None, status=422)
    given = form.file.data
    try:
        if kind_of(given.stream):
            with writing(actor) as session:
                answer_id = take_answer(session, actor, given.stream, given.filename or "answer.xml")
            return see_other(url_for("collections.answer", answer_id=answer_id))
        with writing(actor) as session:
            result = import_statement(session, actor, given.stream, given.filename or "statement.xml")
    except DomainError as refused:
        refused.field = "file"
        form.refuse(refused)
        return render("bank/import.html", form=form, result=None, status=422)
    with reading(actor) as session:
        undecided = history.undecided(session, actor)
    return render(
        "bank/import.html",
        form=StatementForm(formdata=None),
        result=result,
        undecided=undecided,
        may_match=actor.may(Permission.RECONCILE),
    )
