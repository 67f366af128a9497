"""What may stand in a mail's header, and how long we wait before we try again."""

from __future__ import annotations

import re
from datetime import timedelta

from shared.errors import DomainError

# One mailbox and nothing else: no display name, no second address, no quoting. RFC 5321 allows stranger local
# parts; no company's accounts department uses them, and each is a way to smuggle something past a server.
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]{1,64}@[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]{1,255}")
# Line breaks end a header, wherever they come from: the ASCII ones, and those str.splitlines() knows.
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")

_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=4)
# One minute, four, sixteen, about an hour, then every four hours: twelve tries span more than a day, so that a
# server that is down overnight loses nothing (RFC 5321 4.5.4.1 asks senders to be this patient).
_TRIES = 12


class UnusableAddress(DomainError):
    code = "unusable_address"
    sentence = "“%(value)s” is not an e-mail address such as compta@example.com."


class UnusableHeader(DomainError):
    code = "unusable_header"
    sentence = (
        "The subject “%(value)s” holds a line break or a control character; a single line was expected."
    )


def mailbox(address: str) -> str:
    """The address, if it is exactly one mailbox.

    >>> mailbox("compta@example.com")
    'compta@example.com'
    """
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise UnusableAddress(value=ascii(address[:80])[1:-1], field="email")
    return address


def one_line(subject: str) -> str:
    """The subject, trimmed; what would break out of its header is refused."""
    kept = subject.strip(" \t\n")
    if not kept or _BREAKS.search(kept):
        raise UnusableHeader(value=ascii(kept[:80])[1:-1])
    return kept


def wait_after(attempts: int) -> timedelta | None:
    """How long to wait after the `attempts`-th try failed for now; None: no longer.

    >>> [str(wait_after(n)) for n in (1, 2, 5, 12)]
    ['0:01:00', '0:04:00', '4:00:00', 'None']
    """
    if attempts >= _TRIES:
        return None
    return min(_FIRST_WAIT * int(4 ** (attempts - 1)), _LONGEST_WAIT)
