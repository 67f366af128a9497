"""How often: fixed windows in PostgreSQL, so that all web processes of an app count together.

    limits.spend("sign_in", email)      # in a view: once for the address, once for where the request comes from

The windows run on the database's own clock: a clock that is frozen for a demo must not freeze them too.
"""

from __future__ import annotations

import hashlib
from ipaddress import ip_address

from flask import Flask, current_app, g, request
from flask_limiter import Limiter
from limits import parse
from limits.storage import Storage
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shared import db
from shared.actor import DOORKEEPER, VISITOR, Actor
from shared.errors import TooManyRequests

# What may be done how often: for one subject (an address, a person), and from one place on the network, where a
# whole company may sit behind one address.
LIMITS = {
    "sign_in": (parse("10 per 15 minutes"), parse("60 per 15 minutes")),
    "code": (parse("6 per 15 minutes"), parse("60 per 15 minutes")),
    "link_request": (parse("5 per hour"), parse("40 per hour")),
    "link": (parse("10 per 15 minutes"), parse("60 per 15 minutes")),
}
# A person who clicks fast stays far below this; a script that copies the portal page by page does not.
_BUDGET = "600 per minute"

_COUNT = text("""
    INSERT INTO rate_window AS w (key, count, expires_at)
    VALUES (:key, :amount, now() + make_interval(secs => :seconds))
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN w.expires_at <= now() THEN 0 ELSE w.count END + :amount,
        expires_at = CASE WHEN w.expires_at <= now() THEN excluded.expires_at ELSE w.expires_at END
    RETURNING count""")
_COUNTED = text("SELECT count FROM rate_window WHERE key = :key AND expires_at > now()")
_EXPIRY = text(
    "SELECT extract(epoch FROM coalesce((SELECT expires_at FROM rate_window WHERE key = :key), now()))"
)


def install(app: Flask, audience: str) -> None:
    """Give the app its windows and its budget per signed-in person (else per place). After `make_app`, whose
    hooks learn who asks."""
    limiter = Limiter(
        _whoever,
        app=app,
        application_limits=[_BUDGET],
        # Providers tell of a busy day in bursts, and prove with each webhook who they are.
        application_limits_exempt_when=lambda: request.blueprint in ("assets", "health"),
        storage_uri=f"windows://{audience}",
        key_prefix=audience,
        strategy="fixed-window",
    )
    app.extensions["rate_limiter"] = limiter


def spend(name: str, subject: str) -> None:
    """Count one attempt at `name`; refused when the subject or the place has had its share."""
    limiter: Limiter = current_app.extensions["rate_limiter"]
    for_subject, for_place = LIMITS[name]
    # Hashed, so that a table of attempts is not a list of people.
    hashed = hashlib.sha256(subject.strip().lower().encode()).hexdigest()[:32]
    by_place = limiter.limiter.hit(for_place, current_app.name, name, "place", place())
    by_subject = limiter.limiter.hit(for_subject, current_app.name, name, "subject", hashed)
    if not (by_place and by_subject):
        raise TooManyRequests


def place() -> str:
    """Where the request comes from. One household or office has a whole /64 of IPv6, so that counts as one."""
    address = ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104 - no address to bind to
    return str(address) if address.version == 4 else address.exploded[:19]


def _whoever() -> str:
    actor: Actor | None = g.get("actor")
    return f"person:{actor.id}" if actor else f"place:{place()}"


class Windows(Storage):
    """The storage `windows://portal` or `windows://backoffice` of the `limits` library."""

    STORAGE_SCHEME = ["windows"]

    def __init__(self, uri: str, wrap_exceptions: bool = False, **options: float | str | bool) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        self._actor = VISITOR if uri.endswith("//portal") else DOORKEEPER

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        with db.writing(self._actor) as session:
            counted = session.scalar(_COUNT, {"key": key, "amount": amount, "seconds": expiry})
        return int(counted or 0)

    def get(self, key: str) -> int:
        with db.reading(self._actor) as session:
            return int(session.scalar(_COUNTED, {"key": key}) or 0)

    def get_expiry(self, key: str) -> float:
        with db.reading(self._actor) as session:
            return float(session.scalar(_EXPIRY, {"key": key}) or 0)

    def check(self) -> bool:
        return self.get("") == 0

    def reset(self) -> int | None:
        raise NotImplementedError("expired windows are cleared by the schedule")

    def clear(self, key: str) -> None:
        with db.writing(self._actor) as session:
            session.execute(text("DELETE FROM rate_window WHERE key = :key"), {"key": key})
