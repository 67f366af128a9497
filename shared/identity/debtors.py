"""Verbs about debtors' people: invited, asking for a link, coming in by it, shut out."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.creditors.models import Creditor
from shared.customers.models import Customer
from shared.errors import DomainError, NotFound
from shared.identity import links, sessions
from shared.identity.models import DebtorAccess, DebtorUser
from shared.identity.rules import INVITATION_LIVES, SIGN_IN_LINK_LIVES, email_of
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
    queue_message(
        session,
        once=f"debtor_invitation:{new_id()}",
        kind="debtor_invitation",
        recipient=email_of(email),
        language=language,
        template="debtor_invitation",
        context={
            "creditor": creditor_name(session),
            "customers": list(names),
            "link": link,
            "days": INVITATION_LIVES.days,
        },
        customer_id=wanted[0],
    )
    record(session, actor, "invite_debtor", "debtor_user", user_id, email=email_of(email), customers=wanted)
    record_fact(session, "debtor_invited", user_id, customers=wanted)
    return link


def request_sign_in_link(session: Session, email: str, language: str, next_path: str) -> None:
    """Somebody at the portal's door asks for a link. The portal cannot look them up, so its answer tells nothing:
    the worker does, by `send_sign_in_link`."""
    record_fact(
        session, "sign_in_link_requested", email=email_of(email), language=language, next_path=next_path
    )


def send_sign_in_link(
    session: Session, actor: Actor, email: str, language: str, next_path: str, *, once: str
) -> bool:
    """Mail a link to this address if it is a debtor's person's; to nobody else. `once` names the request."""
    actor.must(Permission.INVITE_DEBTORS)
    user_id = session.scalar(
        select(DebtorUser.id).where(DebtorUser.email == email_of(email), DebtorUser.active)
    )
    if user_id is None:
        return False
    link = links.new_link(
        session,
        audience="portal",
        purpose="sign_in",
        user_id=user_id,
        lives=SIGN_IN_LINK_LIVES,
        next_path=next_path,
    )
    minutes = int(SIGN_IN_LINK_LIVES.total_seconds() // 60)
    queued = queue_message(
        session,
        once=f"sign_in_link:{once}",
        kind="debtor_sign_in",
        recipient=email_of(email),
        language=language,
        template="debtor_sign_in",
        context={"creditor": creditor_name(session), "link": link, "minutes": minutes},
    )
    if queued is None:  # handled before; the link just made is told to nobody
        return False
    record(session, actor, "send_sign_in_link", "debtor_user", user_id)
    return True


def sign_in_by_link(
    session: Session, secret: str, *, user_agent: str | None = None, replacing: str = ""
) -> tuple[str, str]:
    """Redeem a portal link that the transaction presents; gives the new session's secret and where to go on."""
    opened = links.redeem(session, "portal", "sign_in", secret)
    person = sessions.debtor_person(session, opened.user_id)
    if person is None:
        raise links.LinkSpent
    record(session, person[0], "sign_in", "debtor_user", opened.user_id, how="link")
    cookie = sessions.begin(session, person[0], user_agent=user_agent, replacing=replacing)
    return cookie, opened.next_path


def choose_language(session: Session, actor: Actor, language: str) -> None:
    """Remember which language a debtor's person reads."""
    actor.must(Permission.SEE_OWN_ACCOUNT)
    session.execute(
        text("UPDATE debtor_user SET language = :language WHERE id = :id"),
        {"language": language, "id": actor.id},
    )


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


def creditor_name(session: Session) -> str:
    """In whose name mails are written: the first creditor's, the head of the group."""
    found = session.scalar(select(Creditor.name).order_by(Creditor.created_at, Creditor.id).limit(1))
    return found or "Quittance"


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
