"""Reports on any day: the aged balance, the items behind its figures, and both as files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from backoffice import asked
from shared.actor import Permission
from shared.creditors.queries import creditor_names, currencies
from shared.db import reading
from shared.money import Money
from shared.reporting import aged as aged_balance
from shared.reporting import open_items
from shared.reporting.aged import BUCKETS
from shared.web.access import current_actor, needs
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import render

blueprint = Blueprint("reports", __name__)

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TONES = ("not_due", "d1", "d31", "d61", "d90")


@blueprint.get("/reports/aged")
@needs(Permission.SEE_REPORTS)
def aged() -> ResponseReturnValue:
    actor, page, wanted = current_actor(), page_number(), _wanted()
    with reading(actor) as session:
        found = aged_balance.report(session, actor, **wanted, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
        creditors, known = creditor_names(session), currencies(session)
    totals = found.totals.amounts
    return render(
        "reports/aged.html",
        found=found,
        bar=[
            (bucket, Money(totals.of(bucket), found.currency), tone)
            for bucket, tone in zip(BUCKETS, _TONES, strict=False)
        ],
        buckets=BUCKETS,
        creditors=creditors,
        currencies=known,
        wanted=wanted,
        query=_query(wanted),
        links=page_links(page, found.customers),
    )


@blueprint.get("/reports/aged.<any(csv, xlsx):form>")
@needs(Permission.SEE_REPORTS)
def aged_file(form: str) -> ResponseReturnValue:
    wanted, actor = _wanted(), current_actor()
    with reading(actor) as session:
        found = aged_balance.report(session, actor, **wanted)
    name = f"aged-balance-{wanted['as_of']}"
    if form == "xlsx":
        return download(aged_balance.as_xlsx(found), _XLSX, f"{name}.xlsx")
    return download(aged_balance.as_csv(found), "text/csv; charset=utf-8", f"{name}.csv")


@blueprint.get("/reports/open-items")
@needs(Permission.SEE_REPORTS)
def items() -> ResponseReturnValue:
    """What stands behind a figure of the aged balance."""
    actor, page, wanted = current_actor(), page_number(), _wanted()
    wanted |= {"bucket": asked.choice("bucket", BUCKETS, ""), "customer": asked.word("customer") or None}
    with reading(actor) as session:
        count, total = open_items.total(session, actor, **wanted)
        shown = list(
            open_items.report(session, actor, **wanted, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
        )
    return render(
        "reports/open_items.html",
        items=shown,
        count=count,
        total=Money(total, wanted["currency"]),
        wanted=wanted,
        query=_query(wanted),
        links=page_links(page, count),
    )


@blueprint.get("/reports/open-items.csv")
@needs(Permission.SEE_REPORTS)
def items_file() -> ResponseReturnValue:
    wanted, actor = _wanted(), current_actor()
    wanted |= {"bucket": asked.choice("bucket", BUCKETS, ""), "customer": asked.word("customer") or None}

    def rows() -> Iterator[str]:
        with reading(actor) as session:
            yield from open_items.as_csv(open_items.report(session, actor, **wanted))

    return download(rows(), "text/csv; charset=utf-8", f"open-items-{wanted['as_of']}.csv")


def _wanted() -> dict[str, Any]:
    currency = asked.word("currency", 3).upper()
    return {
        "as_of": asked.day(),
        "creditor": asked.word("creditor", 20) or None,
        "currency": currency if len(currency) == 3 and currency.isalpha() else "EUR",
    }


def _query(wanted: dict[str, Any]) -> dict[str, str]:
    """The report's question as it travels in addresses."""
    told = {name: value.isoformat() if isinstance(value, date) else value for name, value in wanted.items()}
    if "as_of" not in request.args:
        told.pop("as_of")
    return {name: str(value) for name, value in told.items() if value}


def download(content: bytes | Iterator[str] | Iterator[bytes], media_type: str, name: str) -> Response:
    answer = Response(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
