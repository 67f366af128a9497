"""The demo's bank: what debtors announced, and the statement in which it arrives."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from shared import clock, db
from shared.actor import SYSTEM
from shared.errors import NotFound
from shared.sandbox.bank_answer import statement_of, waiting
from shared.web.access import public
from shared.web.render import render

blueprint = Blueprint("bank", __name__, template_folder="templates", url_prefix="/bank")


@blueprint.get("")
@public
def index() -> ResponseReturnValue:
    with db.reading(SYSTEM) as session:
        transfers = waiting(session)
    return render("bank/index.html", transfers=transfers)


@blueprint.get("/statement.xml")
@public
def statement() -> ResponseReturnValue:
    with db.reading(SYSTEM) as session:
        transfers = waiting(session)
    if not transfers:
        raise NotFound("No announced transfer is on its way: announce one in the portal first.")
    day = clock.today()
    answer = Response(statement_of(transfers, day), mimetype="application/xml")
    answer.headers["Content-Disposition"] = f'attachment; filename="camt053-{day:%Y-%m-%d}.xml"'
    return answer
