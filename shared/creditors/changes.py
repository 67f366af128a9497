"""Changes of the accounts debtors pay to: one person asks, another approves, and it takes force after a wait.

Fraud on bank details is one mail that nobody called back about. So the database itself wants two people and a wait
(0020_account_changes); these verbs add who may, what is told, and the sentences.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from shared import clock
from shared import iban as ibans
from shared.actor import SYSTEM, Actor, Permission
from shared.audit.actions import record
from shared.creditors.models import BankAccount, Creditor
from shared.creditors.rules import due_at, is_bic
from shared.db import REFUSALS, hold, writing
from shared.errors import Conflict, DomainError, NotAllowed, NotFound
from shared.ids import new_id
from shared.money import digits
from shared.outbox.actions import record_fact

KINDS = ("receive", "confirm", "correct")


class SamePerson(DomainError):
    code = "same_person"
    sentence = "You asked for this change: somebody else has to approve it."


class ChangeDecided(Conflict):
    sentence = "This change is decided already. Look at it again."


REFUSALS["account_change_two_people"] = SamePerson()
REFUSALS["account_change_moved_on"] = ChangeDecided()
REFUSALS["account_change_one_per_account"] = Conflict(
    "A change of this account waits already: cancel it, or wait until it is in force."
)
REFUSALS["account_change_one_switch"] = Conflict(
    "Another account waits already to receive this currency: cancel that change, or wait until it is in force."
)
REFUSALS["account_change_not_due"] = Conflict("This change is not approved, or its day has not come.")

_ASK = text("""
    INSERT INTO account_change (id, creditor_id, account_id, kind, currency, iban, holder_kind, holder_name, bic,
        old_account_id, old_iban, old_holder_name, old_bic, reason, source, call_back, asked_by_name, asked_at)
    VALUES (:id, :creditor_id, :account_id, :kind, :currency, :iban, :holder_kind, :holder_name, :bic,
        :old_account_id, :old_iban, :old_holder_name, :old_bic, :reason, :source, :call_back, :by, :now)""")
_LOCKED = text("""
    SELECT h.*, k.code AS creditor, k.account_change_days FROM account_change h JOIN creditor k ON k.id = h.creditor_id
    WHERE h.id = :id FOR UPDATE OF h""")
_APPROVE = text("""
    UPDATE account_change SET approved_at = :now, approved_by_name = :by, due_at = :due,
        call_back = coalesce(call_back, :call_back) WHERE id = :id RETURNING due_at""")
_END = text("""
    UPDATE account_change SET ended = :ended, ended_by_name = :by, ended_at = :now, ended_reason = :reason
    WHERE id = :id""")
_DUE = text("""
    SELECT id FROM account_change WHERE due_at <= :now AND in_force_at IS NULL AND ended IS NULL
    ORDER BY due_at, id LIMIT 1000""")


def ask(
    session: Session,
    actor: Actor,
    creditor: Creditor,
    *,
    kind: str,
    iban: str,
    holder_name: str,
    reason: str,
    source: str,
    call_back: str | None,
    holder_kind: str = "creditor",
    bic: str | None = None,
    currency: str = "EUR",
) -> UUID:
    """Ask for a change; nothing changes for debtors yet. An account nobody knows is added, shown to no one.

    `receive`: this account takes the place of the one that receives the currency. `confirm`: an account that so far
    only a file named becomes a payee. `correct`: its holder's name or BIC is written otherwise.
    """
    actor.must(Permission.ASK_ACCOUNT_CHANGE)
    if kind not in KINDS or holder_kind not in ("creditor", "factor"):
        raise DomainError("Say which change: receive, confirm or correct.", field="kind")
    digits(currency)
    bic = (bic or "").replace(" ", "").upper() or None
    if bic is not None and not is_bic(bic):
        raise DomainError("A BIC has eight or eleven letters and digits.", field="bic")
    holder = _said(holder_name, "holder_name")
    # The command line may ask before somebody has called back; nobody can approve before.
    called = call_back is not None or actor.kind == "staff"
    told = {
        "holder_name": holder,
        "reason": _said(reason, "reason"),
        "source": _said(source, "source"),
        "call_back": _said(call_back, "call_back") if called else None,
    }
    account = _account(session, creditor, _iban(iban), holder_kind, holder, bic, currency)
    old = _old(session, account, kind)
    _refuse_senseless(account, kind, holder_kind, holder, bic, currency)
    change_id = new_id()
    given = {
        "id": change_id, "creditor_id": creditor.id, "account_id": account.id, "kind": kind,
        "currency": account.currency, "iban": account.iban, "holder_kind": holder_kind, "bic": bic, **told,
        "old_account_id": old.id if old else None, "old_iban": old.iban if old else None,
        "old_holder_name": old.holder_name if old else None, "old_bic": old.bic if old else None,
        "by": actor.name, "now": clock.now(),
    }  # fmt: skip
    session.execute(_ASK, given)
    told_to_audit = {
        name: given[name] for name in ("kind", "iban", "holder_name", "bic", "old_iban", "source")
    }
    record(
        session, actor, "ask_account_change", "account_change", change_id, reason=told["reason"],
        creditor=creditor.code, call_back=told["call_back"], **told_to_audit,
    )  # fmt: skip
    _fact(session, "account_change_asked", change_id, creditor.id, account.id)
    return change_id


def approve(session: Session, actor: Actor, change_id: UUID, *, call_back: str | None = None) -> None:
    """The second person's yes: debtors are told, and the change takes force when the creditor's wait is over."""
    actor.must(Permission.APPROVE_ACCOUNT_CHANGE)
    if actor.kind != "staff":
        raise NotAllowed("An account change is approved by a person, signed in to the back office.")
    change = _open(session, change_id)
    if change.approved_at is not None:
        raise Conflict("%(name)s approved this change already.", name=change.approved_by_name)
    if change.asked_by == actor.id:
        raise SamePerson
    now = clock.now()
    due = session.scalar(
        _APPROVE,
        {
            "id": change_id,
            "now": now,
            "by": actor.name,
            "due": due_at(now.astimezone(clock.BUSINESS_ZONE), change.account_change_days),
            "call_back": None if change.call_back else _said(call_back, "call_back"),
        },
    )
    record(
        session, actor, "approve_account_change", "account_change", change_id,
        creditor=change.creditor, iban=change.iban, asked_by=change.asked_by_name, due_at=due,
    )  # fmt: skip
    _fact(session, "account_change_approved", change_id, change.creditor_id, change.account_id)


def refuse(session: Session, actor: Actor, change_id: UUID, reason: str) -> None:
    """The second person's no, before anybody approved."""
    actor.must(Permission.APPROVE_ACCOUNT_CHANGE)
    change = _open(session, change_id)
    if change.approved_at is not None:
        raise Conflict("%(name)s approved this change already.", name=change.approved_by_name)
    _end(session, actor, change, "refused", reason)


