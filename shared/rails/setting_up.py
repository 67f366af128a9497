"""Have a debtor keep a card, or sign a mandate, with a provider: without paying, to pay more easily later."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM, Actor, Permission
from shared.audit.actions import record
from shared.config import settings
from shared.customers.models import Customer
from shared.db import hold
from shared.errors import NotFound
from shared.ids import new_id
from shared.mandates.actions import ProviderMandate, note_provider_mandate
from shared.mandates.models import Mandate
from shared.mandates.rules import State
from shared.outbox.actions import record_fact
from shared.rails.models import Operation, ProviderCustomer, Rail, SavedCard, SetUp
from shared.rails.providers.protocols import MandateSeen, Payer, SetsUp, SetUpSeen
from shared.rails.providers.protocols import SetUp as Order
from shared.rails.rules import next_look_at_form
from shared.rails.snapshot import Method

_ENDS = ("done", "failed", "cancelled")


def start_set_up(
    session: Session,
    actor: Actor,
    customer_id: UUID,
    account_id: UUID,
    method: Method,
    *,
    language: str,
    email: str | None,
    evidence: dict[str, str],
) -> UUID:
    """Ask a provider for its form. `evidence`: who agreed to which words, from where (kept with the mandate)."""
    actor.must(Permission.PAY)
    if customer_id not in actor.customers:
        raise NotFound
    rail = session.get(Rail, (account_id, method.value))
    if rail is None or not rail.enabled:
        raise NotFound
    now, set_up_id = clock.now(), new_id()
    session.execute(
        insert(SetUp).values(
            id=set_up_id,
            account_id=account_id,
            customer_id=customer_id,
            method=method.value,
            language=language,
            started_by=actor.name,
            started_at=now,
            changed_at=now,
            evidence=evidence,
        )
    )
    session.execute(
        insert(Operation).values(
            id=new_id(),
            account_id=account_id,
            customer_id=customer_id,
            set_up_id=set_up_id,
            kind="set_up",
            request={"email": email},
            created_at=now,
        )
    )
    record(session, actor, "start_set_up", "set_up", set_up_id, method=method.value)
    return set_up_id


def forget_card(session: Session, actor: Actor, card_id: UUID) -> None:
    """Never use a saved card again; the provider is told to forget it."""
    actor.must(Permission.PAY)
    card = session.get(SavedCard, card_id)
    if card is None or card.customer_id not in actor.customers:
        raise NotFound
    if card.removed_at is not None:
        return
    card.removed_at = clock.now()
    session.flush()
    session.execute(
        insert(Operation).values(
            id=new_id(),
            account_id=card.account_id,
            customer_id=card.customer_id,
            kind="forget",
            request={"card_id": str(card.id)},
            created_at=clock.now(),
        )
    )
    record(session, actor, "forget_card", "saved_card", card.id, last4=card.last4)


def look(session: Session, actor: Actor, set_up_id: UUID) -> None:
    """Ask for a look at the provider: the payer came back from its form, or left it."""
    actor.must(Permission.PAY)
    found = session.get(SetUp, set_up_id)
    if found is None or found.customer_id not in actor.customers:
        raise NotFound
    if found.state not in _ENDS:
        session.execute(update(SetUp).where(SetUp.id == set_up_id).values(sync_due_at=clock.now()))


# -- the worker's part ---------------------------------------------------------------------------------------


def command(session: Session, operation: Row[Any]) -> Order | tuple[str, str]:
    """What the adapter is told: a set-up's order, or what to forget (reference, kind)."""
    if operation.kind == "forget":
        if card_id := operation.request.get("card_id"):
            return str(session.scalar(select(SavedCard.ref).where(SavedCard.id == UUID(card_id)))), "card"
        return str(mandate_ref(session, UUID(operation.request["mandate_id"]))), "mandate"
    found = session.get_one(SetUp, operation.set_up_id)
    customer = session.get_one(Customer, found.customer_id)
    known = session.scalar(
        select(ProviderCustomer.ref).where(
            ProviderCustomer.account_id == found.account_id, ProviderCustomer.customer_id == customer.id
        )
    )
    email = operation.request.get("email") or customer.email
    back = f"{settings().portal_url}/pay/set-ups/{found.id}"
    return Order(
        key=str(operation.id),
        set_up_id=found.id,
        method=Method(found.method),
        payer=Payer(customer.id, customer.name, email, customer.country, known),
        return_url=f"{back}/back",
        exit_url=f"{back}/left",
        language=found.language,
    )


