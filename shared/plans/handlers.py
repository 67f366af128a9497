"""Reactions: a part's payment that failed or came back, and what was decided."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.audit.actions import record
from shared.outbox.actions import record_fact
from shared.outbox.facts import Fact
from shared.plans import mails
from shared.plans.collecting import parts_of
from shared.plans.deciding import held_plan
from shared.plans.models import PlanPart
from shared.rails.models import Payment
from shared.rails.states import PAID, Status


def part_failed(session: Session, fact: Fact) -> None:
    """Write to the debtor; the days of grace count from today."""
    part = session.scalar(select(PlanPart).where(PlanPart.payment_id == fact.subject_id))
    if part is None:
        return
    plan = held_plan(session, part.plan_id)
    session.refresh(part)
    payment = session.get_one(Payment, fact.subject_id)
    if part.failed_on is not None or Status(payment.status) in PAID:
        return
    part.failed_on = clock.today()
    session.flush()
    record(session, SYSTEM, "plan_part_failed", "plan", plan.id, number=part.number, payment_id=payment.id)
    record_fact(session, "plan_part_failed", plan.id, customer_id=plan.customer_id, number=part.number)
    if plan.state == "active":
        mails.tell_failed(session, plan, part, payment.amount_minor)


def tell_decision(session: Session, fact: Fact) -> None:
    """What became of a proposal, or of a plan, by mail."""
    assert fact.subject_id is not None
    plan = held_plan(session, fact.subject_id)
    if fact.name == "plan_accepted":
        mails.tell_accepted(session, plan, list(parts_of(session, plan.id)))
    elif fact.name == "plan_refused":
        mails.tell_refused(session, plan)
    elif fact.name == "plan_cancelled":
        mails.tell_cancelled(session, plan)
