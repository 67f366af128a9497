"""Reactions to what became of set-ups, payments and payouts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.customers.models import Customer
from shared.ids import new_id
from shared.mandates.actions import ProviderMandate, note_provider_mandate
from shared.mandates.rules import State
from shared.outbox.facts import Fact
from shared.rails.collection_lines import read_lines
from shared.rails.models import Operation, Payment, ProviderAccount, SetUp
from shared.rails.payouts import expect

_KEEPER = text("""
    SELECT m.customer_id, a.id AS account_id FROM mandate m
    JOIN provider_account a ON a.creditor_id = m.creditor_id AND a.provider = m.provider
    WHERE m.id = :id AND m.provider <> 'own_bank' ORDER BY a.active DESC, a.created_at DESC LIMIT 1""")
_LOOK = text("UPDATE mandate SET sync_due_at = :now WHERE id = :id")


def keep_signed_mandate(session: Session, fact: Fact) -> None:
    """Keep a mandate that was signed with a provider, for itself; a card is kept already."""
    if fact.payload["instrument"]["kind"] == "iban":
        found = session.get_one(SetUp, fact.subject_id)
        _keep(session, found, fact.payload["instrument"], dict(found.evidence))


def keep_mandate_of_payment(session: Session, fact: Fact) -> None:
    """Keep a mandate that was signed with a provider in order to pay."""
    payment = session.get_one(Payment, fact.subject_id)
    evidence = {"payment": payment.reference, "started_by": payment.started_by}
    _keep(session, payment, fact.payload["instrument"], evidence)


def forget_mandate(session: Session, fact: Fact) -> None:
    """Have a provider end what ended here; ended there first, nothing happens."""
    found = session.execute(_KEEPER, {"id": fact.subject_id}).first()
    if found is not None:
        session.add(
            Operation(
                id=new_id(),
                account_id=found.account_id,
                customer_id=found.customer_id,
                kind="forget",
                request={"mandate_id": str(fact.subject_id)},
                created_at=clock.now(),
            )
        )


def look_at_payout(session: Session, fact: Fact) -> None:
    """A webhook spoke of a payout: fetch it. Told once more, it is looked at once more."""
    assert fact.subject_id is not None
    expect(session, fact.subject_id, fact.payload["ref"])


def read_statement(session: Session, fact: Fact) -> None:
    """A statement came: look in it for what the bank collected for us, and for what came back."""
    assert fact.subject_id is not None
    read_lines(session, fact.subject_id)


def _keep(session: Session, made: SetUp | Payment, signed: dict[str, Any], evidence: dict[str, Any]) -> None:
    """Pending until it was looked at: whether it can be used, the provider says."""
    account = session.get_one(ProviderAccount, made.account_id)
    customer = session.get_one(Customer, made.customer_id)
    country = signed["label"] if len(signed["label"]) == 2 else None
    told = ProviderMandate(
        customer_id=customer.id,
        creditor_id=account.creditor_id,
        provider=account.provider,
        provider_ref=signed["saved_ref"],
        state=State.PENDING,
        debtor_name=customer.name,
        reference=signed["mandate_ref"],
        iban_last4=signed["last4"] or None,
        iban_country=country,
        language=made.language,
        evidence=evidence,
    )
    mandate_id = note_provider_mandate(session, SYSTEM, told)
    session.execute(_LOOK, {"id": mandate_id, "now": clock.now()})
