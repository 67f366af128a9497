"""Tables of people, their links and their sessions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.customers.models import Customer
from shared.db import Base


class StaffUser(Base):
    """`totp_last` is empty until the first code was right: only then is the second factor enrolled."""

    __tablename__ = "staff_user"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    created_at: Mapped[datetime]
    language: Mapped[str] = mapped_column(default="fr")
    password_hash: Mapped[str | None] = mapped_column(default=None)
    totp_secret: Mapped[bytes | None] = mapped_column(default=None)
    totp_last: Mapped[int | None] = mapped_column(default=None)
    active: Mapped[bool] = mapped_column(default=True)


class DebtorUser(Base):
    __tablename__ = "debtor_user"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime]
    language: Mapped[str] = mapped_column(default="fr")
    active: Mapped[bool] = mapped_column(default=True)


class DebtorAccess(Base):
    """One person may act for several customers: an accountant of a group."""

    __tablename__ = "debtor_access"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("debtor_user.id"), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id), primary_key=True)
    granted_at: Mapped[datetime]


class LoginLink(Base):
    """`audience`: portal, backoffice. `purpose`: sign_in, set_password."""

    __tablename__ = "login_link"

    secret_hash: Mapped[str] = mapped_column(primary_key=True)
    audience: Mapped[str]
    purpose: Mapped[str]
    user_id: Mapped[UUID]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    next_path: Mapped[str] = mapped_column(default="/")
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)


class WebSession(Base):
    """`step`: password (the code is still to come), complete."""

    __tablename__ = "web_session"

    secret_hash: Mapped[str] = mapped_column(primary_key=True)
    audience: Mapped[str]
    user_id: Mapped[UUID]
    step: Mapped[str]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    user_agent: Mapped[str | None] = mapped_column(default=None)
