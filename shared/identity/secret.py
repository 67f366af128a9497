"""Secrets of links and sessions (only their hash is kept), and of the second factor (kept encrypted)."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from shared import sealing

_SECOND_FACTOR = "second factor"


def new_secret() -> str:
    """32 random bytes for an address or a cookie."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What we keep of a secret. A plain hash: 256 random bits cannot be guessed, so nothing need be slow."""
    return hashlib.sha256(secret.encode()).hexdigest()


def seal(text: str, owner: UUID) -> bytes:
    """Encrypt a second factor for its owner."""
    return sealing.seal(text, _SECOND_FACTOR, owner)


def unseal(sealed: bytes, owner: UUID) -> str:
    """The second factor that was sealed for this owner."""
    return sealing.unseal(sealed, _SECOND_FACTOR, owner)