def cancel(session: Session, actor: Actor, change_id: UUID, reason: str) -> None:
    """Stop a change at any time before it is in force; whoever may ask or approve may."""
    if not actor.may(Permission.APPROVE_ACCOUNT_CHANGE):
        actor.must(Permission.ASK_ACCOUNT_CHANGE)
    _end(session, actor, _open(session, change_id), "cancelled", reason)


def set_wait(session: Session, actor: Actor, creditor: Creditor, working_days: int) -> None:
    """How many working days lie between the approval of a creditor's account changes and their force."""
    actor.must(Permission.MANAGE_CREDITORS)
    if not 1 <= working_days <= 30:
        raise DomainError("The wait is between 1 and 30 working days.")
    before, creditor.account_change_days = creditor.account_change_days, working_days
    session.flush()
    record(
        session, actor, "set_account_change_wait", "creditor", creditor.id, before=before, after=working_days
    )


def put_due_in_force() -> None:
    """Every change whose day has come, each in its own transaction: one that cannot be does not hold up the others.

    Run by several workers at once, or twice: each change takes force once.
    """
    with writing(SYSTEM) as session:
        due = session.scalars(_DUE, {"now": clock.now()}).all()
    failed: Exception | None = None
    for change_id in due:
        try:
            with writing(SYSTEM) as session:
                put_in_force(session, SYSTEM, change_id)
        except Exception as error:
            failed = error
    if failed is not None:
        raise failed


