"""Tables of the ledger."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.creditors.models import BankAccount, Creditor
from shared.customers.models import Customer
from shared.db import REFUSALS, Base
from shared.errors import Conflict, DomainError


class OpenItem(Base):
    __tablename__ = "open_item"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    kind: Mapped[str]
    number: Mapped[str]
    number_key: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int]
    open_minor: Mapped[int]
    issued_on: Mapped[date]
    due_on: Mapped[date]
    created_at: Mapped[datetime]
    payee_account_id: Mapped[UUID | None] = mapped_column(ForeignKey(BankAccount.id), default=None)


class Allocation(Base):
    __tablename__ = "allocation"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    credit_item_id: Mapped[UUID] = mapped_column(ForeignKey("open_item.id"))
    debit_item_id: Mapped[UUID] = mapped_column(ForeignKey("open_item.id"))
    amount_minor: Mapped[int]
    allocated_on: Mapped[date]
    reason: Mapped[str]
    created_at: Mapped[datetime]
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("allocation.id"), default=None)
    match_id: Mapped[UUID | None] = mapped_column(default=None)


REFUSALS["open_item_not_over_allocated"] = Conflict(
    "This would use more than is open: somebody settled part of it meanwhile. Look again and choose anew."
)
REFUSALS["allocation_fits"] = DomainError(
    "A credit can only settle an invoice of the same customer, the same creditor and the same currency."
)
REFUSALS["allocation_reverses_id_key"] = Conflict("This was undone already.")
