"""What may be debited without its holder being there: mandates in force and saved cards, with what each needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor
from shared.clock import BUSINESS_ZONE
from shared.mandates import target2
from shared.mandates.rules import earliest_collection
from shared.rails.snapshot import Method

# A card's holder is told three days before; the notice of a mandate is the one agreed in it.
CARD_NOTICE_DAYS = 3
# Business days before the debit on which it must be ordered: own banks take files on D-1 and want a day to put things
# right; GoCardless debits three business days after the order at the earliest (its documentation). Stripe: at once.
_LEAD_DAYS = {"own_bank": 2, "gocardless": 4}


@dataclass(frozen=True, slots=True)
class Instrument:
    """A card or mandate on file, safe to show. `label`: the card's brand, or the mandate's reference."""

    id: UUID
    kind: str  # "card" | "mandate"
    customer_id: UUID
    creditor_id: UUID
    account_id: UUID
    provider: str
    method: Method
    label: str
    last4: str | None
    notice_days: int

    @property
    def named(self) -> str:
        """As its holder knows it."""
        return f"{self.label} ···· {self.last4}" if self.last4 else self.label

    @property
    def saved_card_id(self) -> UUID | None:
        return self.id if self.kind == "card" else None

    @property
    def mandate_id(self) -> UUID | None:
        return self.id if self.kind == "mandate" else None

    def earliest_debit(self, today: date) -> date:
        """The first day that may be debited when the holder is told today."""
        if self.kind == "card":
            return today + timedelta(days=self.notice_days)
        ordered = target2.add(today, _LEAD_DAYS.get(self.provider, 0))
        return max(earliest_collection(today, self.notice_days), ordered)

    def order_on(self, execute_on: date) -> date:
        """The day on which the debit of that day is ordered."""
        lead = _LEAD_DAYS.get(self.provider, 0) if self.kind == "mandate" else 0
        return target2.add(execute_on, -lead) if lead else execute_on

    def debit_on(self, execute_on: date, today: date) -> date:
        """The day to ask for when it is ordered today; later than announced if the order is late, never earlier."""
        if self.kind == "card":
            return max(execute_on, today)
        return max(execute_on, target2.add(today, _LEAD_DAYS.get(self.provider, 0)))


_SIGNED_ON = f"(m.signed_at AT TIME ZONE '{BUSINESS_ZONE.key}')::date"
_ON_FILE = text(f"""
    SELECT c.id, 'card' AS kind, c.customer_id, a.creditor_id, a.id AS account_id, a.provider, r.method,
           c.brand AS label, c.last4, {CARD_NOTICE_DAYS} AS notice_days, c.saved_at AS since
    FROM saved_card c JOIN provider_account a ON a.id = c.account_id AND a.active
    JOIN rail r ON r.account_id = a.id AND r.method = 'card' AND r.enabled
    WHERE c.customer_id = ANY (:customers) AND c.removed_at IS NULL
      AND (c.expires_on IS NULL OR c.expires_on >= :today)
    UNION ALL
    SELECT m.id, 'mandate', m.customer_id, m.creditor_id, a.id, a.provider, r.method, m.reference, m.iban_last4,
           m.notice_days, m.signed_at
    FROM mandate m JOIN provider_account a ON a.creditor_id = m.creditor_id AND a.provider = m.provider AND a.active
    JOIN rail r ON r.account_id = a.id AND r.method = 'debit_' || m.scheme AND r.enabled
    WHERE m.customer_id = ANY (:customers) AND m.state = 'active' AND m.recurrent
      -- Of a provider's mandate the provider watches over its life.
      AND (m.provider <> 'own_bank' OR greatest(m.last_collected_on, {_SIGNED_ON})
                                       > CAST(:today AS date) - interval '36 months')
    ORDER BY since DESC, id""")


def on_file(
    session: Session, customers: Collection[UUID], creditor_id: UUID | None = None
) -> list[Instrument]:
    """What these customers have on file and could be debited today, the newest first. One statement."""
    rows = session.execute(_ON_FILE, {"customers": list(customers), "today": clock.today()}).mappings()
    found = [
        Instrument(**{**{k: v for k, v in row.items() if k != "since"}, "method": Method(row["method"])})
        for row in rows
    ]
    return [each for each in found if creditor_id in (None, each.creditor_id)]


def instrument(
    session: Session, actor: Actor, customer_id: UUID, creditor_id: UUID, instrument_id: UUID | None
) -> Instrument | None:
    """One of them; None when it is not usable any more, or never was this customer's."""
    if actor.kind == "debtor" and customer_id not in actor.customers:
        return None
    found = on_file(session, [customer_id], creditor_id)
    return next((each for each in found if each.id == instrument_id), None)
