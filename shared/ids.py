"""Identifiers: UUID version 7 (RFC 9562), so that rows made together lie together in an index.

Made in Python, not in the database: PostgreSQL has `uuidv7()` only since version 18, and we promise 15.
"""

from __future__ import annotations

import os
import time
from uuid import UUID

_ROOM = 1 << 74  # 12 random bits of rand_a and 62 of rand_b


def new_id() -> UUID:
    """A new identifier; sorts by the millisecond it was made in."""
    return new_ids(1)[0]


def new_ids(count: int) -> list[UUID]:
    """`count` identifiers in strictly ascending order. O(count), one call to the system's randomness."""
    millis = time.time_ns() // 1_000_000
    # A random start, then small random steps: ordered within the batch, unguessable from outside.
    start = int.from_bytes(os.urandom(9)) * (_ROOM >> 73) % (_ROOM - (count << 32) - 1)
    steps = memoryview(os.urandom(4 * count)).cast("I")
    result, position = [], start
    for step in steps:
        position += step + 1
        high, low = divmod(position, 1 << 62)
        result.append(UUID(int=millis << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))
    return result


def parse_id(text: str) -> UUID | None:
    """The identifier in a URL or a file, or None when it is not one: the answer to that is 404."""
    try:
        return UUID(text)
    except (ValueError, AttributeError, TypeError):
        return None
