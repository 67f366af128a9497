"""Verbs about people: debtors' people invited and shut out, the creditor's people added, changed and shut out."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import ROLES, Actor, Permission
from shared.audit.actions import record
from shared.customers.models import Customer
from shared.errors import DomainError, NotFound
from shared.identity import links, sessions
from shared.identity.models import DebtorAccess, DebtorUser, StaffUser
from shared.identity.queries import sender
from shared.identity.rules import INVITATION_LIVES, email_of
from shared.ids import new_id
from shared.notifications.actions import queue_message
from shared.outbox.actions import record_fact


def invite_debtor(
    session: Session, actor: Actor, email: str, name: str, customer_ids: Iterable[UUID], language: str = "fr"
) -> str:
    """Let a person act for these customers, and mail them a link; gives the link's address.

    Inviting the same person again only adds customers and sends a fresh link.
    """
    actor.must(Permission.INVITE_DEBTORS)
    wanted = sorted(set(customer_ids))
    names = session.scalars(
        select(Customer.name).where(Customer.id.in_(wanted)).order_by(Customer.name)
    ).all()
    if not wanted or len(names) != len(wanted):
        raise NotFound("There is no such customer to invite somebody for.", field="customer")
    user_id = _person(session, email_of(email), name.strip() or email_of(email), language)
    access = [{"user_id": user_id, "customer_id": each, "granted_at": clock.now()} for each in wanted]
    session.execute(insert(DebtorAccess).values(access).on_conflict_do_nothing())
    link = links.new_link(
        session, audience="portal", purpose="sign_in", user_id=user_id, lives=INVITATION_LIVES
    )
    writer = sender(session)
    queue_message(
        session,
        once=f"debtor_invitation:{new_id()}",
        kind="debtor_invitation",
        recipient=email_of(email),
        language=language,
        template="debtor_invitation",
        context={
            "creditor": writer.name,
            "customers": list(names),
            "link": link,
            "days": INVITATION_LIVES.days,
        },
        customer_id=wanted[0],
        reply_to=writer.email,
    )
    record(session, actor, "invite_debtor", "debtor_user", user_id, email=email_of(email), customers=wanted)
    record_fact(session, "debtor_invited", user_id, customers=wanted)
    return link


def withdraw_access(session: Session, actor: Actor, email: str) -> None:
    """This person no longer comes in: their links and sessions end now. Inviting them again lets them back."""
    actor.must(Permission.INVITE_DEBTORS)
    user = session.scalar(select(DebtorUser).where(DebtorUser.email == email_of(email)))
    if user is None:
        raise NotFound
    user.active = False
    session.flush()
    removed = session.scalars(
        text("DELETE FROM debtor_access WHERE user_id = :id RETURNING customer_id"), {"id": user.id}
    ).all()
    links.revoke_links(session, user.id)
    sessions.end_all(session, user.id)
    record(session, actor, "withdraw_access", "debtor_user", user.id, customers=sorted(removed))


def add_staff_user(
    session: Session, actor: Actor, email: str, name: str, role: str, language: str = "fr"
) -> str:
    """Add one of the creditor's people and mail them the link to choose a password; gives the link's address.

    For somebody known it changes name and role and gives a fresh link; earlier links stop working.
    """
    actor.must(Permission.MANAGE_USERS)
    email, name = email_of(email), name.strip() or email_of(email)
    if role not in ROLES:
        raise DomainError(
            "There is no role “%(value)s”; expected one of %(roles)s.",
            field="role",
            value=role,
            roles=", ".join(sorted(ROLES)),
        )
    new = insert(StaffUser).values(
        id=new_id(), email=email, name=name, role=role, language=language, active=True, created_at=clock.now()
    )
    kept = new.on_conflict_do_update(
        index_elements=["email"], set_={"name": name, "role": role, "active": True}
    )
    user_id: UUID = session.execute(kept.returning(StaffUser.id)).scalar_one()
    links.revoke_links(session, user_id)
    link = links.new_link(
        session, audience="backoffice", purpose="set_password", user_id=user_id, lives=INVITATION_LIVES
    )
    writer = sender(session)
    queue_message(
        session,
        once=f"staff_invitation:{new_id()}",
        kind="staff_invitation",
        recipient=email,
        language=language,
        template="staff_invitation",
        context={
            "creditor": writer.name,
            "link": link,
            "days": INVITATION_LIVES.days,
        },
        reply_to=writer.email,
    )
    record(session, actor, "add_staff_user", "staff_user", user_id, email=email, role=role)
    record_fact(session, "staff_user_added", user_id)
    return link


def reset_second_factor(session: Session, actor: Actor, email: str) -> None:
    """For a lost phone: the next sign-in with the password sets up a new app."""
    actor.must(Permission.MANAGE_USERS)
    user = _known(session, email)
    user.totp_secret = user.totp_last = None
    sessions.end_all(session, user.id)
    record(session, actor, "reset_second_factor", "staff_user", user.id)


def deactivate_staff_user(session: Session, actor: Actor, email: str) -> None:
    """This person no longer comes in: their links and sessions end now. Adding them again lets them back."""
    actor.must(Permission.MANAGE_USERS)
    user = _known(session, email)
    user.active = False
    links.revoke_links(session, user.id)
    sessions.end_all(session, user.id)
    record(session, actor, "deactivate_staff_user", "staff_user", user.id)


def choose_language(session: Session, actor: Actor, language: str) -> None:
    """Remember which language a debtor's person reads."""
    actor.must(Permission.SEE_OWN_ACCOUNT)
    session.execute(
        text("UPDATE debtor_user SET language = :language WHERE id = :id"),
        {"language": language, "id": actor.id},
    )


def _person(session: Session, email: str, name: str, language: str) -> UUID:
    if not name.isprintable() or len(name) > 200:
        raise DomainError("The name must be one line of at most 200 characters.", field="name")
    new = insert(DebtorUser).values(
        id=new_id(), email=email, name=name, language=language, active=True, created_at=clock.now()
    )
    # Who is known keeps the name and language they have; who was shut out comes back.
    kept = new.on_conflict_do_update(index_elements=["email"], set_={"active": True})
    found: UUID = session.execute(kept.returning(DebtorUser.id)).scalar_one()
    return found


def _known(session: Session, email: str) -> StaffUser:
    user = session.scalar(select(StaffUser).where(StaffUser.email == email_of(email)))
    if user is None:
        raise NotFound("Nobody here has the address “%(email)s”.", field="email", email=email_of(email))
    return user