def send(adapter: SetsUp, operation: Row[Any], order: Order | tuple[str, str]) -> SetUpSeen | None:
    if isinstance(order, Order):
        return adapter.set_up(order)
    adapter.forget(order[0], order[1], str(operation.id))
    return None


def apply(session: Session, set_up_id: UUID, seen: SetUpSeen) -> None:
    """Bring a set-up to what the provider says; done once, its card or mandate is kept once."""
    hold(session, "set_up", [set_up_id])
    found = session.get_one(SetUp, set_up_id, populate_existing=True)
    if found.state in _ENDS:
        return
    step = None
    if seen.state == "awaiting_payer" and (seen.step_url or seen.client_secret):
        data = {"url": seen.step_url, "client_secret": seen.client_secret}
        step = {"kind": "redirect" if seen.step_url else "client_secret", "data": data}
    elif seen.state == "awaiting_payer":
        step = found.step  # a provider may tell only once where its form is
    session.execute(
        update(SetUp)
        .where(SetUp.id == set_up_id)
        .values(
            state=seen.state,
            provider_ref=seen.provider_ref,
            step=step,
            changed_at=clock.now(),
            sync_due_at=next_look_at_form(found.started_at, clock.now()) if step else None,
        )
    )
    if seen.provider_customer:
        row = {
            "account_id": found.account_id,
            "customer_id": found.customer_id,
            "ref": seen.provider_customer,
        }
        session.execute(upsert(ProviderCustomer).values(**row).on_conflict_do_nothing())
    if seen.state == "done" and seen.instrument is not None:
        if seen.instrument.kind == "card":
            _keep_card(session, found, seen)
        record_fact(
            session,
            "set_up_done",
            set_up_id,
            customer_id=found.customer_id,
            instrument={**asdict(seen.instrument), "expires_on": str(seen.instrument.expires_on or "")},
        )


_MANDATE_STATES = {
    "pending": State.PENDING,
    "active": State.ACTIVE,
    "suspended": State.SUSPENDED,
    "cancelled": State.CANCELLED,
    "failed": State.CANCELLED,  # the bank refused it: no debit can be made on it
    "expired": State.EXPIRED,
}


def apply_mandate(session: Session, mandate_id: UUID, seen: MandateSeen) -> None:
    """Bring a mandate that a provider keeps to what it says there."""
    mandate = session.get_one(Mandate, mandate_id)
    assert mandate.provider_ref is not None
    told = ProviderMandate(
        customer_id=mandate.customer_id,
        creditor_id=mandate.creditor_id,
        provider=mandate.provider,
        provider_ref=mandate.provider_ref,
        state=_MANDATE_STATES[seen.state],
        debtor_name=mandate.debtor_name,
        reference=seen.reference,
        reason_code=seen.reason_code,
    )
    note_provider_mandate(session, SYSTEM, told)


def fail(session: Session, set_up_id: UUID) -> None:
    session.execute(
        update(SetUp)
        .where(SetUp.id == set_up_id, SetUp.state.not_in(_ENDS))
        .values(state="failed", step=None, changed_at=clock.now())
    )


def mandate_ref(session: Session, mandate_id: UUID | None) -> str | None:
    """The provider's own id of a mandate."""
    if mandate_id is None:
        return None
    found = session.scalar(text("SELECT provider_ref FROM mandate WHERE id = :id"), {"id": mandate_id})
    return str(found) if found else None


def _keep_card(session: Session, found: SetUp, seen: SetUpSeen) -> None:
    card = seen.instrument
    assert card is not None and card.saved_ref is not None
    session.execute(
        upsert(SavedCard)
        .values(
            id=new_id(),
            account_id=found.account_id,
            customer_id=found.customer_id,
            ref=card.saved_ref,
            brand=card.label,
            last4=card.last4,
            expires_on=card.expires_on,
            saved_by=found.started_by,
            saved_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )
