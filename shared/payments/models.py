"""Tables of payments."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shared.creditors.models import BankAccount, Creditor
from shared.customers.models import Customer
from shared.db import REFUSALS, Base
from shared.errors import Conflict
from shared.ledger.models import OpenItem


class ExpectedPayment(Base):
    """A debtor's announced transfer. The payee is a copy of what the debtor was shown."""

    __tablename__ = "expected_payment"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id))
    bank_account_id: Mapped[UUID] = mapped_column(ForeignKey(BankAccount.id))
    payee_name: Mapped[str]
    payee_iban: Mapped[str]
    payee_bic: Mapped[str | None]
    currency: Mapped[str]
    amount_minor: Mapped[int]
    expected_on: Mapped[date]
    announced_at: Mapped[datetime]
    announced_by: Mapped[str]
    basket_hash: Mapped[bytes]
    cancelled_at: Mapped[datetime | None] = mapped_column(default=None)
    received_at: Mapped[datetime | None] = mapped_column(default=None)
    items: Mapped[list[ExpectedPaymentItem]] = relationship(
        default_factory=list, order_by="ExpectedPaymentItem.item_id"
    )

    @property
    def waiting(self) -> bool:
        return self.cancelled_at is None and self.received_at is None


class ExpectedPaymentItem(Base):
    """`amount_minor` carries the item's sign: a credit used in the basket is negative."""

    __tablename__ = "expected_payment_item"

    expected_payment_id: Mapped[UUID] = mapped_column(
        ForeignKey("expected_payment.id"), primary_key=True, init=False
    )
    item_id: Mapped[UUID] = mapped_column(ForeignKey(OpenItem.id), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    amount_minor: Mapped[int]


class Receipt(Base):
    """Money that came in for one customer. `undoes_id`: this takes another receipt back."""

    __tablename__ = "receipt"

    id: Mapped[UUID] = mapped_column(ForeignKey(OpenItem.id), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    bank_line_id: Mapped[UUID | None]
    undoes_id: Mapped[UUID | None] = mapped_column(ForeignKey("receipt.id"))
    match_id: Mapped[UUID | None]
    external_ref: Mapped[str | None]
    method: Mapped[str]
    payer_name: Mapped[str | None]
    payer_iban: Mapped[str | None]
    amount_minor: Mapped[int]
    received_on: Mapped[date]


REFUSALS["bank_line_not_over_assigned"] = Conflict(
    "This bank line has less left than that: somebody assigned part of it meanwhile. Look at it again."
)
REFUSALS["receipt_undoes_id_key"] = Conflict("This was undone already.")
