"""Tables of creditors and bank accounts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class Creditor(Base):
    __tablename__ = "creditor"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime]
    siren: Mapped[str | None] = mapped_column(default=None)
    vat_id: Mapped[str | None] = mapped_column(default=None)
    address: Mapped[str | None] = mapped_column(default=None)
    postcode: Mapped[str | None] = mapped_column(default=None)
    city: Mapped[str | None] = mapped_column(default=None)
    country: Mapped[str] = mapped_column(default="FR")
    email: Mapped[str | None] = mapped_column(default=None)
    account_change_days: Mapped[int] = mapped_column(default=3)


class BankAccount(Base):
    """`receives`: the account debtors are asked to pay to. Unconfirmed accounts are shown to no debtor.

    Once a creditor has debtors, both change through an account change alone (`changes.py`). `replaced_by_id`: it
    received, and this one does now.
    """

    __tablename__ = "bank_account"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey("creditor.id"))
    holder_kind: Mapped[str]
    holder_name: Mapped[str]
    iban: Mapped[str]
    created_at: Mapped[datetime]
    bic: Mapped[str | None] = mapped_column(default=None)
    currency: Mapped[str] = mapped_column(default="EUR")
    receives: Mapped[bool] = mapped_column(default=False)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    replaced_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("bank_account.id"), default=None)
