"""Passwords: argon2id (RFC 9106), with the library's present parameters."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.config import settings


def hashed(password: str) -> str:
    return _hasher().hash(password)


def verified(password_hash: str | None, password: str) -> bool:
    """Whether the password is right. Without a hash it takes just as long: time must not tell who exists."""
    try:
        return _hasher().verify(password_hash or _nobody(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(password_hash: str) -> bool:
    """Whether it was made with weaker parameters than today's."""
    return _hasher().check_needs_rehash(password_hash)


@cache
def _hasher() -> PasswordHasher:
    if settings().environment == "test":
        return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash("the password of nobody")
