"""Web sessions: begun, recognised by their cookie, ended. The row is ours, so an ended session is over at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared import actor as actors
from shared import clock
from shared.actor import Actor
from shared.db import enter_scope
from shared.identity.models import DebtorAccess, DebtorUser, StaffUser, WebSession
from shared.identity.rules import SECOND_STEP_LIVES, SESSION_IDLES, SESSION_LIVES
from shared.identity.secret import hash_of, new_secret

# A session is seen at most once a minute, so that reading pages does not write on each.
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """Whose cookie it is. `actor` may act only when `complete`."""

    secret_hash: str
    actor: Actor
    language: str
    complete: bool
    last_seen_at: datetime

    @property
    def unseen_for_long(self) -> bool:
        return clock.now() - self.last_seen_at > _SEEN_EVERY


def begin(
    session: Session,
    actor: Actor,
    *,
    complete: bool = True,
    user_agent: str | None = None,
    replacing: str = "",
) -> str:
    """A new session's secret, for the cookie. The cookie presented before (`replacing`) is worth nothing afterwards:
    whoever planted it gains nothing by the login."""
    if replacing:
        end(session, actor, replacing)
    secret, now = new_secret(), clock.now()
    # Row-level security lets the portal write the one session whose secret it presents.
    enter_scope(session, actor, hash_of(secret))
    session.add(
        WebSession(
            secret_hash=hash_of(secret),
            audience="portal" if actor.kind == "debtor" else "backoffice",
            user_id=_id(actor),
            step="complete" if complete else "password",
            created_at=now,
            last_seen_at=now,
            expires_at=now + (SESSION_LIVES if complete else SECOND_STEP_LIVES),
            user_agent=user_agent[:200] if user_agent else None,
        )
    )
    session.flush()
    return secret


def find(session: Session, audience: str, secret: str) -> Visit | None:
    """Whose cookie this is, if its session still lives. Four statements in the portal, three in the back office."""
    now = clock.now()
    found = session.execute(
        select(WebSession.user_id, WebSession.step, WebSession.last_seen_at).where(
            WebSession.secret_hash == hash_of(secret),
            WebSession.audience == audience,
            WebSession.revoked_at.is_(None),
            WebSession.expires_at > now,
            WebSession.last_seen_at > now - SESSION_IDLES,
        )
    ).first()
    if found is None:
        return None
    person = (
        debtor_person(session, found.user_id)
        if audience == "portal"
        else staff_person(session, found.user_id)
    )
    if person is None:
        return None
    actor, language = person
    return Visit(hash_of(secret), actor, language, found.step == "complete", found.last_seen_at)


def seen(session: Session, visit: Visit) -> None:
    """Put off the idle end."""
    session.execute(
        update(WebSession)
        .where(WebSession.secret_hash == visit.secret_hash, WebSession.revoked_at.is_(None))
        .values(last_seen_at=clock.now())
    )


def end(session: Session, actor: Actor, secret: str) -> None:
    """End the session of this cookie, if it is one."""
    enter_scope(session, actor, hash_of(secret))
    session.execute(
        update(WebSession)
        .where(WebSession.secret_hash == hash_of(secret), WebSession.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )


def end_all(session: Session, user_id: UUID) -> None:
    """End all of a person's sessions, on every device."""
    session.execute(
        update(WebSession)
        .where(WebSession.user_id == user_id, WebSession.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )


def debtor_person(session: Session, user_id: UUID) -> tuple[Actor, str] | None:
    """The actor and language of a debtor's person, unless deactivated."""
    enter_scope(session, actors.debtor(user_id, "", ()), "")
    rows = session.execute(
        select(DebtorUser.name, DebtorUser.language, DebtorAccess.customer_id)
        .outerjoin(DebtorAccess, DebtorAccess.user_id == DebtorUser.id)
        .where(DebtorUser.id == user_id, DebtorUser.active)
        .order_by(DebtorAccess.customer_id)
    ).all()
    if not rows:
        return None
    customers = tuple(row.customer_id for row in rows if row.customer_id)
    return actors.debtor(user_id, rows[0].name, customers), rows[0].language


def staff_person(session: Session, user_id: UUID) -> tuple[Actor, str] | None:
    """The actor and language of one of the creditor's people, unless deactivated."""
    found = session.execute(
        select(StaffUser.name, StaffUser.role, StaffUser.language).where(
            StaffUser.id == user_id, StaffUser.active
        )
    ).first()
    return (actors.staff(user_id, found.name, found.role), found.language) if found else None


def _id(actor: Actor) -> UUID:
    assert actor.id is not None, "only people have sessions"
    return actor.id
