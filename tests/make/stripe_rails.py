"""A creditor who takes payments through the Stripe simulator, and debtors who pay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM, Actor
from shared.config import settings
from shared.payments.rules import Choice
from shared.rails import inbox
from shared.rails.adapters import adapter_of
from shared.rails.snapshot import Method
from shared.rails.starting import Terms, pay
from shared.rails.working import work_waiting
from tests.make.books import Books
from tests.make.rails import an_account


@contextmanager
def stripe_at(monkeypatch: pytest.MonkeyPatch, url: str) -> Iterator[None]:
    """The product's sandbox accounts reach Stripe at `url`."""
    monkeypatch.setenv("STRIPE_API_URL", url)
    settings.cache_clear()
    adapter_of.__globals__["_adapter"].cache_clear()
    yield
    settings.cache_clear()


@dataclass
class StripeBooks(Books):
    """Books whose creditor has an account at Stripe."""

    stripe_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stripe_id = an_account(self, mode="sandbox", methods=list(Method))

    def pays(self, debtor: Actor, item: UUID, method: Method, **more: Any) -> UUID:
        """Start to pay one item, and have the worker tell Stripe."""
        with db.writing(debtor) as session:
            terms = Terms(self.stripe_id, method, "fr", email="compta@client.example", **more)
            payment_id = pay(session, debtor, [Choice(item)], terms)
        work_waiting()
        return payment_id

    def payment(self, payment_id: UUID) -> Any:
        with db.reading(SYSTEM) as session:
            return session.execute(text("SELECT * FROM payment WHERE id = :id"), {"id": payment_id}).one()

    def facts(self, payment_id: UUID) -> list[tuple[str, int]]:
        """Kind and amount of each fact, in the order they were stored."""
        with db.reading(SYSTEM) as session:
            rows = session.execute(
                text("SELECT kind, amount_minor FROM payment_fact WHERE payment_id = :id ORDER BY id"),
                {"id": payment_id},
            )
            return [(row.kind, row.amount_minor) for row in rows]

    def hears(self, received: list[tuple[bytes, str]]) -> None:
        """Take webhooks in as the portal does, then let the worker work. What was taken is removed."""
        while received:
            raw, signature = received.pop(0)
            inbox.accept("stripe", self.stripe_id, {"Stripe-Signature": signature}, raw)
        work_waiting()
