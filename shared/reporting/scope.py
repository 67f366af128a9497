"""Whose account is shown, and how a long list is cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from shared.actor import Actor, Permission

PAGE_SIZE = 50

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A part of a list, and how long the whole list is."""

    rows: list[Row]
    total: int


def scope(actor: Actor, customers: Iterable[UUID] | None) -> list[UUID]:
    """The customers to look at: of a debtor's person only their own, whichever were named; None means all of those.

    The creditor's people name the customers; without a name they see none.
    """
    if actor.kind == "debtor":
        actor.must(Permission.SEE_OWN_ACCOUNT)
        wanted = actor.customers if customers is None else customers
        return [customer for customer in wanted if customer in actor.customers]
    actor.must(Permission.SEE_RECEIVABLES)
    return list(customers or ())
