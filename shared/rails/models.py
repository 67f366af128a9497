"""Tables of payments over a rail. What each promises stands with it in the migration."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shared.creditors.models import Creditor
from shared.customers.models import Customer
from shared.db import REFUSALS, Base
from shared.errors import Conflict, DomainError
from shared.ledger.models import OpenItem
from shared.payments.models import Receipt


class ProviderAccount(Base):
    """A creditor's account with a provider. `credentials`, `webhook_secret`: sealed (`shared.rails.accounts`)."""

    __tablename__ = "provider_account"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id))
    provider: Mapped[str]
    mode: Mapped[str]
    clearing_account: Mapped[str]
    events_until: Mapped[datetime]
    created_at: Mapped[datetime]
    publishable_key: Mapped[str | None] = mapped_column(default=None)
    credentials: Mapped[bytes | None] = mapped_column(default=None, repr=False, deferred=True)
    webhook_secret: Mapped[bytes | None] = mapped_column(default=None, repr=False)
    previous_webhook_secret: Mapped[bytes | None] = mapped_column(default=None, repr=False)
    active: Mapped[bool] = mapped_column(default=True)


class Rail(Base):
    """What an account offers; `countries` of payers, none named: all."""

    __tablename__ = "rail"

    account_id: Mapped[UUID] = mapped_column(ForeignKey(ProviderAccount.id), primary_key=True)
    method: Mapped[str] = mapped_column(primary_key=True)
    countries: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default_factory=list)
    enabled: Mapped[bool] = mapped_column(default=True)


class ProviderCustomer(Base):
    __tablename__ = "provider_customer"

    account_id: Mapped[UUID] = mapped_column(ForeignKey(ProviderAccount.id), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id), primary_key=True)
    ref: Mapped[str]


class SavedCard(Base):
    """A card the payer agreed to keep with the provider; we know its last digits."""

    __tablename__ = "saved_card"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(ProviderAccount.id))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    ref: Mapped[str] = mapped_column(deferred=True)
    brand: Mapped[str]
    last4: Mapped[str]
    saved_by: Mapped[str]
    saved_at: Mapped[datetime]
    expires_on: Mapped[date | None] = mapped_column(default=None)
    removed_at: Mapped[datetime | None] = mapped_column(default=None)


class Payment(Base):
    """One attempt to collect an amount. `step`: what the payer does next; `decline`: why it failed, our code."""

    __tablename__ = "payment"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str]
    account_id: Mapped[UUID] = mapped_column(ForeignKey(ProviderAccount.id))
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    method: Mapped[str]
    origin: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int]
    basket_hash: Mapped[bytes]
    language: Mapped[str]
    started_by: Mapped[str]
    started_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    mandate_id: Mapped[UUID | None]
    saved_card_id: Mapped[UUID | None] = mapped_column(ForeignKey(SavedCard.id))
    save_instrument: Mapped[bool]
    collect_on: Mapped[date | None]
    phase: Mapped[str] = mapped_column(init=False, server_default="created")
    unclear: Mapped[bool] = mapped_column(init=False, server_default="false")
    status: Mapped[str] = mapped_column(init=False, server_default="created")
    provider_ref: Mapped[str | None] = mapped_column(init=False)
    step: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), init=False)
    decline: Mapped[str | None] = mapped_column(init=False)
    decline_code: Mapped[str | None] = mapped_column(init=False)
    instrument: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), init=False)
    expected_on: Mapped[date | None] = mapped_column(init=False)
    refundable_until: Mapped[date | None] = mapped_column(init=False)
    sync_due_at: Mapped[datetime | None] = mapped_column(init=False)
    version: Mapped[int] = mapped_column(init=False, server_default="0")
    items: Mapped[list[PaymentItem]] = relationship(default_factory=list, order_by="PaymentItem.item_id")


