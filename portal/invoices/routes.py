"""Invoices and credit notes of all creditors, and one of them with everything."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from portal import account_changes
from portal.parties import chosen, options
from shared.creditors.queries import told_changes
from shared.db import reading
from shared.plans.queries import planned_items
from shared.rails.queries import live_attempts
from shared.reporting.account import parties
from shared.reporting.items import STATES, items
from shared.reporting.one_item import one_item
from shared.web.access import current_actor, debtor_only
from shared.web.paging import page_links, page_number
from shared.web.render import render

blueprint = Blueprint("invoices", __name__)


@blueprint.get("/invoices")
@debtor_only
def index() -> ResponseReturnValue:
    actor = current_actor()
    state = request.args.get("state", "open")
    state = state if state in STATES else "all"
    search, page = request.args.get("q", "")[:100], page_number()
    creditor, customer = chosen("creditor"), chosen("company")
    with reading(actor) as session:
        people = parties(session, actor)
        found = items(
            session, actor, customers=[customer] if customer else None, state=state, search=search,
            creditor=creditor, page=page,
        )  # fmt: skip
    return render(
        "invoices/index.html",
        found=found,
        links=page_links(page, found.total),
        parties=people,
        creditors=options(people.creditors),
        companies=options(people.customers),
        state=state,
        search=search,
        creditor=str(creditor or ""),
        company=str(customer or ""),
        filtered=bool(search or creditor or customer),
    )


@blueprint.get("/invoices/<uuid:item_id>")
@debtor_only
def show(item_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        found = one_item(session, actor, item_id)
        attempts = [a for a in live_attempts(session, actor.customers) if item_id in a.items]
        planned = planned_items(session, actor.customers).get(item_id)
        account_changes.known(told_changes(session, actor))
    return render("invoices/show.html", found=found, item=found.item, attempts=attempts, planned=planned)
