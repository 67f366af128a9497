"""Decisions about sign-in that need nothing but their arguments."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from hmac import compare_digest

import pyotp

from shared.errors import DomainError

INVITATION_LIVES = timedelta(days=7)
SIGN_IN_LINK_LIVES = timedelta(minutes=30)
SESSION_LIVES = timedelta(hours=12)
SESSION_IDLES = timedelta(hours=2)
# Between the right password and the right code: long enough to find the phone.
SECOND_STEP_LIVES = timedelta(minutes=10)

# NIST SP 800-63B asks for 8 characters beside a second factor; we ask for what a phrase has anyway.
PASSWORD_LENGTHS = range(12, 129)
_EMAIL = re.compile(r"[^@\s\x00-\x1f<>()\[\],;:\\\"]+@[^@\s\x00-\x1f<>()\[\],;:\\\"]+\.[^@\s.]{2,}")
_CODE = re.compile(r"[0-9]{6}")
_STEP_SECONDS = 30


def email_of(text: str) -> str:
    """The one spelling of an address that is stored and compared.

    >>> email_of(" Lea.Martin@Exemple.FR ")
    'lea.martin@exemple.fr'
    """
    email = text.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise DomainError(
            "“%(value)s” is not an email address; expected something like name@company.fr.",
            field="email",
            value=text.strip()[:80],
        )
    return email


def accept_password(password: str, email: str) -> None:
    """Refuse what is guessed first; length is what counts, not odd characters."""
    if len(password) not in PASSWORD_LENGTHS:
        raise DomainError(
            "The password has %(length)s characters; expected between %(least)s and %(most)s.",
            field="password",
            length=len(password),
            least=PASSWORD_LENGTHS.start,
            most=PASSWORD_LENGTHS.stop - 1,
        )
    name = email.split("@")[0]
    if len(set(password)) < 5 or (len(name) > 3 and name in password.lower()):
        raise DomainError(
            "This password is too easy to guess: choose several unrelated words, without your name.",
            field="password",
        )


def accepted_step(secret: str, code: str, at: datetime, last: int | None) -> int | None:
    """The 30-second step whose code this is: the present one or a neighbour, and later than the last used one."""
    digits = re.sub(r"\s", "", code)
    if not _CODE.fullmatch(digits):
        return None
    present = int(at.timestamp()) // _STEP_SECONDS
    totp = pyotp.TOTP(secret, interval=_STEP_SECONDS)
    matching = [
        step
        for step in (present, present - 1, present + 1)
        if compare_digest(totp.generate_otp(step), digits)
    ]
    return next((step for step in matching if last is None or step > last), None)
