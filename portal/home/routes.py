"""The first page: what is to pay, what is on its way, and the one thing to do."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from shared.db import reading
from shared.rails.queries import live_attempts
from shared.reporting.account import balances, totals
from shared.reporting.items import items
from shared.reporting.transfers import waiting
from shared.web.access import current_actor, debtor_only
from shared.web.render import render

blueprint = Blueprint("home", __name__)

_NEXT_SHOWN = 5


@blueprint.get("/")
@debtor_only
def index() -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        found = balances(session, actor)
        upcoming = items(session, actor, state="open", size=_NEXT_SHOWN)
        on_its_way = waiting(session, actor, size=_NEXT_SHOWN)
        attempts = live_attempts(session, actor.customers)
    return render(
        "home/index.html",
        balances=found,
        totals=totals(found),
        upcoming=upcoming,
        waiting=on_its_way,
        attempts=attempts,
        several_creditors=len({b.creditor_id for b in found}) > 1,
        several_customers=len(actor.customers) > 1,
    )
