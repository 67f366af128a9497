"""A creditor that collects, and mandates signed by its debtors."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, text

from shared import clock, db
from shared.actor import SYSTEM, Actor, debtor
from shared.creditors import actions as creditors
from shared.creditors.models import Creditor
from shared.ids import new_id
from shared.mandates.handlers import complete_mandate
from shared.mandates.pain008 import Address
from shared.mandates.rules import Scheme
from shared.mandates.setup import Collecting, set_up
from shared.mandates.signing import Circumstances, Signed, sign
from shared.outbox.facts import Fact

OWN, DEBTORS, OTHER = "FR7630006000011234567890189", "FR7610107375867753219372266", "DE89370400440532013000"
HOW = Circumstances("en", "192.0.2.7", "Firefox")


def a_collecting_creditor(name: str = "Ateliers Vernaison SAS", iban: str = OWN, *, b2b: bool = True) -> UUID:
    with db.writing(SYSTEM) as session:
        creditor = creditors.add_creditor(session, SYSTEM, name=name)
        creditors.add_account(session, SYSTEM, creditor, iban)
    return lets_collect(creditor.id, iban, b2b=b2b)


def lets_collect(creditor_id: UUID, iban: str = OWN, *, b2b: bool = True) -> UUID:
    """Set an existing creditor up for direct debits."""
    with db.writing(SYSTEM) as session:
        creditor = session.scalars(select(Creditor).where(Creditor.id == creditor_id)).one()
        where = Address("Vernaison", "FR", "69390", ("12 rue des Écoles",))
        set_up(session, SYSTEM, creditor, Collecting("FR72ZZZ123456", iban, where, b2b=b2b))
    return creditor_id


def a_person(*customers: UUID, name: str = "Léa Martin") -> Actor:
    return debtor(new_id(), name, customers)


def signed(
    actor: Actor, creditor_id: UUID, scheme: Scheme = Scheme.CORE, iban: str = DEBTORS, *, done: bool = True
) -> UUID:
    """A mandate signed in the portal; `done`: the worker has made its paper."""
    what = Signed(
        actor.customers[0], creditor_id, scheme, "Élan & Fils", iban, Address("Lyon", "FR", "69001")
    )
    with db.writing(actor) as session:
        mandate_id = sign(session, actor, what, HOW)
    if done:
        completed(mandate_id)
    return mandate_id


def completed(mandate_id: UUID) -> None:
    """What the worker does when a mandate was signed."""
    with db.writing(SYSTEM) as session:
        complete_mandate(session, Fact(1, "mandate_signed", mandate_id, {}, clock.now()))


def state_of(mandate_id: UUID) -> str:
    with db.reading(SYSTEM) as session:
        return str(session.scalar(text("SELECT state FROM mandate WHERE id = :id"), {"id": mandate_id}))
