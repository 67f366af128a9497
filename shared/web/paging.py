"""Long lists in pages: which page is asked for, and the links to its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from shared.web.shell import here

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class PageLinks:
    """What the `pagination` macro draws: rows `first` to `last` of `total`, and the neighbours' addresses."""

    first: int
    last: int
    total: int
    previous: str | None
    next: str | None


def page_number() -> int:
    """The `?page=` asked for, from 1; anything else is the first."""
    asked = request.args.get("page", "1")
    return int(asked) if asked.isascii() and asked.isdigit() and 0 < len(asked) < 7 and int(asked) else 1


def page_links(page: int, total: int, size: int = PAGE_SIZE) -> PageLinks:
    first = min((page - 1) * size + 1, total)
    last = min(page * size, total)
    return PageLinks(
        first=first,
        last=max(last, first),
        total=total,
        previous=here(page=page - 1 if page > 2 else None) if page > 1 else None,
        next=here(page=page + 1) if page * size < total else None,
    )
