"""How the creditor's people come in: a password chosen by link, then at each sign-in the password and a code."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pyotp
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import ROLES, Actor
from shared.audit.actions import record
from shared.errors import DomainError
from shared.identity import links, passwords, sessions
from shared.identity.models import StaffUser
from shared.identity.rules import accept_password, accepted_step, email_of
from shared.identity.secret import seal, unseal


class SignInRefused(DomainError):
    code = "sign_in_refused"
    sentence = "This email address and this password do not go together."


class CodeRefused(DomainError):
    code = "code_refused"
    sentence = "This code is not right, or was used already. Wait for the next one in your app."


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: `uri` inside a QR code, `secret` to be typed."""

    secret: str
    uri: str


def set_password(session: Session, secret: str, password: str, *, user_agent: str | None = None) -> str:
    """Choose a password by the link that was mailed; gives a session that still wants the code."""
    opened = links.redeem(session, "backoffice", "set_password", secret)
    user = _active(session, opened.user_id)
    if user is None:
        raise links.LinkSpent
    accept_password(password, user.email)
    user.password_hash = passwords.hashed(password)
    # Whoever knew the old password is out, on every device.
    links.revoke_links(session, user.id)
    sessions.end_all(session, user.id)
    record(session, _actor(user), "set_password", "staff_user", user.id)
    return _half_way(session, user, user_agent, "")


def check_password(
    session: Session, email: str, password: str, *, user_agent: str | None = None, replacing: str = ""
) -> str:
    """The first step: gives a session that still wants the code. Whatever is wrong, the refusal and its time
    are the same."""
    user = session.scalar(select(StaffUser).where(StaffUser.email == _written(email), StaffUser.active))
    if not passwords.verified(user.password_hash if user else None, password) or user is None:
        raise SignInRefused(field="password")
    assert user.password_hash is not None
    if passwords.outdated(user.password_hash):
        user.password_hash = passwords.hashed(password)
    return _half_way(session, user, user_agent, replacing)


def enrolment(session: Session, actor: Actor) -> Enrolment | None:
    """The second factor to be set up; None once a first code was right, for it is never shown again."""
    user = _active(session, actor.id)
    if user is None or user.totp_secret is None or user.totp_last is not None:
        return None
    secret = unseal(user.totp_secret, user.id)
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name="Quittance"))


def check_code(
    session: Session, actor: Actor, code: str, *, user_agent: str | None = None, replacing: str
) -> str:
    """The second step: the code opens a complete session in place of the half-way one. A code works once."""
    user = _active(session, actor.id)
    if user is None or user.totp_secret is None:
        raise CodeRefused(field="code")
    step = accepted_step(unseal(user.totp_secret, user.id), code, clock.now(), user.totp_last)
    if step is None:
        raise CodeRefused(field="code")
    # Of two who send the same code at once, one finds the step still free.
    won = session.execute(
        update(StaffUser)
        .where(StaffUser.id == user.id, or_(StaffUser.totp_last.is_(None), StaffUser.totp_last < step))
        .values(totp_last=step)
        .returning(StaffUser.id),
        execution_options={"synchronize_session": False},
    ).first()
    if won is None:
        raise CodeRefused(field="code")
    record(session, _actor(user), "sign_in", "staff_user", user.id, how="password and code")
    return sessions.begin(session, _actor(user), user_agent=user_agent, replacing=replacing)


def sign_in_by_link(
    session: Session, secret: str, *, user_agent: str | None = None, replacing: str = ""
) -> tuple[str, str]:
    """One click into the demo's back office; `links.redeem` refuses it in production."""
    opened = links.redeem(session, "backoffice", "sign_in", secret)
    user = _active(session, opened.user_id)
    if user is None:
        raise links.LinkSpent
    record(session, _actor(user), "sign_in", "staff_user", user.id, how="demo link")
    cookie = sessions.begin(session, _actor(user), user_agent=user_agent, replacing=replacing)
    return cookie, opened.next_path


def sign_out_everywhere(session: Session, actor: Actor) -> None:
    """End one's own sessions on every device."""
    assert actor.kind == "staff" and actor.id is not None
    sessions.end_all(session, actor.id)
    record(session, actor, "sign_out_everywhere", "staff_user", actor.id)


def _half_way(session: Session, user: StaffUser, user_agent: str | None, replacing: str) -> str:
    if user.totp_secret is None:
        user.totp_secret = seal(pyotp.random_base32(), user.id)
    session.flush()
    return sessions.begin(session, _actor(user), complete=False, user_agent=user_agent, replacing=replacing)


def _written(email: str) -> str:
    try:
        return email_of(email)
    except DomainError:
        return ""  # nobody's: what follows takes as long as for anybody


def _active(session: Session, user_id: UUID | None) -> StaffUser | None:
    return session.scalar(select(StaffUser).where(StaffUser.id == user_id, StaffUser.active))


def _actor(user: StaffUser) -> Actor:
    return Actor("staff", user.id, user.name, ROLES[user.role])
