"""What a creditor needs to collect by direct debit through its own bank."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import clock
from shared import iban as ibans
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.creditors.models import BankAccount, Creditor
from shared.errors import DomainError
from shared.mandates.models import CreditorSepa
from shared.mandates.pain008 import Address, check_address
from shared.mandates.rules import NOTICE_DAYS, parse_ics, parse_notice_days
from shared.payments import sepa_text


@dataclass(frozen=True, slots=True)
class Collecting:
    """How a creditor collects; the account is one of its own."""

    ics: str
    iban: str
    address: Address
    core: bool = True
    b2b: bool = False
    notice_days: int = NOTICE_DAYS
    initiating_party: str | None = None


def set_up(session: Session, actor: Actor, creditor: Creditor, told: Collecting) -> None:
    """Let a creditor collect, or change how it does. Mandates keep the notice they were signed with."""
    actor.must(Permission.MANAGE_CREDITORS)
    check_address(told.address)
    if told.address.country != creditor.country:
        raise DomainError(
            "%(creditor)s has its seat in another country.", field="country", creditor=creditor.name
        )
    sepa_text.name(creditor.name)
    account = session.scalar(
        select(BankAccount).where(
            BankAccount.creditor_id == creditor.id,
            BankAccount.iban == ibans.parse(told.iban),
            BankAccount.holder_kind == "creditor",
            BankAccount.confirmed_at.is_not(None),
        )
    )
    if account is None:
        raise DomainError(
            "This is no account of %(creditor)s: add it first.", field="iban", creditor=creditor.name
        )
    creditor.address = ", ".join(line for line in told.address.lines if line) or None
    creditor.postcode, creditor.city = told.address.postcode, told.address.town
    sepa = CreditorSepa(
        creditor_id=creditor.id,
        ics=parse_ics(told.ics),
        core_enabled=told.core,
        b2b_enabled=told.b2b,
        notice_days=parse_notice_days(told.notice_days),
        initiating_party=sepa_text.name(told.initiating_party or creditor.name),
        bank_account_id=account.id,
        updated_at=clock.now(),
    )
    sepa = session.merge(sepa)
    session.flush()
    record(
        session,
        actor,
        "set_up_collections",
        "creditor",
        creditor.id,
        ics=sepa.ics,
        core=sepa.core_enabled,
        b2b=sepa.b2b_enabled,
        notice_days=sepa.notice_days,
        iban=account.iban,
    )
