"""Tables of mandates."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from shared.creditors.models import BankAccount, Creditor
from shared.customers.models import Customer
from shared.db import REFUSALS, Base
from shared.errors import Conflict


class CreditorSepa(Base):
    """How a creditor collects through its own bank."""

    __tablename__ = "creditor_sepa"

    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id), primary_key=True)
    ics: Mapped[str]
    core_enabled: Mapped[bool]
    b2b_enabled: Mapped[bool]
    notice_days: Mapped[int]
    initiating_party: Mapped[str]
    bank_account_id: Mapped[UUID] = mapped_column(ForeignKey(BankAccount.id))
    updated_at: Mapped[datetime]


class Mandate(Base):
    """A debtor's permission to collect. The portal's role may not read `iban_sealed`: it is loaded only on demand."""

    __tablename__ = "mandate"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id))
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey(Creditor.id))
    scheme: Mapped[str]
    provider: Mapped[str]
    reference: Mapped[str]
    debtor_name: Mapped[str]
    recurrent: Mapped[bool]
    notice_days: Mapped[int]
    language: Mapped[str]
    signed_at: Mapped[datetime]
    signed_by: Mapped[str]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str]
    created_at: Mapped[datetime]
    provider_ref: Mapped[str | None] = mapped_column(default=None)
    address_lines: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default_factory=list)
    postcode: Mapped[str | None] = mapped_column(default=None)
    town: Mapped[str | None] = mapped_column(default=None)
    country: Mapped[str | None] = mapped_column(default=None)
    iban_sealed: Mapped[bytes | None] = mapped_column(default=None, deferred=True)
    iban_mark: Mapped[bytes | None] = mapped_column(default=None)
    iban_last4: Mapped[str | None] = mapped_column(default=None)
    iban_country: Mapped[str | None] = mapped_column(default=None)
    bic: Mapped[str | None] = mapped_column(default=None)
    document_id: Mapped[UUID | None] = mapped_column(default=None)
    state_reason: Mapped[str | None] = mapped_column(default=None)
    last_collected_on: Mapped[date | None] = mapped_column(default=None)
    registered_at: Mapped[datetime | None] = mapped_column(default=None)
    account_changed_at: Mapped[datetime | None] = mapped_column(default=None)
    replaced_by: Mapped[UUID | None] = mapped_column(ForeignKey("mandate.id"), default=None)


REFUSALS["mandate_reference"] = Conflict("This creditor has a mandate with this reference already.")
REFUSALS["mandate_once"] = Conflict("There is a mandate for this account already.")
REFUSALS["mandate_moves"] = Conflict()
