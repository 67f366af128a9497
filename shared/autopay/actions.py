"""A debtor's person switches autopay on and off, changes its terms, pauses it, or skips one debit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.autopay.models import Autopay, AutopayDebit
from shared.autopay.rules import State, parse_terms
from shared.autopay.wording import TEXT_VERSION, consent, text_hash
from shared.creditors.models import Creditor
from shared.customers.models import Customer
from shared.errors import Conflict, DomainError, NotFound
from shared.ids import new_id
from shared.mandates.signing import Circumstances
from shared.outbox.actions import record_fact
from shared.rails.instruments import Instrument, instrument


@dataclass(frozen=True, slots=True)
class AutopayTerms:
    """What the debtor chose."""

    instrument_id: UUID
    cap_minor: int
    offset_days: int = 0


def agree(
    session: Session,
    actor: Actor,
    customer_id: UUID,
    creditor_id: UUID,
    terms: AutopayTerms,
    how: Circumstances,
) -> UUID:
    """Switch autopay on, or change its terms where it is on; gives the agreement's id."""
    actor.must(Permission.PAY)
    customer, _ = _parties(session, actor, customer_id, creditor_id)
    held = _checked(session, actor, customer_id, creditor_id, terms)
    found = session.scalar(
        select(Autopay.id).where(
            Autopay.customer_id == customer_id,
            Autopay.creditor_id == creditor_id,
            Autopay.currency == currency_of(held, customer),
            Autopay.state != State.OFF,
        )
    )
    if found is None:
        return switch_on(session, actor, customer_id, creditor_id, terms, how)
    change(session, actor, found, terms, how)
    return found


def words(
    session: Session, actor: Actor, customer_id: UUID, creditor_id: UUID, terms: AutopayTerms, language: str
) -> str:
    """What would be agreed to, to be read before."""
    actor.must(Permission.PAY)
    customer, creditor = _parties(session, actor, customer_id, creditor_id)
    held = _checked(session, actor, customer_id, creditor_id, terms)
    currency = currency_of(held, customer)
    return consent(language, creditor.name, held, terms.cap_minor, currency, terms.offset_days)


def switch_on(
    session: Session,
    actor: Actor,
    customer_id: UUID,
    creditor_id: UUID,
    terms: AutopayTerms,
    how: Circumstances,
) -> UUID:
    """Let what is due be collected by itself; gives the agreement's id. On already: refused, change it instead."""
    actor.must(Permission.PAY)
    held_by, creditor = _parties(session, actor, customer_id, creditor_id)
    held = _checked(session, actor, customer_id, creditor_id, terms)
    now, autopay_id = clock.now(), new_id()
    currency = currency_of(held, held_by)
    agreed = consent(how.language, creditor.name, held, terms.cap_minor, currency, terms.offset_days)
    assert actor.id is not None  # debtors are people
    session.add(
        Autopay(
            id=autopay_id,
            customer_id=customer_id,
            creditor_id=creditor_id,
            currency=currency,
            mandate_id=held.mandate_id,
            saved_card_id=held.saved_card_id,
            cap_minor=terms.cap_minor,
            offset_days=terms.offset_days,
            language=how.language,
            consent=agreed,
            evidence=_evidence(actor, how, agreed),
            user_id=actor.id,
            switched_on_by=actor.name,
            switched_on_at=now,
            changed_at=now,
        )
    )
    session.flush()
    _told(session, actor, autopay_id, customer_id, "switched_on", cap_minor=terms.cap_minor, held=held.id)
    return autopay_id


def change(session: Session, actor: Actor, autopay_id: UUID, terms: AutopayTerms, how: Circumstances) -> None:
    """Agree to other terms; the words agreed to are kept anew. What was suspended goes on."""
    actor.must(Permission.PAY)
    found = held_autopay(session, actor, autopay_id)
    if found.state == State.OFF:
        raise Conflict("Autopay has ended: switch it on again.")
    customer, creditor = _parties(session, actor, found.customer_id, found.creditor_id)
    held = _checked(session, actor, found.customer_id, found.creditor_id, terms)
    if currency_of(held, customer) != found.currency:
        raise DomainError("This card or mandate is used in another currency.", field="instrument")
    agreed = consent(how.language, creditor.name, held, terms.cap_minor, found.currency, terms.offset_days)
    assert actor.id is not None
    before = found.cap_minor
    found.mandate_id, found.saved_card_id = held.mandate_id, held.saved_card_id
    found.cap_minor, found.offset_days = terms.cap_minor, terms.offset_days
    found.consent, found.evidence, found.user_id = agreed, _evidence(actor, how, agreed), actor.id
    found.changed_at = clock.now()
    if found.state == State.SUSPENDED:
        found.state, found.state_reason = State.ACTIVE, None
    session.flush()
    _told(session, actor, found.id, found.customer_id, "changed", before=before, cap_minor=terms.cap_minor)


