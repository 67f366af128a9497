"""What a standing agreement may collect: open, free, payable to the creditor itself, and held back by nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.payments.queries import payables
from shared.payments.rules import Payable

# What has a payment under way is not free, even while that payment holds nothing yet.
_BLOCKED = text("""
    SELECT item_id, reason FROM item_held_back WHERE customer_id = :customer
    UNION ALL SELECT item_id, 'under_way' FROM payment_item WHERE customer_id = :customer AND live""")


@dataclass(frozen=True, slots=True)
class Collectable:
    """A customer's items at one creditor, oldest due first. Credits have negative amounts."""

    debits: tuple[Payable, ...]
    credits: tuple[Payable, ...]


def acting_for(actor: Actor, customer_id: UUID) -> Actor:
    """The same actor, looking at one customer's account alone."""
    return replace(actor, customers=(customer_id,))


def collectable(
    session: Session,
    actor: Actor,
    customer_id: UUID,
    creditor_id: UUID,
    currency: str,
    *,
    whatever: Sequence[str] = (),
) -> Collectable:
    """What could be collected now. `whatever`: reasons for holding back that do not count here. Two statements.

    What a factor must be paid is never among it; where a creditor has several accounts, items of one account only.
    """
    rows = session.execute(_BLOCKED, {"customer": customer_id})
    blocked = {row.item_id for row in rows if row.reason not in whatever}
    free = [
        p
        for p in payables(session, acting_for(actor, customer_id))
        if (p.creditor_id, p.currency) == (creditor_id, currency)
        and p.payee is not None
        and p.payee.is_own
        and p.item_id not in blocked
    ]
    debits = [p for p in free if p.free_minor > 0]
    payee = debits[0].payee if debits else None
    debits = [p for p in debits if p.payee == payee]
    available = [p for p in free if p.free_minor < 0 and p.payee == payee]
    return Collectable(tuple(debits), tuple(available))


def netted(available: Sequence[Payable], minor: int) -> list[tuple[UUID, int]]:
    """Credits to use on so much debt, oldest first, and only as much as is due; amounts are negative. Pure."""
    used = []
    for credit in available:
        part = min(-credit.free_minor, minor)
        if part > 0:
            used.append((credit.item_id, -part))
            minor -= part
    return used
