"""Verbs about creditors and the accounts money may go to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from stdnum.fr import siren as stdnum_siren

from shared import clock
from shared import iban as ibans
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.creditors.models import BankAccount, Creditor
from shared.db import REFUSALS
from shared.errors import Conflict, DomainError, NotFound
from shared.ids import new_id
from shared.money import digits

REFUSALS["creditor_code_key"] = Conflict("A creditor with this code exists already.")
REFUSALS["bank_account_creditor_id_iban_key"] = Conflict("This account is known already.")
REFUSALS["bank_account_two_people"] = Conflict(
    "Debtors pay to this creditor already: a further account is confirmed by two people. Ask for a change."
)
REFUSALS["bank_account_own_iban"] = Conflict("This account belongs to another creditor already.")


def add_creditor(
    session: Session,
    actor: Actor,
    *,
    name: str,
    code: str | None = None,
    siren: str | None = None,
    email: str | None = None,
) -> Creditor:
    """Add a legal entity. Without a code its first word becomes one: “Ateliers Vernaison” → ATELIERS."""
    actor.must(Permission.MANAGE_CREDITORS)
    if siren is not None and not _is_siren(siren):
        raise DomainError(
            "“%(value)s” is not a SIREN: nine digits with a right check digit.", value=siren[:40]
        )
    creditor = Creditor(
        id=new_id(),
        code=code or _code_of(name),
        name=name.strip(),
        siren=siren,
        email=email,
        created_at=clock.now(),
    )
    session.add(creditor)
    session.flush()
    record(session, actor, "add_creditor", "creditor", creditor.id, code=creditor.code, name=creditor.name)
    return creditor


def add_account(
    session: Session,
    actor: Actor,
    creditor: Creditor,
    iban: str,
    *,
    bic: str | None = None,
    holder_name: str | None = None,
    currency: str = "EUR",
) -> BankAccount:
    """Add an account of the creditor's own. The first one of a currency is the one debtors pay to.

    A further one is for its statements alone once the creditor has debtors: what they are shown is changed by two
    people (`changes.ask`).
    """
    actor.must(Permission.MANAGE_CREDITORS)
    digits(currency)
    found = account_of_iban(session, creditor.id, ibans.parse(iban))
    first = receives_nothing(session, creditor, currency)
    told = {"holder_name": holder_name or creditor.name, "bic": bic}
    if found is not None and found.confirmed_at is None and first and found.currency == currency:
        return _receive_first(session, actor, creditor, found, told)
    return _keep(
        session,
        actor,
        creditor,
        ibans.parse(iban),
        holder_kind="creditor",
        currency=currency,
        receives=first,
        confirmed_at=clock.now() if first or not has_debtors(session, creditor) else None,
        **told,
    )


def add_factor_account(
    session: Session,
    actor: Actor,
    creditor: Creditor,
    iban: str,
    *,
    holder_name: str,
    bic: str | None = None,
    currency: str = "EUR",
    confirmed: bool = False,
) -> BankAccount:
    """Add an account of a factor. Until it is confirmed, no debtor is shown it: a file alone proves nothing.

    Confirmed at once is possible as long as the creditor has no debtors; then by two people (`changes.ask`).
    """
    actor.must(Permission.MANAGE_CREDITORS if confirmed else Permission.IMPORT_INVOICES)
    return _keep(
        session,
        actor,
        creditor,
        ibans.parse(iban),
        holder_kind="factor",
        holder_name=holder_name,
        bic=bic,
        currency=currency,
        confirmed_at=clock.now() if confirmed else None,
    )


def receives_nothing(session: Session, creditor: Creditor, currency: str) -> bool:
    """Whether no account receives this currency yet: then the first one may, without a second person."""
    receiving = select(BankAccount.id).where(
        BankAccount.creditor_id == creditor.id, BankAccount.currency == currency, BankAccount.receives
    )
    return session.scalar(receiving) is None


def has_debtors(session: Session, creditor: Creditor) -> bool:
    """Whether the creditor has sold anything: from then on there is somebody to protect."""
    return bool(session.scalar(text("SELECT creditor_has_debtors(:id)"), {"id": creditor.id}))


def _keep(session: Session, actor: Actor, creditor: Creditor, iban: str, **told: Any) -> BankAccount:
    account = BankAccount(id=new_id(), creditor_id=creditor.id, iban=iban, created_at=clock.now(), **told)
    session.add(account)
    session.flush()
    record(
        session, actor, "add_account", "bank_account", account.id, creditor=creditor.code, iban=iban, **told
    )
    return account


def _receive_first(
    session: Session, actor: Actor, creditor: Creditor, account: BankAccount, told: dict[str, Any]
) -> BankAccount:
    """A file named the account before; then it is what the person says it is."""
    done = session.scalar(
        text("SELECT receive_first(:id, :holder_name, :bic, :now)"),
        {"id": account.id, "now": clock.now(), **told},
    )
    if not done:
        raise Conflict
    session.refresh(account)
    record(
        session,
        actor,
        "confirm_account",
        "bank_account",
        account.id,
        creditor=creditor.code,
        iban=account.iban,
        **told,
    )
    return account


def by_code(session: Session, code: str) -> Creditor:
    """The creditor of a code; an unknown code is refused with the codes there are."""
    found = session.scalar(select(Creditor).where(Creditor.code == code.upper()))
    if found is None:
        known = ", ".join(session.scalars(select(Creditor.code).order_by(Creditor.code))) or "none yet"
        raise NotFound("There is no creditor “%(code)s”. Known: %(known)s.", code=code[:40], known=known)
    return found


def the_only_one(session: Session) -> Creditor:
    """The creditor to use when none is named, possible as long as there is just one."""
    found = session.scalars(select(Creditor).order_by(Creditor.code).limit(2)).all()
    if not found:
        raise NotFound("There is no creditor yet. Create one: quittance init --name NAME --iban IBAN")
    if len(found) > 1:
        raise DomainError(
            "There are several creditors: say which one, with the column “creditor” or --creditor."
        )
    return found[0]


def _code_of(name: str) -> str:
    word = "".join(c for c in name.upper().split(" ")[0] if c.isascii() and c.isalnum())
    return word[:20] or "MAIN"


def _is_siren(text: str) -> bool:
    return bool(stdnum_siren.is_valid(text))


def account_of_iban(session: Session, creditor_id: UUID, iban: str) -> BankAccount | None:
    return session.scalar(
        select(BankAccount).where(BankAccount.creditor_id == creditor_id, BankAccount.iban == iban)
    )