def put_in_force(session: Session, actor: Actor, change_id: UUID) -> bool:
    """From now on debtors are shown the new details. False: it was in force, or stopped, already."""
    actor.must(Permission.MANAGE_CREDITORS)
    change = session.execute(_LOCKED, {"id": change_id}).first()
    if change is None:
        raise NotFound
    hold(session, "account_change", [change.creditor_id])
    done = session.scalar(
        text("SELECT put_account_change_in_force(:id, :now)"), {"id": change_id, "now": clock.now()}
    )
    if done:
        record(
            session, actor, "put_account_change_in_force", "account_change", change_id, reason=change.reason,
            creditor=change.creditor, kind=change.kind, before=change.old_iban, after=change.iban,
            holder_name=change.holder_name, asked_by=change.asked_by_name, approved_by=change.approved_by_name,
        )  # fmt: skip
        _fact(session, "account_change_in_force", change_id, change.creditor_id, change.account_id)
    return bool(done)


def _account(
    session: Session,
    creditor: Creditor,
    iban: str,
    holder_kind: str,
    holder: str,
    bic: str | None,
    currency: str,
) -> BankAccount:
    """The account the change is about; one that is new here begins unconfirmed, for its statements alone."""
    found = session.scalar(
        select(BankAccount).where(BankAccount.creditor_id == creditor.id, BankAccount.iban == iban)
    )
    if found is None:
        found = BankAccount(
            id=new_id(), creditor_id=creditor.id, holder_kind=holder_kind, holder_name=holder, iban=iban,
            bic=bic, currency=currency, created_at=clock.now(),
        )  # fmt: skip
        session.add(found)
        session.flush()
    return found


def _old(session: Session, account: BankAccount, kind: str) -> BankAccount | None:
    """What debtors are shown until the change: the receiving account, or the account as it is."""
    if kind != "receive":
        return account
    return session.scalar(
        select(BankAccount).where(
            BankAccount.creditor_id == account.creditor_id,
            BankAccount.currency == account.currency,
            BankAccount.receives,
        )
    )


def _refuse_senseless(
    account: BankAccount, kind: str, holder_kind: str, holder: str, bic: str | None, currency: str
) -> None:
    if account.currency != currency:
        raise DomainError(
            "The account %(iban)s is kept in %(currency)s.",
            iban=account.iban, currency=account.currency, field="currency",
        )  # fmt: skip
    if kind == "receive" and holder_kind != "creditor":
        raise DomainError(
            "A factor’s account never takes the place of yours: ask to confirm it.", field="kind"
        )
    if kind == "receive" and account.receives:
        raise DomainError("Debtors pay to this account already.", field="iban")
    if kind == "confirm" and account.confirmed_at is not None:
        raise DomainError("This account is confirmed already.", field="iban")
    if kind == "correct":
        if account.confirmed_at is None:
            raise DomainError("This account is not confirmed yet: ask to confirm it.", field="kind")
        if account.holder_kind != holder_kind:
            raise DomainError("An account cannot pass to another holder: add the new one.", field="kind")
        if (account.holder_name, account.bic) == (holder, bic):
            raise DomainError(
                "Nothing would change: holder and BIC are the ones we have.", field="holder_name"
            )


def _open(session: Session, change_id: UUID) -> Row[Any]:
    """The change, held, if it can still move."""
    change = session.execute(_LOCKED, {"id": change_id}).first()
    if change is None:
        raise NotFound
    if change.ended is not None or change.in_force_at is not None:
        raise ChangeDecided
    return change


def _end(session: Session, actor: Actor, change: Row[Any], ended: str, reason: str) -> None:
    given = {"id": change.id, "ended": ended, "by": actor.name, "now": clock.now()}
    session.execute(_END, {**given, "reason": _said(reason, "reason")})
    record(
        session, actor, f"{ended}_account_change", "account_change", change.id, reason=reason.strip(),
        creditor=change.creditor, iban=change.iban,
    )  # fmt: skip
    _fact(session, f"account_change_{ended}", change.id, change.creditor_id, change.account_id)


def _iban(text: str) -> str:
    try:
        return ibans.parse(text)
    except DomainError as error:
        error.field = "iban"
        raise


def _said(words: str | None, field: str) -> str:
    said = " ".join((words or "").replace("\x00", "").split())
    if not said or len(said) > 1000:
        raise DomainError("Say it in a sentence of at most 1,000 letters.", field=field)
    return said


def _fact(session: Session, name: str, change_id: UUID, creditor_id: UUID, account_id: UUID) -> None:
    record_fact(session, name, change_id, creditor_id=creditor_id, account_id=account_id)
