"""Creditors and companies in the filters of several pages."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from flask import request

from shared.reporting.account import Party


def chosen(name: str) -> UUID | None:
    """The party a filter names; what is no id filters nothing."""
    try:
        return UUID(request.args.get(name, ""))
    except ValueError:
        return None


def options(found: Iterable[Party]) -> list[tuple[str, str]]:
    """Choices of a select."""
    return [(str(party.id), party.name) for party in found]