class PaymentItem(Base):
    """`amount_minor` carries the item's sign: a credit used in the basket is negative."""

    __tablename__ = "payment_item"

    payment_id: Mapped[UUID] = mapped_column(ForeignKey(Payment.id), primary_key=True, init=False)
    item_id: Mapped[UUID] = mapped_column(ForeignKey(OpenItem.id), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    amount_minor: Mapped[int]


class SetUp(Base):
    """A card or mandate to be kept with a provider. `evidence`: what we know of who agreed, and to which words."""

    __tablename__ = "set_up"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(ProviderAccount.id))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    method: Mapped[str]
    language: Mapped[str]
    started_by: Mapped[str]
    started_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB, default_factory=dict)
    state: Mapped[str] = mapped_column(init=False, server_default="created")
    provider_ref: Mapped[str | None] = mapped_column(init=False)
    step: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), init=False)
    sync_due_at: Mapped[datetime | None] = mapped_column(init=False)


class Refund(Base):
    """Asked by one, approved by another. Its money is told by the facts of its payment."""

    __tablename__ = "refund"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey(Payment.id))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    amount_minor: Mapped[int]
    reason: Mapped[str]
    asked_by_id: Mapped[UUID]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(init=False, server_default="asked")
    decided_by_id: Mapped[UUID | None] = mapped_column(default=None)
    decided_by: Mapped[str | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    ref: Mapped[str | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None)


class Operation(Base):
    """One command to a provider; the id is its idempotency key."""

    __tablename__ = "payment_operation"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(ProviderAccount.id))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    kind: Mapped[str]
    created_at: Mapped[datetime]
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey(Payment.id), default=None)
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey(Refund.id), default=None)
    set_up_id: Mapped[UUID | None] = mapped_column(ForeignKey(SetUp.id), default=None)
    request: Mapped[dict[str, Any]] = mapped_column(JSONB, default_factory=dict)
    state: Mapped[str] = mapped_column(init=False, server_default="pending")
    attempts: Mapped[int] = mapped_column(init=False, server_default="0")
    due_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    first_sent_at: Mapped[datetime | None] = mapped_column(init=False)
    finished_at: Mapped[datetime | None] = mapped_column(init=False)
    error: Mapped[str | None] = mapped_column(init=False)


class PaymentFact(Base):
    """What happened to money; only grows."""

    __tablename__ = "payment_fact"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(ProviderAccount.id))
    payment_id: Mapped[UUID] = mapped_column(ForeignKey(Payment.id))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    kind: Mapped[str]
    ref: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    reason_code: Mapped[str | None] = mapped_column(default=None)
    cause: Mapped[str | None] = mapped_column(default=None)


class ReceiptReversal(Base):
    """Money of a receipt that went back; shares its id with its open item."""

    __tablename__ = "receipt_reversal"

    id: Mapped[UUID] = mapped_column(ForeignKey(OpenItem.id), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    receipt_id: Mapped[UUID] = mapped_column(ForeignKey(Receipt.id))
    fact_id: Mapped[int] = mapped_column(ForeignKey(PaymentFact.id))
    amount_minor: Mapped[int]
    reversed_on: Mapped[date]


class PaymentDispute(Base):
    """A chargeback at the provider, to be answered there by `answer_by`."""

    __tablename__ = "payment_dispute"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(ProviderAccount.id))
    payment_id: Mapped[UUID] = mapped_column(ForeignKey(Payment.id))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    ref: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    opened_at: Mapped[datetime]
    answer_by: Mapped[datetime | None]
    changed_at: Mapped[datetime]


REFUSALS["payment_once"] = Conflict("This payment was started a moment ago, perhaps in another window.")
REFUSALS["payment_item_live"] = Conflict(
    "A payment of one of these invoices is under way. Finish or cancel it before you pay another way."
)
REFUSALS["refund_within_received"] = DomainError(
    "A refund cannot exceed what we still have of this payment, less the refunds asked for already."
)
REFUSALS["refund_needs_two"] = DomainError(
    "Whoever asked for a refund cannot approve it: it needs two people."
)
