"""Lists: newest first, by cursors, narrowed by the filters each kind knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.sandbox.gocardless import people
from shared.sandbox.gocardless.names import DATED, FILTERS
from shared.sandbox.gocardless.refusals import Refusal, misuse, not_found
from shared.sandbox.gocardless.store import Store, Thing, stamp

_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_EVENTS_KEPT = timedelta(days=548)  # 18 months
_ITEMS_KEPT = timedelta(days=183)  # 6 months
_PAGING = {"after", "before", "limit"}
_TRUTH = {"true": 1, "false": 0}


def read_list(store: Store, kind: str, args: Mapping[str, str]) -> tuple[list[Thing], dict[str, Any]]:
    """A page and its `meta`. O(page) when nothing is filtered."""
    if kind == "creditors":
        people.creditor(store)
    where = [_condition(kind, name, value) for name, value in args.items() if name not in _PAGING]
    if kind == "payout_items":
        _check_payout(store, args.get("payout", ""))
    if kind == "events":
        where.append(("json_extract(body, '$.created_at') >= ?", stamp(store.now() - _EVENTS_KEPT)))
    limit = _limit(args.get("limit", "50"))
    after, before = args.get("after", ""), args.get("before", "")
    for cursor in (after, before):
        if cursor and store.find(kind, cursor) is None:
            raise misuse(400, "invalid_filters", f"The cursor {cursor} is not known")
    found = store.page(kind, where, after=after, before=before, limit=limit + 1)
    more = len(found) > limit
    # Reading back towards the newest, the one too many is the first.
    page = (found[1:] if before else found[:limit]) if more else found
    cursors = {
        "before": page[0]["id"] if page and (after or (before and more)) else None,
        "after": page[-1]["id"] if page and (more or before) else None,
    }
    return page, {"cursors": cursors, "limit": limit}


def _condition(kind: str, name: str, value: str) -> tuple[str, Any]:
    field, _, rest = name.partition("[")
    dated = {"created_at", DATED.get(kind, "created_at")}
    if rest.endswith("]") and field in dated and rest[:-1] in _COMPARE:
        wanted = value if field != "created_at" else _instant(name, value)
        return f"json_extract(body, '$.{field}') {_COMPARE[rest[:-1]]} ?", wanted
    if name not in FILTERS[kind]:
        raise _wrong_filter(name, "is not a permitted parameter")
    path = f"json_extract(body, '$.{FILTERS[kind][name]}')"
    if name == "status":  # several, with commas between
        return f"instr(',' || ? || ',', ',' || {path} || ',') > 0", value
    return f"{path} = ?", _TRUTH.get(value.lower(), value)


def _instant(name: str, value: str) -> str:
    try:
        instant = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        raise _wrong_filter(name, "is not a timestamp") from None
    return stamp(instant if instant.tzinfo else datetime.fromisoformat(value + "+00:00"))


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 500:
        raise _wrong_filter("limit", "should be between 1 and 500")
    return int(text)


def _check_payout(store: Store, payout_id: str) -> None:
    if not payout_id:
        raise _wrong_filter("payout", "is required")
    payout = store.find("payouts", payout_id)
    if payout is None:
        raise not_found()
    if payout["created_at"] < stamp(store.now() - _ITEMS_KEPT):
        message = "The items of payouts are kept for six months"
        raise misuse(410, "payout_items_data_archived", message)


def _wrong_filter(name: str, message: str) -> Refusal:
    return misuse(400, "invalid_filters", f"{name} {message}")
