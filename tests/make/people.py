"""People and the customers they act for."""

from __future__ import annotations

from uuid import UUID

from shared import clock, db
from shared.actor import SYSTEM
from shared.customers.models import Customer
from shared.identity.actions import add_staff_user, invite_debtor
from shared.ids import new_id


def a_customer(ref: str, name: str = "Ateliers Lefèvre") -> UUID:
    customer_id, now = new_id(), clock.now()
    with db.writing(SYSTEM) as session:
        session.add(
            Customer(
                id=customer_id, ref=ref, name=name, search_key=name.lower(), created_at=now, updated_at=now
            )
        )
    return customer_id


def an_invitation(email: str, *customers: UUID, name: str = "Léa Martin") -> str:
    """Invite a debtor's person; the address of their link."""
    with db.writing(SYSTEM) as session:
        return invite_debtor(session, SYSTEM, email, name, customers)


def a_staff_link(email: str, role: str = "finance", name: str = "Nadia Benali") -> str:
    """Add one of the creditor's people; the address of their link to choose a password."""
    with db.writing(SYSTEM) as session:
        return add_staff_user(session, SYSTEM, email, name, role)
