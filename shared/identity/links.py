"""Links that let one person in once: made, looked at, redeemed, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Row, or_, select, update
from sqlalchemy.orm import Session

from shared import clock
from shared.config import settings
from shared.errors import DomainError, NotAllowed
from shared.identity.models import LoginLink
from shared.identity.secret import hash_of, new_secret

# Where a link leads in each app, and for how long the demo's printed links live.
PATH = "/sign-in/link/"
_DEMO_LINK_LIVES = timedelta(days=30)
_OPENED = (LoginLink.user_id, LoginLink.purpose, LoginLink.next_path)


class LinkSpent(DomainError):
    code = "link_spent"
    sentence = "This link has expired or was used already. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link opens."""

    user_id: UUID
    purpose: str
    next_path: str


def new_link(
    session: Session,
    *,
    audience: str,
    purpose: str,
    user_id: UUID,
    lives: timedelta,
    next_path: str = "/",
) -> str:
    """The address of a new link. It is told once, here: the database holds a hash."""
    secret, now = new_secret(), clock.now()
    session.add(
        LoginLink(
            secret_hash=hash_of(secret),
            audience=audience,
            purpose=purpose,
            user_id=user_id,
            next_path=next_path,
            created_at=now,
            expires_at=now + lives,
        )
    )
    session.flush()
    site = settings().portal_url if audience == "portal" else settings().backoffice_url
    return f"{site}{PATH}{secret}"


def demo_login_link(session: Session, *, audience: str, user_id: UUID, next_path: str = "/") -> str:
    """A one-click login for the demo: for staff it stands in for password and code, hence never in production."""
    if not staff_may_skip_password():
        raise NotAllowed
    return new_link(
        session,
        audience=audience,
        purpose="sign_in",
        user_id=user_id,
        lives=_DEMO_LINK_LIVES,
        next_path=next_path,
    )


def staff_may_skip_password() -> bool:
    """Where a link alone may open the back office: the demo and tests."""
    return settings().environment in ("demo", "test")


def look_at(session: Session, audience: str, secret: str) -> Opened:
    """What the link would open, leaving it unused: mail scanners follow links too."""
    return _opened(session.execute(select(*_OPENED).where(*_usable(audience, secret))).first())


def redeem(session: Session, audience: str, purpose: str, secret: str) -> Opened:
    """Use the link up. Of two who try at once one succeeds: the second waits for the row and finds it used."""
    usable = [*_usable(audience, secret), LoginLink.purpose == purpose]
    used = update(LoginLink).where(*usable).values(used_at=clock.now()).returning(*_OPENED)
    return _opened(session.execute(used, execution_options={"synchronize_session": False}).first())


def revoke_links(session: Session, user_id: UUID) -> None:
    """No link of this person works any longer."""
    session.execute(
        update(LoginLink)
        .where(LoginLink.user_id == user_id, LoginLink.used_at.is_(None), LoginLink.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )


def _usable(audience: str, secret: str) -> list[ColumnElement[bool]]:
    unused: ColumnElement[bool] = LoginLink.used_at.is_(None)
    if settings().environment == "demo":  # people click the printed addresses twice
        unused = or_(unused, LoginLink.purpose == "sign_in")
    usable = [
        LoginLink.secret_hash == hash_of(secret),
        LoginLink.audience == audience,
        LoginLink.revoked_at.is_(None),
        LoginLink.expires_at > clock.now(),
        unused,
    ]
    if audience == "backoffice" and not staff_may_skip_password():
        usable.append(LoginLink.purpose == "set_password")
    return usable


def _opened(row: Row[UUID, str, str] | None) -> Opened:
    if row is None:
        raise LinkSpent
    return Opened(row[0], row[1], row[2])
