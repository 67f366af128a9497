"""A debtor proposes a plan: within the limits it counts at once, beyond them a person may be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.creditors.models import Creditor
from shared.customers.models import Customer
from shared.errors import Conflict, DomainError
from shared.i18n import tell
from shared.ids import new_id
from shared.mandates.signing import Circumstances
from shared.money import Money
from shared.outbox.actions import record_fact
from shared.payments.announcing import hold_account
from shared.payments.queries import payables
from shared.payments.rules import Payable
from shared.plans.models import Plan, PlanItem, PlanPart, PlanPolicy
from shared.plans.rules import BeyondLimits, Limits, Part, check_limits, cut
from shared.plans.wording import TEXT_VERSION, agreement, text_hash
from shared.rails.collecting import collectable
from shared.rails.instruments import Instrument, instrument


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a debtor asks for. `instrument_id`: what the parts are collected with; None: they pay each themselves."""

    item_ids: tuple[UUID, ...]
    parts: int
    first_on: date
    instrument_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What a proposal comes to. `beyond`: the limit it exceeds."""

    creditor_id: UUID
    creditor: str
    customer_id: UUID
    customer: str
    items: tuple[Payable, ...]
    total: Money
    parts: tuple[Part, ...]
    held: Instrument | None
    limits: Limits
    agreement: str
    beyond: BeyondLimits | None


def quote(session: Session, actor: Actor, wanted: Proposal, language: str) -> Quote:
    """Work a proposal out; what no person could accept either is refused."""
    actor.must(Permission.PAY)
    items = _items(session, actor, wanted.item_ids)
    first = items[0]
    creditor = session.get_one(Creditor, first.creditor_id)
    customer = session.get_one(Customer, first.customer_id)
    limits = limits_of(session, creditor)
    held = _held(session, actor, first, wanted, limits)
    total = Money(sum(item.free_minor for item in items), first.currency)
    parts = cut(total, wanted.parts, wanted.first_on, limits.first_part_percent)
    return Quote(
        creditor.id,
        creditor.name,
        customer.id,
        customer.name,
        tuple(items),
        total,
        tuple(parts),
        held,
        limits,
        agreement(
            language,
            debtor=customer.name,
            creditor=creditor.name,
            numbers=[item.number for item in items],
            currency=first.currency,
            parts=parts,
            held=held,
            grace_days=limits.grace_days,
        ),
        _beyond(limits, total, parts, items),
    )


def propose(
    session: Session, actor: Actor, wanted: Proposal, how: Circumstances, *, ask_a_person: bool = False
) -> UUID:
    """Make the plan; gives its id. Beyond a limit it is refused, or waits for a person if that was asked for."""
    actor.must(Permission.PAY)
    hold_account(session, actor)
    made = quote(session, actor, wanted, how.language)
    if made.beyond is not None and not ask_a_person:
        raise made.beyond
    state = "proposed" if made.beyond else "active"
    plan_id = _write(session, actor, made, how, state)
    verb = "plan_proposed" if made.beyond else "plan_accepted"
    record(
        session, actor, verb, "plan", plan_id, total_minor=made.total.minor, currency=made.total.currency,
        parts=len(made.parts), beyond=made.beyond.code if made.beyond else None,
    )  # fmt: skip
    record_fact(session, verb, plan_id, customer_id=made.customer_id, creditor_id=made.creditor_id)
    return plan_id


def limits_of(session: Session, creditor: Creditor) -> Limits:
    """A creditor's limits; one that set none, or switched plans off, offers no plans."""
    found = session.get(PlanPolicy, creditor.id)
    if found is None or not found.enabled:
        raise DomainError("%(creditor)s offers no plans here. Please contact them.", creditor=creditor.name)
    return Limits(
        found.max_months,
        found.first_part_percent,
        Money(found.max_total_minor, found.currency),
        found.min_days_late,
        found.needs_instrument,
        found.grace_days,
    )


