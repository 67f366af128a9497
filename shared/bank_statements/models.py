"""Tables of bank statements."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.creditors.models import BankAccount, Creditor
from shared.db import Base


class BankStatement(Base):
    """What a bank reported of one account. Counts and sums are of its booked entries, those another statement
    had brought before included; the lines it brought first point to it."""

    __tablename__ = "bank_statement"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    bank_account_id: Mapped[UUID] = mapped_column(ForeignKey(BankAccount.id))
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id))
    reference: Mapped[str]
    format: Mapped[str]
    currency: Mapped[str]
    entries: Mapped[int]
    credits_minor: Mapped[int]
    debits_minor: Mapped[int]
    file_name: Mapped[str]
    file_sha256: Mapped[bytes]
    imported_at: Mapped[datetime]
    sequence: Mapped[str | None] = mapped_column(default=None)
    opening_minor: Mapped[int | None] = mapped_column(default=None)
    closing_minor: Mapped[int | None] = mapped_column(default=None)
    opening_on: Mapped[date | None] = mapped_column(default=None)
    closing_on: Mapped[date | None] = mapped_column(default=None)
    balance_ok: Mapped[bool | None] = mapped_column(default=None)


class BankLine(Base):
    """One booked entry. `open_minor` is what is still to be assigned of a receipt; matching moves it."""

    __tablename__ = "bank_line"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[UUID] = mapped_column(ForeignKey("bank_statement.id"))
    bank_account_id: Mapped[UUID]
    creditor_id: Mapped[UUID]
    position: Mapped[int]
    identity: Mapped[bytes]
    occurrence: Mapped[int]
    booked_on: Mapped[date]
    amount_minor: Mapped[int]
    open_minor: Mapped[int]
    currency: Mapped[str]
    raw: Mapped[str]
    value_on: Mapped[date | None] = mapped_column(default=None)
    entry_ref: Mapped[str | None] = mapped_column(default=None)
    end_to_end_id: Mapped[str | None] = mapped_column(default=None)
    creditor_ref: Mapped[str | None] = mapped_column(default=None)
    transaction_code: Mapped[str | None] = mapped_column(default=None)
    is_reversal: Mapped[bool] = mapped_column(default=False)
    party_name: Mapped[str | None] = mapped_column(default=None)
    party_iban: Mapped[str | None] = mapped_column(default=None)
    remittance: Mapped[str] = mapped_column(default="")
    details: Mapped[dict[str, Any] | None] = mapped_column(JSONB, default=None)
