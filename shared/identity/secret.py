"""Secrets of links and sessions (only their hash is kept), and of the second factor (kept encrypted)."""

from __future__ import annotations

import hashlib
import os
import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.config import settings
from shared.errors import ConfigurationError

_NONCE_BYTES = 12


def new_secret() -> str:
    """32 random bytes for an address or a cookie."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What we keep of a secret. A plain hash: 256 random bits cannot be guessed, so nothing need be slow."""
    return hashlib.sha256(secret.encode()).hexdigest()


def seal(text: str, owner: UUID) -> bytes:
    """Encrypt with the installation's secret (AES-256-GCM), bound to its owner: useless in another's row."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_key()).encrypt(nonce, text.encode(), owner.bytes)


def unseal(sealed: bytes, owner: UUID) -> str:
    """What was sealed for this owner."""
    try:
        return AESGCM(_key()).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.bytes).decode()
    except InvalidTag as error:
        raise ConfigurationError(
            "A second factor cannot be read: QUITTANCE_SECRET is not the one it was stored with."
        ) from error


def _key() -> bytes:
    return HKDF(SHA256(), 32, None, b"quittance second factor").derive(settings().secret.encode())
