"""What an address or a form asks for, read without trust."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from flask import request

from shared import clock
from shared.errors import DomainError, NotFound


def word(name: str, most: int = 100) -> str:
    """A search word or code from the address."""
    return request.args.get(name, "").replace("\x00", "").strip()[:most]


def choice(name: str, choices: tuple[str, ...], otherwise: str) -> str:
    asked = request.args.get(name, "")
    return asked if asked in choices else otherwise


def uuid_of(text: str) -> UUID:
    """An id that came back from a page; nonsense is nobody's."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def optional_uuid(text: str | None) -> UUID | None:
    return uuid_of(text) if text else None


def day(name: str = "as_of") -> date:
    """A day from the address; today when none is given."""
    text = request.args.get(name, "")
    if not text:
        return clock.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DomainError("Write the day as year-month-day, for example 2026-03-31.", field=name) from None
