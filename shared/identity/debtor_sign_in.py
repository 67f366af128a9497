"""How debtors' people come in: they ask for a link, the worker mails it, they press its button."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.identity import links, sessions
from shared.identity.models import DebtorUser
from shared.identity.queries import sender
from shared.identity.rules import SIGN_IN_LINK_LIVES, email_of
from shared.notifications.actions import queue_message
from shared.outbox.actions import record_fact


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
    writer = sender(session)
    queued = queue_message(
        session,
        once=f"sign_in_link:{once}",
        kind="debtor_sign_in",
        recipient=email_of(email),
        language=language,
        template="debtor_sign_in",
        context={"creditor": writer.name, "link": link, "minutes": minutes},
        reply_to=writer.email,
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
