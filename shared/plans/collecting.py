"""Collect the parts whose day has come: never more than is open, credits first, the oldest invoice first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.audit.actions import record
from shared.errors import DomainError
from shared.ledger.actions import allocate, lock_customers
from shared.ledger.rules import Pair, pair_up
from shared.outbox.actions import record_fact
from shared.payments.rules import Choice, Payable
from shared.plans import mails
from shared.plans.models import Plan, PlanPart
from shared.rails import starting
from shared.rails.collecting import acting_for, collectable, netted
from shared.rails.instruments import Instrument, instrument
from shared.rails.one_by_one import BATCH, one_by_one

# No provider wants an order sooner than this before its day.
_SOONEST = timedelta(days=14)
_DUE = text("""
    SELECT DISTINCT p.id FROM plan p JOIN plan_part x ON x.plan_id = p.id
    WHERE p.state = 'active' AND x.tried_at IS NULL AND x.due_on <= :soon AND p.id > :after
    ORDER BY p.id LIMIT :size""")
# Paid is what is no longer open, whichever way; on its way is what a payment or an announced transfer will bring.
_STANDING = text("""
    SELECT coalesce(sum(greatest(p.amount_minor - greatest(i.open_minor, 0), 0)), 0)::bigint AS paid_minor,
           coalesce(sum(i.open_minor), 0)::bigint AS open_minor,
           coalesce((SELECT sum(f.amount_minor) FROM item_in_flight f
                     WHERE f.item_id IN (SELECT item_id FROM plan_item WHERE plan_id = :plan)), 0)::bigint
           + coalesce((SELECT sum(l.amount_minor) FROM payment_item l WHERE l.live AND NOT l.holds
                       AND l.item_id IN (SELECT item_id FROM plan_item WHERE plan_id = :plan)), 0)::bigint
             AS coming_minor,
           coalesce((SELECT sum(l.amount_minor) FROM payment_item l WHERE l.live
                     AND l.item_id IN (SELECT item_id FROM plan_item WHERE plan_id = :plan)), 0)::bigint
             AS paying_minor
    FROM plan_item p JOIN open_item i ON i.id = p.item_id WHERE p.plan_id = :plan""")
_ITEMS = text("SELECT item_id FROM plan_item WHERE plan_id = :plan")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a plan is. `paying_minor`: the part of what is coming that a rail is bringing."""

    paid_minor: int
    open_minor: int
    coming_minor: int
    paying_minor: int


def collect_parts() -> None:
    """Collect every part whose day has come, each plan in a transaction of its own: done, it is not done again."""
    given = {"soon": clock.today() + _SOONEST, "size": BATCH}
    one_by_one(lambda session, after: session.scalars(_DUE, given | {"after": after}).all(), _collect)


def standing(session: Session, plan_id: UUID) -> Standing:
    return Standing(**session.execute(_STANDING, {"plan": plan_id}).one()._mapping)


def taken(session: Session, plan_id: UUID) -> Plan | None:
    """The plan, held; None: another worker or a person has it in hand just now."""
    return session.scalar(select(Plan).where(Plan.id == plan_id).with_for_update(skip_locked=True))


def parts_of(session: Session, plan_id: UUID) -> Sequence[PlanPart]:
    return session.scalars(
        select(PlanPart).where(PlanPart.plan_id == plan_id).order_by(PlanPart.number)
    ).all()


def _collect(session: Session, plan_id: UUID) -> None:
    plan = taken(session, plan_id)
    if plan is None or plan.state != "active":
        return
    parts = parts_of(session, plan_id)
    part = next((each for each in parts if each.tried_at is None), None)
    held = instrument(
        session, SYSTEM, plan.customer_id, plan.creditor_id, plan.mandate_id or plan.saved_card_id
    )
    if part is None or clock.today() < (held.order_on(part.due_on) if held else part.due_on):
        return
    lock_customers(session, [plan.customer_id])
    owed = sum(each.amount_minor for each in parts if each.number <= part.number)
    now = standing(session, plan_id)
    wanted = owed - now.paid_minor - now.coming_minor
    if now.coming_minor and wanted <= 0 < owed - now.paid_minor:
        return  # on its way: looked at again in an hour
    if wanted > 0:
        wanted = _collect_open(session, plan, part, held, wanted)
    part.tried_at = clock.now()
    session.flush()
    told: dict[str, Any] = {"number": part.number, "payment_id": part.payment_id}
    record(session, SYSTEM, "plan_part_tried", "plan", plan.id, **told, amount_minor=wanted)
    record_fact(session, "plan_part_tried", plan.id, customer_id=plan.customer_id, **told)


def _collect_open(session: Session, plan: Plan, part: PlanPart, held: Instrument | None, wanted: int) -> int:
    """Use credits, then collect the rest with what is on file, or ask for it. Gives what was left to collect."""
    found = collectable(
        session, SYSTEM, plan.customer_id, plan.creditor_id, plan.currency, whatever=("plan",)
    )
    mine = set(session.scalars(_ITEMS, {"plan": plan.id}))
    debits = [d for d in found.debits if d.item_id in mine]
    owed = _up_to(debits, wanted)
    wanted = sum(minor for _, minor in owed)
    pairs = pair_up([(credit, -minor) for credit, minor in netted(found.credits, wanted)], owed)
    today = clock.today()
    allocate(session, [Pair(plan.customer_id, c, d, minor, today, plan.reference) for c, d, minor in pairs])
    used: dict[UUID, int] = {}
    for _, debit, minor in pairs:
        used[debit] = used.get(debit, 0) + minor
    left = [(item, minor - used.get(item, 0)) for item, minor in owed if minor > used.get(item, 0)]
    wanted = sum(minor for _, minor in left)
    if wanted > 0 and held is not None:
        _order(session, plan, part, held, left)
    elif wanted > 0:
        mails.ask_for_part(session, plan, part, wanted)
    return wanted


def _order(
    session: Session, plan: Plan, part: PlanPart, held: Instrument, left: Sequence[tuple[UUID, int]]
) -> None:
    terms = starting.Terms(
        held.account_id,
        held.method,
        plan.language,
        origin="plan",
        saved_card_id=held.saved_card_id,
        mandate_id=held.mandate_id,
        collect_on=held.debit_on(part.due_on, clock.today()) if held.method.is_debit else None,
        description=plan.reference,
    )
    try:
        with session.begin_nested():
            part.payment_id = starting.pay(
                session, acting_for(SYSTEM, plan.customer_id), [Choice(i, minor) for i, minor in left], terms
            )
            session.flush()
    except DomainError:  # no longer offered: the debtor pays this part another way
        part.failed_on = clock.today()
        mails.ask_for_part(session, plan, part, sum(minor for _, minor in left))


def _up_to(debits: Sequence[Payable], minor: int) -> list[tuple[UUID, int]]:
    """So much of the debits, oldest first; less when less is open."""
    taken_parts = []
    for debit in debits:
        part = min(debit.free_minor, minor)
        if part > 0:
            taken_parts.append((debit.item_id, part))
            minor -= part
    return taken_parts
