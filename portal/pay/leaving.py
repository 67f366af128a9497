"""What only the browser that pressed the button remembers: that it goes on to the provider's page by itself, once, and
what else was chosen to be paid after this."""

from __future__ import annotations

from uuid import UUID

from flask import session as cookie

_LEAVING, _REST = "leaving", "rest"
# A cookie is small. Who chose more chooses the rest again.
_MOST_FIELDS = 45


def will_leave(thing_id: UUID) -> None:
    """As soon as the provider's page is known, this browser opens it."""
    cookie[_LEAVING] = str(thing_id)


def leaves_now(thing_id: UUID) -> bool:
    """Whether this browser still has to be sent there. Once only: the back button leads to our page and stays there."""
    if cookie.get(_LEAVING) != str(thing_id):
        return False
    del cookie[_LEAVING]
    return True


def keep_rest(after: UUID, fields: list[tuple[str, str]]) -> None:
    """Remember what is to be paid after this payment."""
    if 1 < len(fields) <= _MOST_FIELDS:
        cookie[_REST] = {"after": str(after), "fields": fields}
    else:
        cookie.pop(_REST, None)


def rest_after(payment_id: UUID) -> dict[str, list[str]]:
    """What is to be paid after this payment, as the fields of the next form; empty when it was all."""
    kept = cookie.get(_REST)
    if not kept or kept["after"] != str(payment_id):
        return {}
    found: dict[str, list[str]] = {}
    for name, value in kept["fields"]:
        found.setdefault(name, []).append(value)
    return found
