"""A debtor signs a mandate for the creditor's own bank, in the portal."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock, iban, sealing
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.creditors.models import Creditor
from shared.customers.models import Customer
from shared.errors import DomainError, NotFound
from shared.ids import new_id
from shared.mandates import rules
from shared.mandates.history import LIVING, note
from shared.mandates.models import CreditorSepa, Mandate
from shared.mandates.pain008 import Address, check_address
from shared.mandates.rules import Scheme, State
from shared.mandates.wording import TEXT_VERSION, legal_text, text_hash
from shared.outbox.actions import record_fact
from shared.payments import sepa_text

ACCOUNT = "debtor account"  # the purpose of the sealed IBAN


@dataclass(frozen=True, slots=True)
class Signed:
    """What a debtor fills in."""

    customer_id: UUID
    creditor_id: UUID
    scheme: Scheme
    debtor_name: str
    iban: str
    address: Address
    recurrent: bool = True


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How it was signed: kept with the mandate as evidence."""

    language: str
    address: str | None  # the network address it came from
    user_agent: str | None


def sign(session: Session, actor: Actor, signed: Signed, how: Circumstances) -> UUID:
    """Sign a mandate; gives its id. The same account signed again is the mandate there is.

    It counts when its paper is made (Core), or when the debtor's bank knows it (B2B).
    """
    actor.must(Permission.SIGN_MANDATE)
    if signed.customer_id not in actor.customers:
        raise NotFound
    customer = session.get_one(Customer, signed.customer_id)
    creditor, sepa = _collecting(session, signed.creditor_id, signed.scheme)
    rules.check_scheme(signed.scheme, customer.kind)
    number = iban.parse(signed.iban)
    rules.check_debtor_account(number)
    sepa_text.name(signed.debtor_name)
    check_address(signed.address)
    mark = sealing.fingerprint(number, ACCOUNT)
    if known := _known(session, signed, mark):
        return known
    shown = legal_text(how.language, signed.scheme, creditor.name, sepa.notice_days)
    now, mandate_id = clock.now(), new_id()
    mandate = Mandate(
        id=mandate_id,
        customer_id=customer.id,
        creditor_id=creditor.id,
        scheme=signed.scheme,
        provider="own_bank",
        reference=_next_reference(session),
        debtor_name=signed.debtor_name,
        address_lines=[line for line in signed.address.lines if line],
        postcode=signed.address.postcode,
        town=signed.address.town,
        country=signed.address.country,
        iban_sealed=sealing.seal(number, ACCOUNT, mandate_id),
        iban_mark=mark,
        iban_last4=number[-4:],
        iban_country=number[:2],
        recurrent=signed.recurrent,
        notice_days=sepa.notice_days,
        language=how.language,
        signed_at=now,
        signed_by=actor.name,
        evidence=_evidence(actor, how, shown),
        state=State.PENDING,
        created_at=now,
    )
    session.add(mandate)
    session.flush()
    note(session, actor, mandate, "signed")
    record(
        session,
        actor,
        "sign_mandate",
        "mandate",
        mandate.id,
        reference=mandate.reference,
        scheme=mandate.scheme,
    )
    ids = {"customer_id": customer.id, "creditor_id": creditor.id}
    record_fact(session, "mandate_signed", mandate.id, **ids)
    return mandate.id


def debtor_account(mandate: Mandate) -> str:
    """The account a mandate is for, opened; only the back office's role may read it."""
    if mandate.iban_sealed is None:
        raise DomainError("The account of this mandate is known to its provider alone.")
    return sealing.unseal(mandate.iban_sealed, ACCOUNT, mandate.id)


def _evidence(actor: Actor, how: Circumstances, shown: tuple[str, ...]) -> dict[str, str | None]:
    return {
        "ip": how.address,
        "user_agent": (how.user_agent or "")[:200] or None,
        "user_id": str(actor.id) if actor.id else None,
        "text_version": TEXT_VERSION,
        "text_sha256": text_hash(shown),
    }


def _next_reference(session: Session) -> str:
    serial = session.scalar(text("SELECT nextval('mandate_reference_serial')"))
    assert serial is not None
    return rules.make_reference(serial)


def _collecting(session: Session, creditor_id: UUID, scheme: Scheme) -> tuple[Creditor, CreditorSepa]:
    creditor, sepa = session.get(Creditor, creditor_id), session.get(CreditorSepa, creditor_id)
    if creditor is None or sepa is None:
        raise DomainError("This creditor does not collect by direct debit.", field="creditor")
    if not (sepa.core_enabled if scheme == Scheme.CORE else sepa.b2b_enabled):
        raise DomainError(
            "%(creditor)s does not use this kind of mandate.", field="scheme", creditor=creditor.name
        )
    return creditor, sepa


def _known(session: Session, signed: Signed, mark: bytes) -> UUID | None:
    return session.scalar(
        select(Mandate.id).where(
            Mandate.customer_id == signed.customer_id,
            Mandate.creditor_id == signed.creditor_id,
            Mandate.scheme == signed.scheme,
            Mandate.iban_mark == mark,
            Mandate.provider == "own_bank",
            Mandate.state.in_(LIVING),
        )
    )
