"""Two people who change an account, and the days between them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from shared import actor, clock, db
from shared.actor import SYSTEM, Actor
from shared.creditors import changes
from shared.creditors.models import Creditor
from tests.make.people import a_staff_link

TOLD = {"reason": "New bank", "source": "Letter of the bank", "call_back": "+33 1 02 03 04 05, Mrs Roux"}
WAIT = timedelta(days=6)


def a_colleague(name: str, role: str) -> Actor:
    """One of the creditor's people, as the database knows them."""
    email = f"{name.lower().replace(' ', '.')}@creancier.fr"
    with db.reading(SYSTEM) as session:
        found = session.scalar(text("SELECT id FROM staff_user WHERE email = :email"), {"email": email})
    if found is None:
        a_staff_link(email, role, name)
        return a_colleague(name, role)
    return actor.staff(found, name, role)


def asker() -> Actor:
    return a_colleague("Nadia Benali", "finance")


def approver() -> Actor:
    return a_colleague("Marc Leroy", "credit_manager")


def ask_change(creditor: Creditor | UUID, *, by: Actor | None = None, **wanted: str) -> UUID:
    person = by or asker()
    with db.writing(person) as session:
        owner = creditor if isinstance(creditor, Creditor) else session.get_one(Creditor, creditor)
        given = {"kind": "receive", "holder_name": owner.name, **TOLD, **wanted}
        return changes.ask(session, person, owner, **given)


def approve_change(change: UUID, *, by: Actor | None = None) -> None:
    person = by or approver()
    with db.writing(person) as session:
        changes.approve(session, person, change)


def put_in_force(after: timedelta = WAIT) -> None:
    """The schedule's job, some days later."""
    with clock.frozen(clock.now() + after):
        changes.put_due_in_force()


def approve_and_put_in_force(change: UUID) -> None:
    approve_change(change)
    put_in_force()
