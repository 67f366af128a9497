"""Collections that may be presented once more: proposed for a few reasons of the bank's, decided by a person, never by
itself. A second try is a new payment, with a new notice to the debtor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.db import REFUSALS
from shared.errors import Conflict, DomainError, NotFound
from shared.mandates.reason_codes import reason_code, reason_codes
from shared.payments.announcing import hold_account
from shared.payments.queries import payables
from shared.payments.rules import Choice, baskets
from shared.rails.collection_money import hold_all
from shared.rails.snapshot import Method
from shared.rails.starting import start
from shared.rails.terms import Terms

REFUSALS["collection_again_pkey"] = Conflict("This collection was presented again already.")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A collection that came back for a reason that may pass. `tries`: how often it was presented so far."""

    payment_id: UUID
    reference: str
    customer_id: UUID
    customer: str
    amount_minor: int
    currency: str
    due_on: date
    reason_code: str
    tries: int
    usable: bool

    @property
    def sentence(self) -> str:
        """What the reason means to the clerk, as a message id."""
        return reason_code(self.reason_code).sentence


# How often the same debt was presented: the chain of second tries that ends at this payment.
_PROPOSALS = """
    WITH RECURSIVE chain (last_id, payment_id) AS (
        SELECT e.payment_id, e.payment_id FROM collection_entry e
        WHERE e.state IN ('rejected', 'returned') AND e.reason_code = ANY (:codes)
          AND (CAST(:payment AS uuid) IS NULL OR e.payment_id = :payment)
          AND NOT EXISTS (SELECT FROM collection_again a WHERE a.payment_id = e.payment_id)
        UNION ALL
        SELECT c.last_id, a.payment_id FROM chain c JOIN collection_again a ON a.again_id = c.payment_id)
    SELECT p.id AS payment_id, p.reference, p.customer_id, c.name AS customer, p.amount_minor, p.currency, e.due_on,
           e.reason_code, t.tries, m.state = 'active' AS usable
    FROM (SELECT last_id, count(*) AS tries FROM chain GROUP BY last_id) t
    JOIN collection_entry e ON e.payment_id = t.last_id AND e.state <> 'withdrawn'
    JOIN payment p ON p.id = t.last_id JOIN customer c ON c.id = p.customer_id JOIN mandate m ON m.id = e.mandate_id
    WHERE NOT EXISTS (SELECT FROM payment_item x JOIN open_item i ON i.id = x.item_id
                      WHERE x.payment_id = p.id AND abs(i.open_minor) < abs(x.amount_minor))
      AND NOT EXISTS (SELECT FROM payment_item x JOIN payment_item o ON o.item_id = x.item_id AND o.live
                      WHERE x.payment_id = p.id)
    ORDER BY e.due_on, p.reference LIMIT :limit"""
_FOUND = text(_PROPOSALS)
_PAYMENT = text("""
    SELECT account_id, creditor_id, customer_id, method, language, mandate_id FROM payment WHERE id = :id""")
_ITEMS = text("SELECT item_id, customer_id, amount_minor FROM payment_item WHERE payment_id = :id")
_AGAIN = text("INSERT INTO collection_again VALUES (:payment, :again, :name, :now)")


def proposals(
    session: Session, actor: Actor, payment_id: UUID | None = None, limit: int = 200
) -> list[Proposal]:
    """What may be presented again, the oldest first: still open, nothing under way, and not tried too often."""
    actor.must(Permission.SEE_PAYMENTS)
    codes = [code for code, reason in reason_codes().items() if reason.retries]
    given = {"codes": codes, "payment": payment_id, "limit": limit}
    found = [Proposal(**row._mapping) for row in session.execute(_FOUND, given)]
    return [each for each in found if each.tries <= reason_code(each.reason_code).retries]


def present_again(session: Session, actor: Actor, payment_id: UUID, collect_on: date | None = None) -> UUID:
    """Collect once more what came back, by a new payment over the same items; gives it. The debtor is told anew."""
    actor.must(Permission.COLLECT)
    old = session.execute(_PAYMENT, {"id": payment_id}).first()
    if old is None:
        raise NotFound
    hold_all(session, [payment_id])
    if not proposals(session, actor, payment_id):
        raise Conflict(
            "This collection cannot be presented again: it was paid, is under way, or was tried enough."
        )
    items = session.execute(_ITEMS, {"id": payment_id}).all()
    again_id = _start(session, actor, old, items, collect_on)
    session.execute(
        _AGAIN, {"payment": payment_id, "again": again_id, "name": actor.name, "now": clock.now()}
    )
    record(session, actor, "present_again", "payment", payment_id, again=str(again_id))
    return again_id


def _start(
    session: Session, actor: Actor, old: Row[Any], items: list[Any] | Any, collect_on: date | None
) -> UUID:
    customers = tuple(sorted({old.customer_id, *(item.customer_id for item in items)}))
    for_them = Actor(actor.kind, actor.id, actor.name, actor.permissions, customers)
    hold_account(session, for_them)
    made = baskets(payables(session, for_them), [Choice(i.item_id, i.amount_minor) for i in items])
    if len(made) != 1 or not made[0].payee.is_own:
        raise DomainError("These invoices are no longer paid to this creditor: nothing can be collected.")
    terms = Terms(
        old.account_id,
        Method(old.method),
        old.language,
        origin="staff",
        mandate_id=old.mandate_id,
        collect_on=collect_on,
    )
    return start(session, for_them, made[0], terms, old.creditor_id)
