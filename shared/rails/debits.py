"""A debit through the creditor's own bank: agreed with the debtor, announced, and then put into a file.

No provider is called for it, so it has no command: the file is the command (`collections`).
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor
from shared.config import settings
from shared.errors import Conflict, DomainError
from shared.mandates import queries as mandates
from shared.mandates import target2
from shared.mandates.rules import Scheme, earliest_collection
from shared.money import Money
from shared.notifications.actions import queue_message
from shared.outbox.facts import Fact
from shared.payments.rules import Basket
from shared.rails.alerts import raise_alert
from shared.rails.models import ProviderAccount
from shared.rails.rules import OWN_BANK
from shared.rails.snapshot import Method
from shared.rails.terms import Terms

_ANNOUNCED_ALREADY = ("autopay", "plan")
_SCHEME = {Method.DEBIT_CORE: Scheme.CORE, Method.DEBIT_B2B: Scheme.B2B}

_IN_FILE = text(
    "SELECT EXISTS (SELECT FROM collection_entry WHERE payment_id = :payment AND state <> 'withdrawn')"
)
_DEBIT = text("""
    SELECT p.customer_id, p.account_id, p.reference, p.amount_minor, p.currency, p.collect_on, p.language, p.status, p.origin,
           c.name AS customer, c.email, k.name AS creditor, k.email AS creditor_email,
           m.reference AS mandate, m.iban_last4, s.ics
    FROM payment p JOIN customer c ON c.id = p.customer_id JOIN creditor k ON k.id = p.creditor_id
    JOIN mandate m ON m.id = p.mandate_id LEFT JOIN creditor_sepa s ON s.creditor_id = p.creditor_id
    WHERE p.id = :id""")
_ITEMS = text("""
    SELECT i.number, x.amount_minor FROM payment_item x JOIN open_item i ON i.id = x.item_id
    WHERE x.payment_id = :id ORDER BY i.due_on, i.number""")


class NoUsableMandate(DomainError):
    code = "no_usable_mandate"
    sentence = "There is no mandate that can be used for this direct debit. Sign one first."


def is_own_bank(session: Session, account_id: UUID) -> bool:
    """Whether an account is the creditor's own bank rather than a provider."""
    provider = session.scalar(select(ProviderAccount.provider).where(ProviderAccount.id == account_id))
    return provider == OWN_BANK


def agreed(session: Session, actor: Actor, basket: Basket, terms: Terms, creditor_id: UUID) -> Terms:
    """The terms with their day of collection: the one wanted, or the first that notice and bank allow.

    Refused: no usable mandate of the payer for this creditor and scheme, a day that is too early or closed.
    """
    if terms.mandate_id is None:
        raise NoUsableMandate
    on = terms.collect_on or clock.today()
    found = mandates.usable(session, actor, [basket.payer_id], creditor_id, on)
    mandate = next((each for each in found if each.id == terms.mandate_id), None)
    if mandate is None or mandate.provider != OWN_BANK or mandate.scheme != _SCHEME[terms.method]:
        raise NoUsableMandate
    # Autopay and plans have announced theirs, in the terms the debtor agreed to: the bank's own time is left.
    notice = 0 if terms.origin in _ANNOUNCED_ALREADY else mandate.notice_days
    earliest = earliest_collection(clock.today(), notice)
    day = terms.collect_on or earliest
    if day < earliest:
        raise DomainError(
            "A direct debit must be announced first: %(day)s is the earliest day.",
            field="collect_on",
            day=earliest,
        )
    if not target2.is_open(day):
        raise DomainError(
            "On %(day)s banks do not settle: choose a business day.", field="collect_on", day=day
        )
    if day >= mandate.lapses_on:
        raise NoUsableMandate
    return replace(terms, collect_on=day)


def must_not_be_in_a_file(session: Session, payment_id: UUID) -> None:
    """What is in a file for the bank can no longer be taken back here."""
    if session.scalar(_IN_FILE, {"payment": payment_id}):
        raise Conflict("This collection is on its way to the bank: it can no longer be cancelled.")


def announce_debit(session: Session, fact: Fact) -> None:
    """Tell the debtor, as the rulebooks want: how much, on which day, by which mandate and creditor. Once."""
    found = session.execute(_DEBIT, {"id": fact.subject_id}).one()
    if found.status != "created" or found.origin in _ANNOUNCED_ALREADY:
        return
    if not found.email:
        raise_alert(
            session,
            "no_notice",
            account_id=found.account_id,
            payment_id=fact.subject_id,
            customer=found.customer,
            day=f"{found.collect_on:%d/%m/%Y}",
        )
        return
    items = [
        {"number": row.number, "amount": Money(row.amount_minor, found.currency)}
        for row in session.execute(_ITEMS, {"id": fact.subject_id})
    ]
    queue_message(
        session,
        once=f"debit_announced:{fact.subject_id}",
        kind="debit_announced",
        recipient=found.email,
        language=found.language,
        template="debit_announced",
        customer_id=found.customer_id,
        reply_to=found.creditor_email,
        context={
            "creditor": found.creditor,
            "customer": found.customer,
            "amount": Money(found.amount_minor, found.currency),
            "collect_on": found.collect_on,
            "mandate": found.mandate,
            "ics": found.ics,
            "last4": found.iban_last4,
            "items": items,
            "account_url": settings().portal_url + "/",
        },
    )
