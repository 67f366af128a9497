"""Payouts, what they are made of, and what stands with each provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import UUID

from flask import url_for
from flask.typing import ResponseReturnValue

from backoffice.payments.routes import blueprint
from backoffice.reports.routes import download
from shared.actor import Permission
from shared.db import reading, writing
from shared.i18n import N_
from shared.ledger.rules import number_key
from shared.matching.payouts import assign_payout, fitting_lines
from shared.rails import payout_queries
from shared.rails.payout_queries import COLUMNS
from shared.reporting.sheets import csv_lines
from shared.web.access import current_actor, needs
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import notice, render, see_other


@blueprint.get("/payments/payouts")
@needs(Permission.SEE_PAYMENTS)
def payouts() -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        rows, total = payout_queries.payouts(session, actor, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
    return render("payments/payouts.html", payouts=rows, links=page_links(page, total))


@blueprint.get("/payments/payouts/<uuid:payout_id>")
@needs(Permission.SEE_PAYMENTS)
def payout(payout_id: UUID) -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        one = payout_queries.one_payout(session, actor, payout_id)
        lines = payout_queries.lines(
            session, actor, payout_id, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE
        )
        sees_bank = actor.may(Permission.SEE_BANK)
        fitting = fitting_lines(session, actor, payout_id) if sees_bank else []
    total = sum(part.lines for part in one.parts)
    return render(
        "payments/payout.html",
        one=one,
        payout=one.payout,
        lines=lines,
        fitting=fitting,
        sees_bank=sees_bank,
        may_assign=actor.may(Permission.RECONCILE),
        links=page_links(page, total),
    )


@blueprint.post("/payments/payouts/<uuid:payout_id>/lines/<uuid:line_id>")
@needs(Permission.RECONCILE)
def assign(payout_id: UUID, line_id: UUID) -> ResponseReturnValue:
    """A person says that a bank line is this payout."""
    actor = current_actor()
    with writing(actor) as session:
        assign_payout(session, actor, line_id, payout_id)
    notice(N_("The payout has arrived: its bank line is matched."))
    return see_other(url_for("payments.payout", payout_id=payout_id))


@blueprint.get("/payments/payouts/<uuid:payout_id>.<any(csv, json):form>")
@needs(Permission.SEE_PAYMENTS)
def payout_file(payout_id: UUID, form: str) -> ResponseReturnValue:
    """All lines of a payout, for accounting."""
    actor = current_actor()
    with reading(actor) as session:
        one = payout_queries.one_payout(session, actor, payout_id).payout

    def rows() -> Iterator[tuple[str, ...]]:
        with reading(actor) as session:
            yield from payout_queries.cells(session, actor, one)

    name = f"payout-{one.arrives_on or ''}-{number_key(one.ref)}.{form}"
    if form == "json":
        return download(_json(rows()), "application/json", name)
    return download(csv_lines(COLUMNS, rows()), "text/csv; charset=utf-8", name)


@blueprint.get("/payments/clearing")
@needs(Permission.SEE_PAYMENTS)
def clearing() -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        accounts = payout_queries.clearing(session, actor)
    return render("payments/clearing.html", accounts=accounts)


def _json(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """One array of objects, an object per line of text."""
    yield "["
    for number, row in enumerate(rows):
        yield (",\n" if number else "\n") + json.dumps(
            dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False
        )
    yield "\n]\n"