def _items(session: Session, actor: Actor, item_ids: Sequence[UUID]) -> list[Payable]:
    """The chosen invoices, oldest due first: of one customer and creditor, free, and payable to the creditor itself."""
    if not item_ids:
        raise DomainError("Choose at least one invoice.", field="items")
    chosen = [p for p in payables(session, actor) if p.item_id in item_ids and p.free_minor > 0]
    if len(chosen) != len(set(item_ids)):
        raise Conflict  # paid, announced or being paid since the page was drawn
    sides = {(p.customer_id, p.creditor_id, p.currency) for p in chosen}
    if len(sides) != 1:
        raise DomainError("A plan is for invoices of one creditor and one company.", field="items")
    ((customer_id, creditor_id, currency),) = sides
    found = collectable(session, actor, customer_id, creditor_id, currency)
    free = {p.item_id for p in found.debits}
    if held := next((p for p in chosen if p.item_id not in free), None):
        raise DomainError(
            "%(number)s cannot be in a plan: it is in another plan, being paid, or payable to somebody else.",
            field="items",
            number=held.number,
        )
    return chosen


def _held(
    session: Session, actor: Actor, first: Payable, wanted: Proposal, limits: Limits
) -> Instrument | None:
    today = clock.today()
    held = None
    if wanted.instrument_id is not None:
        held = instrument(session, actor, first.customer_id, first.creditor_id, wanted.instrument_id)
        if held is None:
            raise DomainError("Choose a card or a mandate that is in force.", field="instrument")
    elif limits.needs_instrument:
        raise DomainError(
            "A plan needs a card or a mandate to collect its parts with. Add one first.", field="instrument"
        )
    earliest = held.earliest_debit(today) if held else today
    if wanted.first_on < earliest:
        raise DomainError("The first date can be %(day)s at the earliest.", field="first_on", day=earliest)
    return held


def _beyond(
    limits: Limits, total: Money, parts: Sequence[Part], items: Sequence[Payable]
) -> BeyondLimits | None:
    try:
        check_limits(limits, total, parts, max(item.due_on for item in items), clock.today())
    except BeyondLimits as refused:
        return refused
    return None


def _write(session: Session, actor: Actor, made: Quote, how: Circumstances, state: str) -> UUID:
    serial = session.scalar(text("SELECT nextval('plan_serial')"))
    plan_id, customer_id = new_id(), made.customer_id
    assert actor.id is not None  # debtors are people
    session.add(
        Plan(
            id=plan_id,
            reference=f"PLAN-{serial:06d}",
            customer_id=customer_id,
            creditor_id=made.creditor_id,
            currency=made.total.currency,
            total_minor=made.total.minor,
            mandate_id=made.held.mandate_id if made.held else None,
            saved_card_id=made.held.saved_card_id if made.held else None,
            grace_days=made.limits.grace_days,
            language=how.language,
            agreement=made.agreement,
            evidence=_evidence(actor, how, made.agreement),
            user_id=actor.id,
            proposed_by=actor.name,
            proposed_at=clock.now(),
            state=state,
            beyond=tell(how.language, made.beyond) if made.beyond else None,
        )
    )
    session.flush()
    of = {"plan_id": plan_id, "customer_id": customer_id}
    session.execute(
        insert(PlanItem), [{**of, "item_id": i.item_id, "amount_minor": i.free_minor} for i in made.items]
    )
    session.execute(
        insert(PlanPart),
        [{**of, "number": p.number, "due_on": p.due_on, "amount_minor": p.amount_minor} for p in made.parts],
    )
    return plan_id


def _evidence(actor: Actor, how: Circumstances, agreed: str) -> dict[str, str | None]:
    return {
        "by": actor.name,
        "user_id": str(actor.id),
        "at": clock.now().isoformat(),
        "ip": how.address,
        "user_agent": (how.user_agent or "")[:200] or None,
        "text_version": TEXT_VERSION,
        "text_sha256": text_hash(agreed),
    }
