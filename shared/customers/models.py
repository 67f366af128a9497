"""Tables of customers and the accounts they are known to pay from."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class Customer(Base):
    __tablename__ = "customer"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ref: Mapped[str]
    name: Mapped[str]
    search_key: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(default="business")
    siren: Mapped[str | None] = mapped_column(default=None)
    vat_id: Mapped[str | None] = mapped_column(default=None)
    country: Mapped[str] = mapped_column(default="FR")
    language: Mapped[str] = mapped_column(default="fr")
    email: Mapped[str | None] = mapped_column(default=None)
    phone: Mapped[str | None] = mapped_column(default=None)
    address: Mapped[str | None] = mapped_column(default=None)
    postcode: Mapped[str | None] = mapped_column(default=None)
    city: Mapped[str | None] = mapped_column(default=None)
    segment: Mapped[str | None] = mapped_column(default=None)
    sales_owner: Mapped[str | None] = mapped_column(default=None)
    group_code: Mapped[str | None] = mapped_column(default=None)
    credit_limit_minor: Mapped[int | None] = mapped_column(default=None)
    currency: Mapped[str] = mapped_column(default="EUR")
    payment_terms: Mapped[str] = mapped_column(default="30 net")


class CustomerIban(Base):
    __tablename__ = "customer_iban"

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    iban: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    source: Mapped[str] = mapped_column(default="file")
