"""Finance sets the limits, decides on proposals beyond them, and may end a plan."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.creditors.models import Creditor
from shared.errors import Conflict, DomainError, NotFound
from shared.outbox.actions import record_fact
from shared.plans.models import Plan, PlanPart, PlanPolicy
from shared.plans.rules import Limits, parse_limits
from shared.rails.instruments import instrument


def set_policy(session: Session, actor: Actor, creditor_id: UUID, limits: Limits, *, enabled: bool) -> None:
    """What is accepted without being asked, from now on; plans that were agreed to stay as they are."""
    actor.must(Permission.MANAGE_PLANS)
    if session.get(Creditor, creditor_id) is None:
        raise NotFound
    parse_limits(limits)
    session.merge(
        PlanPolicy(
            creditor_id=creditor_id,
            enabled=enabled,
            max_months=limits.max_months,
            first_part_percent=limits.first_part_percent,
            max_total_minor=limits.max_total.minor,
            currency=limits.max_total.currency,
            min_days_late=limits.min_days_late,
            needs_instrument=limits.needs_instrument,
            grace_days=limits.grace_days,
            changed_by=actor.name,
            changed_at=clock.now(),
        )
    )
    session.flush()
    record(
        session, actor, "set_plan_policy", "creditor", creditor_id, enabled=enabled, max_months=limits.max_months,
        first_part_percent=limits.first_part_percent, max_total_minor=limits.max_total.minor,
        min_days_late=limits.min_days_late, needs_instrument=limits.needs_instrument, grace_days=limits.grace_days,
    )  # fmt: skip


def accept(session: Session, actor: Actor, plan_id: UUID) -> None:
    """Accept a proposal beyond the limits; it counts from now on."""
    actor.must(Permission.MANAGE_PLANS)
    plan = held_plan(session, plan_id)
    if plan.state != "proposed":
        raise Conflict("This plan was decided already.")
    first_on = session.scalars(
        select(PlanPart.due_on).where(PlanPart.plan_id == plan_id, PlanPart.number == 1)
    ).one()
    on_file = plan.mandate_id or plan.saved_card_id
    held = instrument(session, actor, plan.customer_id, plan.creditor_id, on_file)
    if on_file and held is None:
        raise Conflict("The card or mandate of this plan cannot be used any more: have a new plan proposed.")
    if first_on < (held.earliest_debit(clock.today()) if held else clock.today()):
        raise Conflict("The first part would come too soon to be announced: have a new plan proposed.")
    plan.decided_by, plan.decided_at = actor.name, clock.now()
    _move(session, actor, plan, "active", "plan_accepted", None)


def refuse(session: Session, actor: Actor, plan_id: UUID, reason: str) -> None:
    """Say no to a proposal; the debtor reads the reason."""
    _end(session, actor, plan_id, "refused", reason, {"proposed"})


def cancel(session: Session, actor: Actor, plan_id: UUID, reason: str) -> None:
    """End a plan: what is left of its invoices is due again. What is being collected is not called back."""
    _end(session, actor, plan_id, "cancelled", reason, {"proposed", "active"})


def held_plan(session: Session, plan_id: UUID) -> Plan:
    """The plan, held until the transaction ends."""
    found = session.get(Plan, plan_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise NotFound
    return found


def _end(session: Session, actor: Actor, plan_id: UUID, state: str, reason: str, allowed: set[str]) -> None:
    actor.must(Permission.MANAGE_PLANS)
    if not reason.strip():
        raise DomainError("Give a reason: the debtor reads it.", field="reason")
    plan = held_plan(session, plan_id)
    if plan.state == state:
        return
    if plan.state not in allowed:
        raise Conflict("This plan was decided already.")
    plan.decided_by, plan.decided_at, plan.ended_at = actor.name, clock.now(), clock.now()
    _move(session, actor, plan, state, f"plan_{state}", reason.strip())


def _move(session: Session, actor: Actor, plan: Plan, state: str, verb: str, reason: str | None) -> None:
    before, plan.state, plan.reason = plan.state, state, reason
    session.flush()
    record(session, actor, verb, "plan", plan.id, reason=reason, before=before)
    record_fact(session, verb, plan.id, customer_id=plan.customer_id, creditor_id=plan.creditor_id)
