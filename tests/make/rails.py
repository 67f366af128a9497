"""Build payments over a rail for tests, and what a provider says of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM, Actor
from shared.creditors.models import Creditor
from shared.payments.rules import Choice
from shared.rails import applying, starting
from shared.rails.accounts import Keys, add_account
from shared.rails.snapshot import FactKind, Method, MoneyFact, Phase, Snapshot
from shared.rails.states import Status
from tests.make.books import Books

KEYS = Keys("sk_test_secret", "whsec_secret", "pk_test_shown")
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def an_account(
    books: Books, provider: str = "stripe", *, mode: str = "test", methods: Sequence[Method] | None = None
) -> UUID:
    """An account of the creditor's with a provider, all its methods on unless some are named."""
    with db.writing(SYSTEM) as session:
        creditor = session.get_one(Creditor, books.creditor_id)
        return add_account(session, SYSTEM, creditor, provider, mode=mode, keys=KEYS, methods=methods).id


def a_payment(
    actor: Actor, account_id: UUID, choices: Sequence[Choice], method: Method = Method.CARD
) -> UUID:
    with db.writing(actor) as session:
        return starting.pay(session, actor, choices, starting.Terms(account_id, method, "fr"))


def seen(
    payment_id: UUID, phase: Phase | None, *facts: MoneyFact, minor: int, currency: str = "EUR"
) -> Snapshot:
    """What the provider has: an amount, a phase, and all that happened to its money so far."""
    return Snapshot(
        provider_ref=f"pi_{payment_id}",
        phase=phase,
        raw_status=phase or "never_heard_of",
        amount_minor=minor,
        currency=currency,
        payment_id=payment_id,
        facts=facts,
    )


def fact(kind: FactKind, minor: int, number: int = 1, *, currency: str = "EUR") -> MoneyFact:
    """The `number`th movement of its kind; later numbers happened later."""
    return MoneyFact(kind, f"{kind}-{number}", minor, currency, START + timedelta(hours=number))


def told(payment_id: UUID, snapshot: Snapshot) -> Status:
    with db.writing(SYSTEM) as session:
        return applying.apply(session, payment_id, snapshot)


def status(payment_id: UUID) -> str:
    with db.reading(SYSTEM) as session:
        return str(session.scalar(text("SELECT status FROM payment WHERE id = :id"), {"id": payment_id}))


def alerts() -> list[str]:
    with db.reading(SYSTEM) as session:
        return list(session.scalars(text("SELECT code FROM payment_alert ORDER BY raised_at, code")))
