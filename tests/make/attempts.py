"""What providers say of payments that were begun in the portal, given to the core as adapters give it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.rails import applying, setting_up
from shared.rails.models import Payment
from shared.rails.providers.protocols import SetUpSeen
from shared.rails.snapshot import FactKind, Instrument, MoneyFact, Phase, Snapshot, Step

CARD = Instrument("card", "visa", "4242", "pm_1", expires_on=None)


def told(
    payment_id: UUID,
    phase: Phase,
    *,
    step: Step | None = None,
    facts: Iterable[tuple[FactKind, int]] = (),
    **more: Any,
) -> None:
    """What the worker does with a provider's answer."""
    with db.writing(SYSTEM) as session:
        payment = session.get_one(Payment, payment_id)
        made = tuple(
            MoneyFact(kind, f"{kind}_{n}_{payment.reference}", minor, payment.currency, clock.now())
            for n, (kind, minor) in enumerate(facts)
        )
        seen = Snapshot(
            provider_ref=f"pi_{payment.reference}", phase=phase, raw_status=phase.value,
            amount_minor=payment.amount_minor, currency=payment.currency, payment_id=payment_id, step=step,
            facts=made, **more,
        )  # fmt: skip
        applying.apply(session, payment_id, seen)


def received(payment_id: UUID, *later: tuple[FactKind, int], **more: Any) -> None:
    """Its whole money came; then perhaps something else happened."""
    with db.reading(SYSTEM) as session:
        amount = session.get_one(Payment, payment_id).amount_minor
    told(payment_id, Phase.SUCCEEDED, facts=[(FactKind.RECEIVED, amount), *later], **more)


def form_told(set_up_id: UUID, state: str, **more: Any) -> None:
    """What the worker does with a provider's answer about a card or mandate being kept."""
    with db.writing(SYSTEM) as session:
        setting_up.apply(session, set_up_id, SetUpSeen(f"cs_{set_up_id}", state, set_up_id, **more))


def unclear(payment_id: UUID) -> None:
    """The command was sent and never answered."""
    with db.writing(SYSTEM) as session:
        session.execute(
            text(
                "UPDATE payment SET unclear = true, status = 'unknown', version = version + 1 WHERE id = :id"
            ),
            {"id": payment_id},
        )
