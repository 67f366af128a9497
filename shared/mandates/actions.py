"""What happens to a mandate after it was signed. Each verb is in the history, in the audit trail, and a fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock, iban, sealing
from shared.actor import SYSTEM, Actor, Permission
from shared.audit.actions import record
from shared.clock import BUSINESS_ZONE
from shared.db import writing
from shared.errors import Conflict, DomainError
from shared.ids import new_id
from shared.mandates import rules
from shared.mandates.history import LIVING, held, move, note
from shared.mandates.models import Mandate
from shared.mandates.reason_codes import reason_code
from shared.mandates.rules import Scheme, State
from shared.mandates.signing import ACCOUNT
from shared.outbox.actions import record_fact

_BATCH = 500


def cancel(session: Session, actor: Actor, mandate_id: UUID, reason: str | None = None) -> None:
    """End a mandate: by its debtor, or by the creditor's people. Ending it twice changes nothing."""
    actor.must(Permission.SIGN_MANDATE if actor.kind == "debtor" else Permission.MANAGE_MANDATES)
    mandate = held(session, mandate_id, actor)
    if mandate.state != State.CANCELLED:
        move(session, actor, mandate, State.CANCELLED, "cancelled", reason=reason)


def suspend(
    session: Session, actor: Actor, mandate_id: UUID, *, code: str | None = None, reason: str | None = None
) -> None:
    """Nothing is collected until somebody resumes it; `code` is the bank's, when a return was the cause."""
    actor.must(Permission.MANAGE_MANDATES)
    mandate = held(session, mandate_id, actor)
    if mandate.state != State.SUSPENDED:
        move(session, actor, mandate, State.SUSPENDED, "suspended", reason=reason, reason_code=code)


def suspend_if_told(session: Session, actor: Actor, mandate_id: UUID, code: str | None) -> bool:
    """Suspend after a return whose reason says so; a mandate that is not active stays as it is."""
    actor.must(Permission.MANAGE_MANDATES)
    mandate = held(session, mandate_id, actor)
    if not reason_code(code).suspends_mandate or mandate.state != State.ACTIVE:
        return False
    move(session, actor, mandate, State.SUSPENDED, "suspended", reason_code=code)
    return True


def resume(session: Session, actor: Actor, mandate_id: UUID, reason: str | None = None) -> None:
    """Collections may go on."""
    actor.must(Permission.MANAGE_MANDATES)
    mandate = held(session, mandate_id, actor)
    if mandate.state != State.SUSPENDED:
        raise Conflict("This mandate is not suspended.")
    move(session, actor, mandate, State.ACTIVE, "resumed", reason=reason)


def mark_registered(session: Session, actor: Actor, mandate_id: UUID) -> None:
    """The debtor's bank knows this B2B mandate: from now on it counts."""
    actor.must(Permission.MANAGE_MANDATES)
    mandate = held(session, mandate_id, actor)
    if mandate.scheme != Scheme.B2B or mandate.provider != "own_bank":
        raise DomainError("Only a B2B mandate of your own bank is registered with the debtor’s bank.")
    if mandate.registered_at is None:
        mandate.registered_at = clock.now()
        move(session, actor, mandate, State.ACTIVE, "registered")


def amend_account(session: Session, actor: Actor, mandate_id: UUID, number: str, reason: str) -> None:
    """The debtor has another account: the mandate stays, and its next collection tells the bank (SMNDA).

    A B2B mandate is registered with its account at the debtor's bank, so there a new one is signed.
    """
    actor.must(Permission.MANAGE_MANDATES)
    if not reason.strip():
        raise DomainError("Say how the debtor told you of the new account.", field="reason")
    mandate = held(session, mandate_id, actor)
    if mandate.provider != "own_bank" or mandate.scheme != Scheme.CORE:
        raise DomainError(
            "The account of this mandate cannot be changed: have a new one signed.", field="iban"
        )
    if mandate.state not in LIVING:
        raise Conflict("This mandate has ended: have a new one signed.")
    compact = iban.parse(number)
    rules.check_debtor_account(compact)
    mark = sealing.fingerprint(compact, ACCOUNT)
    if mark == mandate.iban_mark:
        return
    before = mandate.iban_last4
    mandate.iban_sealed, mandate.iban_mark = sealing.seal(compact, ACCOUNT, mandate.id), mark
    mandate.iban_last4, mandate.iban_country, mandate.bic = compact[-4:], compact[:2], None
    # Before the first collection the bank knows no other account: there is nothing to amend.
    mandate.account_changed_at = clock.now() if mandate.last_collected_on else None
    session.flush()
    note(session, actor, mandate, "account_changed", reason=reason)
    record(
        session,
        actor,
        "amend_mandate",
        "mandate",
        mandate.id,
        reason=reason,
        before=before,
        after=compact[-4:],
    )
    record_fact(session, "mandate_amended", mandate.id, customer_id=mandate.customer_id)


