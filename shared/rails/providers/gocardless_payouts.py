"""Payouts and their items in the core's words. Pure. Amounts of items are decimals of a minor unit: “45.0”, “-0.35”."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from shared.rails.providers.gocardless_words import PAYOUT_ITEMS, PAYOUTS
from shared.rails.providers.protocols import Unclear
from shared.rails.snapshot import PayoutLine, PayoutSeen

Thing = Mapping[str, Any]

_EXACT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?", re.ASCII)


def payout_seen(payout: Thing, items: Iterable[Thing] = (), *, complete: bool = False) -> PayoutSeen:
    """A payout; `complete`: with all its items, and GoCardless adds none to one that was made."""
    state = PAYOUTS.get(payout["status"])
    if state is None:
        raise Unclear(f"GoCardless says “{payout['status']}” of {payout['id']}, which we do not know.")
    amount = payout["amount"]
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise ValueError(f"{amount!r}: whole minor units were expected")
    arrives = payout.get("arrival_date")
    return PayoutSeen(
        ref=payout["id"],
        state=state,
        amount_minor=amount,
        currency=payout["currency"],
        arrives_on=date.fromisoformat(arrives) if arrives else None,
        statement_text=payout.get("reference") or "",
        lines=_lines(payout["id"], items),
        complete=complete,
    )


def _lines(payout_ref: str, items: Iterable[Thing]) -> tuple[PayoutLine, ...]:
    """The items. They have no ids of their own: what each is about, counted, is one."""
    counts: Counter[str] = Counter()
    lines = []
    for item in items:
        links = item.get("links") or {}
        about = f"{item['type']}:{links.get('refund') or links.get('payment') or ''}"
        counts[about] += 1
        lines.append(_line(f"{payout_ref}:{about}:{counts[about]}", item, links))
    return tuple(lines)


def _line(ref: str, item: Thing, links: Thing) -> PayoutLine:
    """An item. A fee is an item of its own: without gross, and what it takes is positive."""
    kind = PAYOUT_ITEMS.get(item["type"], "other")
    exact = exact_minor(item["amount"])
    gross, fee = (Decimal(0), -exact) if kind == "fee" else (exact, Decimal(0))
    return PayoutLine(
        ref=ref,
        kind=kind,
        provider_type=item["type"],
        gross_minor=f"{gross:f}",
        fee_minor=f"{fee:f}",
        payment_ref=links.get("payment") or links.get("refund"),
        label=item["type"].replace("_", " "),
    )


def exact_minor(text: object) -> Decimal:
    """A decimal in minor units, exact.

    >>> exact_minor("45.0"), exact_minor("-0.35")
    (Decimal('45'), Decimal('-0.35'))
    """
    if _EXACT.fullmatch(str(text)) is None:
        raise ValueError(f"{text!r}: a decimal of minor units was expected")
    found = Decimal(str(text))
    return found.quantize(Decimal(1)) + 0 if found == found.to_integral_value() else found.normalize()
