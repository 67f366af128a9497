"""Invoices and credit notes: the list over all customers, and one of them as its debtor sees it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint
from flask.typing import ResponseReturnValue

from backoffice import asked
from shared.actor import Permission
from shared.creditors.queries import creditor_names
from shared.db import reading
from shared.matching import history
from shared.reporting import receivables
from shared.reporting.customers import customer
from shared.reporting.one_item import one_item
from shared.web.access import current_actor, needs
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import render

blueprint = Blueprint("receivables", __name__)


@blueprint.get("/invoices")
@needs(Permission.SEE_RECEIVABLES)
def index() -> ResponseReturnValue:
    actor, page, words = current_actor(), page_number(), asked.word("q")
    tab, creditor = asked.choice("tab", receivables.TABS, "open"), asked.word("creditor", 20)
    with reading(actor) as session:
        found, total = receivables.items(
            session,
            actor,
            tab=tab,
            words=words,
            creditor=creditor,
            limit=PAGE_SIZE,
            offset=(page - 1) * PAGE_SIZE,
        )
        creditors = creditor_names(session)
    return render(
        "receivables/index.html",
        items=found,
        tab=tab,
        query=words,
        creditor=creditor,
        creditors=creditors,
        links=page_links(page, total),
    )


@blueprint.get("/invoices/<uuid:item_id>")
@needs(Permission.SEE_RECEIVABLES)
def item(item_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        owner = customer(session, actor, receivables.customer_of(session, actor, item_id))
        one = one_item(session, actor, item_id, customers=[owner.id])
        sees_bank = actor.may(Permission.SEE_BANK)
        matches = history.matches_of_item(session, actor, item_id) if sees_bank else {}
    return render("receivables/item.html", one=one, item=one.item, customer=owner, matches=matches)