def replace_by(session: Session, actor: Actor, old_id: UUID, newer_id: UUID) -> None:
    """A newer mandate of the same customer takes an older one's place."""
    actor.must(Permission.MANAGE_MANDATES)
    old, new = held(session, old_id, actor), held(session, newer_id, actor)
    if old.id == new.id or (old.customer_id, old.creditor_id) != (new.customer_id, new.creditor_id):
        raise DomainError("A mandate is replaced by another one of the same customer and creditor.")
    if new.state not in LIVING:
        raise Conflict("The newer mandate has ended.")
    old.replaced_by = new.id
    move(session, actor, old, State.REPLACED, "replaced", reason=new.reference)


@dataclass(frozen=True, slots=True)
class ProviderMandate:
    """A mandate that is kept by a provider, as it tells us of it."""

    customer_id: UUID
    creditor_id: UUID
    provider: str  # "stripe" | "gocardless"
    provider_ref: str
    state: State
    debtor_name: str
    reference: str | None = None
    scheme: Scheme = Scheme.CORE
    iban_last4: str | None = None
    iban_country: str | None = None
    bic: str | None = None
    language: str = "fr"
    notice_days: int = 3
    evidence: Mapping[str, Any] | None = None


def note_provider_mandate(session: Session, actor: Actor, told: ProviderMandate) -> UUID:
    """Keep what a provider says of a mandate: a new one, or a change of one we know. Told twice, it changes nothing.

    A state that cannot follow the present one (an old message that came late) is passed over.
    """
    actor.must(Permission.MANAGE_MANDATES)
    query = select(Mandate).where(
        Mandate.provider == told.provider, Mandate.provider_ref == told.provider_ref
    )
    mandate = session.scalar(query.with_for_update())
    if mandate is None:
        return _new_provider_mandate(session, actor, told)
    if (mandate.customer_id, mandate.creditor_id) != (told.customer_id, told.creditor_id):
        raise Conflict("The provider names another customer for this mandate than before.")
    mandate.reference = told.reference or mandate.reference
    mandate.iban_last4 = told.iban_last4 or mandate.iban_last4
    mandate.iban_country = told.iban_country or mandate.iban_country
    mandate.bic = told.bic or mandate.bic
    session.flush()
    if told.state in rules.TRANSITIONS.get(State(mandate.state), frozenset()):
        move(session, actor, mandate, told.state, _KINDS[told.state], reason=told.provider)
    return mandate.id


_KINDS = {
    State.ACTIVE: "activated",
    State.SUSPENDED: "suspended",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "expired",
}


def _new_provider_mandate(session: Session, actor: Actor, told: ProviderMandate) -> UUID:
    now = clock.now()
    mandate = Mandate(
        id=new_id(),
        customer_id=told.customer_id,
        creditor_id=told.creditor_id,
        scheme=told.scheme,
        provider=told.provider,
        provider_ref=told.provider_ref,
        reference=told.reference or told.provider_ref,
        debtor_name=told.debtor_name,
        iban_last4=told.iban_last4,
        iban_country=told.iban_country,
        bic=told.bic,
        recurrent=True,
        notice_days=told.notice_days,
        language=told.language,
        signed_at=now,
        signed_by=told.debtor_name,
        evidence=dict(told.evidence or {}),
        state=told.state,
        created_at=now,
    )
    session.add(mandate)
    session.flush()
    note(session, actor, mandate, "signed", reason=told.provider)
    record(session, actor, "note_mandate", "mandate", mandate.id, provider=told.provider, state=told.state)
    ids = {"customer_id": told.customer_id, "creditor_id": told.creditor_id}
    record_fact(session, "mandate_signed", mandate.id, **ids)
    return mandate.id


_COLLECTED = text("""
    UPDATE mandate m SET last_collected_on = greatest(m.last_collected_on, c.due_on), account_changed_at = NULL
    FROM (SELECT id, max(due_on) AS due_on
          FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[])) AS t(id, due_on) GROUP BY id) c
    WHERE m.id = c.id""")


def note_collections(session: Session, actor: Actor, collected: Mapping[UUID, date]) -> None:
    """These mandates were used in a file that went to the bank, for collections on these days. One statement."""
    actor.must(Permission.MANAGE_MANDATES)
    session.execute(_COLLECTED, {"ids": list(collected), "days": list(collected.values())})


_SIGNED_ON = f"(signed_at AT TIME ZONE '{BUSINESS_ZONE.key}')::date"
_LAPSING = text(f"""
    SELECT id FROM mandate
    WHERE provider = 'own_bank' AND state IN ('pending', 'active', 'suspended') AND id > :after
      AND greatest(last_collected_on, {_SIGNED_ON}) <= CAST(:today AS date) - interval '36 months'
    ORDER BY id LIMIT :size""")


def expire_lapsed() -> None:
    """Mandates not used for 36 months end. Nightly, in transactions of its own; running again changes nothing."""
    today, after = clock.today(), UUID(int=0)
    while True:
        with writing(SYSTEM) as session:
            found = session.scalars(_LAPSING, {"today": today, "after": after, "size": _BATCH}).all()
            for mandate_id in found:
                mandate = held(session, mandate_id, SYSTEM)
                signed_on = clock.day_of(mandate.signed_at)
                if mandate.state in LIVING and rules.lapses_on(signed_on, mandate.last_collected_on) <= today:
                    move(session, SYSTEM, mandate, State.EXPIRED, "expired")
        if len(found) < _BATCH:
            return
        after = found[-1]
