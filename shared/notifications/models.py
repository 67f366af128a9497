"""The table of outgoing messages."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.customers.models import Customer
from shared.db import Base


class Message(Base):
    """One mail to one person. `due_at`: when a worker may take it, by the database's own clock."""

    __tablename__ = "message"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    once: Mapped[str]
    kind: Mapped[str]
    recipient: Mapped[str]
    language: Mapped[str]
    subject: Mapped[str]
    body_text: Mapped[str]
    body_html: Mapped[str]
    created_at: Mapped[datetime]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey(Customer.id), default=None)
    due_at: Mapped[datetime] = mapped_column(server_default=FetchedValue(), init=False)
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    failed_at: Mapped[datetime | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(default=None)
    reply_to: Mapped[str | None] = mapped_column(default=None)
