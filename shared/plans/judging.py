"""Each night: plans of which nothing is open any more are finished; a part missed beyond its days of grace breaks one."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.audit.actions import record
from shared.outbox.actions import record_fact
from shared.plans import mails
from shared.plans.collecting import parts_of, standing, taken
from shared.plans.models import Plan
from shared.plans.rules import Part, missed
from shared.rails.one_by_one import BATCH, one_by_one

_ACTIVE = text("SELECT id FROM plan WHERE state = 'active' AND id > :after ORDER BY id LIMIT :size")
_ITEMS = text("SELECT item_id FROM plan_item WHERE plan_id = :plan ORDER BY item_id")


def judge_plans() -> None:
    """Look at every living plan, each in a transaction of its own; twice is once."""
    one_by_one(lambda session, after: session.scalars(_ACTIVE, {"after": after, "size": BATCH}).all(), _judge)


def _judge(session: Session, plan_id: UUID) -> None:
    plan = taken(session, plan_id)
    if plan is None or plan.state != "active":
        return
    now = standing(session, plan_id)
    if now.open_minor <= 0:
        _end(session, plan, "finished")
        return
    parts = [
        (Part(each.number, each.due_on, each.amount_minor), each.failed_on)
        for each in parts_of(session, plan_id)
    ]
    # A debit takes days to arrive: while a rail is bringing it, it is not missed.
    late = missed(parts, now.paid_minor + now.paying_minor, plan.grace_days, clock.today())
    if late is not None:
        _end(session, plan, "broken", late)


def _end(session: Session, plan: Plan, state: str, late: Part | None = None) -> None:
    plan.state, plan.ended_at = state, clock.now()
    session.flush()
    number = late.number if late else None
    record(session, SYSTEM, f"plan_{state}", "plan", plan.id, part=number)
    items = session.scalars(_ITEMS, {"plan": plan.id}).all()
    record_fact(session, f"plan_{state}", plan.id, customer_id=plan.customer_id, part=number, items=items)
    if late is not None:
        mails.tell_broken(session, plan)
