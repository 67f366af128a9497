"""Customers of whom nothing is known yet but their number and name: an invoice or a payment named them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from shared import clock
from shared.customers.rules import search_key
from shared.db import driver
from shared.ids import new_ids


def add_named(session: Session, named: Sequence[tuple[str, str]]) -> int:
    """Add customers by (ref, name); those that exist are left as they are. Gives how many were added."""
    now = clock.now()
    added = driver(session).execute(
        "INSERT INTO customer (id, ref, name, search_key, created_at, updated_at)"
        " SELECT id, ref, name, key, %s, %s FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[])"
        " AS c (id, ref, name, key) ON CONFLICT (ref) DO NOTHING",
        [
            now,
            now,
            new_ids(len(named)),
            [ref for ref, _ in named],
            [name for _, name in named],
            [search_key(name) for _, name in named],
        ],
    )
    return added.rowcount
