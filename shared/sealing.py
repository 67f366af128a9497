"""Values kept encrypted: readable with the installation's secret alone, and only in the row they were sealed for.

Each purpose has a key of its own, derived from the secret: what was sealed for one is no use for another.
"""

from __future__ import annotations

import hmac
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.config import settings
from shared.errors import ConfigurationError

_NONCE_BYTES = 12


def seal(text: str, purpose: str, owner: UUID) -> bytes:
    """Encrypt (AES-256-GCM), bound to its purpose and to the row that owns it: useless in another's row."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_key(purpose)).encrypt(nonce, text.encode(), owner.bytes)


def unseal(sealed: bytes, purpose: str, owner: UUID) -> str:
    """What was sealed for this purpose and owner."""
    try:
        opened = AESGCM(_key(purpose)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.bytes)
    except InvalidTag as error:
        raise ConfigurationError(
            f"A {purpose} cannot be read: QUITTANCE_SECRET is not the one it was stored with."
        ) from error
    return opened.decode()


def fingerprint(text: str, purpose: str) -> bytes:
    """Equal for equal texts, and worth nothing without the secret: finds a value that is kept sealed."""
    return hmac.digest(_key(f"{purpose} fingerprint"), text.encode(), "sha256")


def _key(purpose: str) -> bytes:
    return HKDF(SHA256(), 32, None, f"quittance {purpose}".encode()).derive(settings().secret.encode())
