"""What a debtor keeps with providers to pay more easily: saved cards, and the forms by which they are being added."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.errors import NotFound
from shared.rails.rules import offered_in


@dataclass(frozen=True, slots=True)
class Card:
    """A saved card, as it may be shown."""

    id: UUID
    account_id: UUID
    customer_id: UUID
    customer: str
    creditor: str
    brand: str
    last4: str
    expires_on: date | None
    saved_by: str
    saved_at: datetime

    def usable_on(self, day: date) -> bool:
        """A card is good to the end of its last month."""
        return self.expires_on is None or (self.expires_on.year, self.expires_on.month) >= (
            day.year,
            day.month,
        )


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where a card can be added: a creditor's account with a provider, for one of the debtor's companies."""

    account_id: UUID
    customer_id: UUID
    creditor: str
    customer: str


@dataclass(frozen=True, slots=True)
class Form:
    """The state of a card or mandate being added. `step`: what the payer does next."""

    id: UUID
    method: str
    state: str
    creditor: str
    customer: str
    mode: str
    step: dict[str, Any] | None

    @property
    def live(self) -> bool:
        return self.state in ("created", "awaiting_payer")


_CARDS = text("""
    SELECT s.id, s.account_id, s.customer_id, c.name AS customer, k.name AS creditor, s.brand, s.last4, s.expires_on,
           s.saved_by, s.saved_at
    FROM saved_card s JOIN provider_account a ON a.id = s.account_id JOIN creditor k ON k.id = a.creditor_id
    JOIN customer c ON c.id = s.customer_id
    WHERE s.customer_id = ANY (:customers) AND s.removed_at IS NULL AND a.active
    ORDER BY k.name, c.name, s.saved_at DESC, s.id LIMIT 200""")
# Only creditors the company has ever had business with: others need no card of it.
_KEEPERS = text("""
    SELECT a.id AS account_id, c.id AS customer_id, k.name AS creditor, c.name AS customer, c.country, r.countries
    FROM provider_account a JOIN rail r ON r.account_id = a.id AND r.method = 'card' AND r.enabled
    JOIN creditor k ON k.id = a.creditor_id CROSS JOIN customer c
    WHERE a.active AND c.id = ANY (:customers)
      AND EXISTS (SELECT FROM open_item i WHERE i.customer_id = c.id AND i.creditor_id = k.id)
    ORDER BY k.name, c.name, a.id LIMIT 200""")
_FORM = text("""
    SELECT s.id, s.method, s.state, k.name AS creditor, c.name AS customer, a.mode, s.step
    FROM set_up s JOIN provider_account a ON a.id = s.account_id JOIN creditor k ON k.id = a.creditor_id
    JOIN customer c ON c.id = s.customer_id
    WHERE s.id = :id AND s.customer_id = ANY (:customers)""")


def cards(session: Session, actor: Actor, customers: Collection[UUID] | None = None) -> list[Card]:
    """The saved cards of the actor's companies, or of these among them."""
    actor.must(Permission.SEE_OWN_ACCOUNT)
    whose = [c for c in actor.customers if customers is None or c in customers]
    return [Card(**row._mapping) for row in session.execute(_CARDS, {"customers": whose})]


def keepers(session: Session, actor: Actor) -> list[Keeper]:
    """Where a card can be added."""
    actor.must(Permission.SEE_OWN_ACCOUNT)
    return [
        Keeper(r.account_id, r.customer_id, r.creditor, r.customer)
        for r in session.execute(_KEEPERS, {"customers": list(actor.customers)})
        if offered_in(r.countries, r.country)
    ]


def form(session: Session, actor: Actor, set_up_id: UUID) -> Form:
    """One form of the debtor's; somebody else's is not found."""
    actor.must(Permission.SEE_OWN_ACCOUNT)
    row = session.execute(_FORM, {"id": set_up_id, "customers": list(actor.customers)}).first()
    if row is None:
        raise NotFound
    return Form(**row._mapping)
