"""Tables of autopay."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.creditors.models import Creditor
from shared.customers.models import Customer
from shared.db import REFUSALS, Base
from shared.errors import Conflict
from shared.ledger.models import OpenItem
from shared.mandates.models import Mandate
from shared.rails.models import Payment, SavedCard


class Autopay(Base):
    """What a debtor's person agreed to for one creditor and currency: up to `cap_minor` per debit, on the due date
    or `offset_days` from it."""

    __tablename__ = "autopay"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id))
    currency: Mapped[str]
    mandate_id: Mapped[UUID | None] = mapped_column(ForeignKey(Mandate.id))
    saved_card_id: Mapped[UUID | None] = mapped_column(ForeignKey(SavedCard.id))
    cap_minor: Mapped[int]
    offset_days: Mapped[int]
    language: Mapped[str]
    consent: Mapped[str]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[UUID]
    switched_on_by: Mapped[str]
    switched_on_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="active")
    state_reason: Mapped[str | None] = mapped_column(default=None)

    @property
    def instrument_id(self) -> UUID | None:
        return self.mandate_id or self.saved_card_id


class AutopayDebit(Base):
    """One debit the debtor was told of. `outcome` None: it waits for its day. `retries_id`: the one it tries again."""

    __tablename__ = "autopay_debit"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    autopay_id: Mapped[UUID] = mapped_column(ForeignKey("autopay.id"))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    execute_on: Mapped[date]
    send_on: Mapped[date]
    noticed_at: Mapped[datetime]
    notified_minor: Mapped[int]
    attempt: Mapped[int] = mapped_column(default=0)
    retries_id: Mapped[UUID | None] = mapped_column(ForeignKey("autopay_debit.id"), default=None)
    skipped_at: Mapped[datetime | None] = mapped_column(default=None)
    skipped_by: Mapped[str | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(default=None)
    detail: Mapped[str | None] = mapped_column(default=None)
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey(Payment.id), default=None)
    executed_minor: Mapped[int | None] = mapped_column(default=None)
    failed_code: Mapped[str | None] = mapped_column(default=None)


class AutopayDebitItem(Base):
    """What the notice named; `amount_minor` signed as the item. `over_cap`: left to the debtor."""

    __tablename__ = "autopay_debit_item"

    debit_id: Mapped[UUID] = mapped_column(ForeignKey("autopay_debit.id"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey(OpenItem.id), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    amount_minor: Mapped[int]
    over_cap: Mapped[bool] = mapped_column(default=False)


REFUSALS["autopay_once"] = Conflict("Autopay is on for this creditor already.")