def pause(session: Session, actor: Actor, autopay_id: UUID) -> None:
    """Nothing is collected until it goes on; debits that were announced are not made."""
    _move(session, actor, autopay_id, State.PAUSED, "paused", {State.ACTIVE})


def resume(session: Session, actor: Actor, autopay_id: UUID) -> None:
    """Go on; what became due meanwhile is announced anew."""
    _move(session, actor, autopay_id, State.ACTIVE, "resumed", {State.PAUSED, State.SUSPENDED})


def switch_off(session: Session, actor: Actor, autopay_id: UUID) -> None:
    """End it. Asked twice is asked once."""
    _move(session, actor, autopay_id, State.OFF, "switched_off", set(State) - {State.OFF})


def skip(session: Session, actor: Actor, debit_id: UUID) -> None:
    """Leave this one debit out: its invoices are then the debtor's to pay another way. Asked twice is asked once."""
    actor.must(Permission.PAY)
    debit = session.get(AutopayDebit, debit_id)
    if debit is None or debit.customer_id not in actor.customers:
        raise NotFound
    held_autopay(session, actor, debit.autopay_id)
    session.refresh(debit)
    if debit.skipped_at is not None:
        return
    if debit.outcome is not None:
        raise Conflict("This debit is on its way or over: it cannot be skipped any more.")
    debit.skipped_at, debit.skipped_by = clock.now(), actor.name
    session.flush()
    _told(session, actor, debit.autopay_id, debit.customer_id, "skipped", debit=debit.id)


def held_autopay(session: Session, actor: Actor, autopay_id: UUID) -> Autopay:
    """The agreement, held until the transaction ends; somebody else's is not found."""
    found = session.get(Autopay, autopay_id, with_for_update=True, populate_existing=True)
    if found is None or (actor.kind == "debtor" and found.customer_id not in actor.customers):
        raise NotFound
    return found


def currency_of(held: Instrument, customer: Customer) -> str:
    """Direct debits are in euro (SEPA); a card pays in the customer's currency."""
    return "EUR" if held.kind == "mandate" else customer.currency


def _move(
    session: Session, actor: Actor, autopay_id: UUID, after: State, verb: str, allowed: set[State]
) -> None:
    actor.must(Permission.PAY)
    found = held_autopay(session, actor, autopay_id)
    before = State(found.state)
    if before is after:
        return
    if before not in allowed:
        raise Conflict("Autopay changed meanwhile: look at it again.")
    found.state, found.state_reason, found.changed_at = after, None, clock.now()
    session.flush()
    _told(session, actor, found.id, found.customer_id, verb, before=before.value)


def _told(
    session: Session, actor: Actor, autopay_id: UUID, customer_id: UUID, verb: str, **detail: Any
) -> None:
    record(session, actor, f"autopay_{verb}", "autopay", autopay_id, **detail)
    record_fact(session, f"autopay_{verb}", autopay_id, customer_id=customer_id)


def _parties(
    session: Session, actor: Actor, customer_id: UUID, creditor_id: UUID
) -> tuple[Customer, Creditor]:
    customer, creditor = session.get(Customer, customer_id), session.get(Creditor, creditor_id)
    if customer is None or creditor is None or customer_id not in actor.customers:
        raise NotFound
    return customer, creditor


def _checked(
    session: Session, actor: Actor, customer_id: UUID, creditor_id: UUID, terms: AutopayTerms
) -> Instrument:
    parse_terms(terms.cap_minor, terms.offset_days)
    held = instrument(session, actor, customer_id, creditor_id, terms.instrument_id)
    if held is None:
        raise DomainError("Choose a card or a mandate that is in force.", field="instrument")
    return held


def _evidence(actor: Actor, how: Circumstances, agreed: str) -> dict[str, str | None]:
    return {
        "by": actor.name,
        "user_id": str(actor.id),
        "at": clock.now().isoformat(),
        "ip": how.address,
        "user_agent": (how.user_agent or "")[:200] or None,
        "text_version": TEXT_VERSION,
        "text_sha256": text_hash(agreed),
    }
