"""Tables of instalment plans."""

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


class PlanPolicy(Base):
    """What a creditor accepts without being asked."""

    __tablename__ = "plan_policy"

    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id), primary_key=True)
    enabled: Mapped[bool]
    max_months: Mapped[int]
    first_part_percent: Mapped[int]
    max_total_minor: Mapped[int]
    currency: Mapped[str]
    min_days_late: Mapped[int]
    needs_instrument: Mapped[bool]
    grace_days: Mapped[int]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class Plan(Base):
    """A debtor's plan for some invoices of one creditor. `beyond`: which limit it exceeds, when a person decides."""

    __tablename__ = "plan"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id))
    currency: Mapped[str]
    total_minor: Mapped[int]
    mandate_id: Mapped[UUID | None] = mapped_column(ForeignKey(Mandate.id))
    saved_card_id: Mapped[UUID | None] = mapped_column(ForeignKey(SavedCard.id))
    grace_days: Mapped[int]
    language: Mapped[str]
    agreement: Mapped[str]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[UUID]
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]
    state: Mapped[str]
    beyond: Mapped[str | None] = mapped_column(default=None)
    decided_by: Mapped[str | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class PlanItem(Base):
    __tablename__ = "plan_item"

    plan_id: Mapped[UUID] = mapped_column(ForeignKey("plan.id"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey(OpenItem.id), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    amount_minor: Mapped[int]
    live: Mapped[bool] = mapped_column(init=False, server_default="true")


class PlanPart(Base):
    """`tried_at`: its day came and it was collected, asked for, or found paid. `failed_on`: it then came back."""

    __tablename__ = "plan_part"

    plan_id: Mapped[UUID] = mapped_column(ForeignKey("plan.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    due_on: Mapped[date]
    amount_minor: Mapped[int]
    tried_at: Mapped[datetime | None] = mapped_column(default=None)
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey(Payment.id), default=None)
    failed_on: Mapped[date | None] = mapped_column(default=None)


REFUSALS["plan_item_live"] = Conflict("One of these invoices is in a plan already.")
