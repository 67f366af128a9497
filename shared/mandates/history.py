"""A mandate's state and its history: no move without a line that says who, when and why."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor
from shared.audit.actions import record
from shared.errors import NotFound
from shared.mandates.models import Mandate
from shared.mandates.rules import TRANSITIONS, State, check_transition
from shared.outbox.actions import record_fact

LIVING = tuple(TRANSITIONS)  # what is not final

_NOTE = text(
    "INSERT INTO mandate_event (mandate_id, customer_id, kind, state, reason_code, reason, by_whom, at)"
    " VALUES (:mandate, :customer, :kind, :state, :code, :reason, :by, :now)"
)


def held(session: Session, mandate_id: UUID, actor: Actor) -> Mandate:
    """The mandate, held until the transaction ends; somebody else's is not found."""
    mandate = session.get(Mandate, mandate_id, with_for_update=True)
    if mandate is None or (actor.kind == "debtor" and mandate.customer_id not in actor.customers):
        raise NotFound
    return mandate


def note(
    session: Session,
    actor: Actor,
    mandate: Mandate,
    kind: str,
    *,
    reason: str | None = None,
    reason_code: str | None = None,
) -> None:
    """One line of history."""
    session.execute(
        _NOTE,
        {
            "mandate": mandate.id,
            "customer": mandate.customer_id,
            "kind": kind,
            "state": mandate.state,
            "code": reason_code,
            "reason": reason,
            "by": actor.name,
            "now": clock.now(),
        },
    )


def move(
    session: Session,
    actor: Actor,
    mandate: Mandate,
    after: State,
    kind: str,
    *,
    reason: str | None = None,
    reason_code: str | None = None,
) -> None:
    """Into another state, with history, audit and the fact `mandate_<kind>`; a forbidden move changes nothing."""
    before = State(mandate.state)
    check_transition(before, after)
    mandate.state, mandate.state_reason = after, reason or reason_code
    session.flush()
    note(session, actor, mandate, kind, reason=reason, reason_code=reason_code)
    record(
        session,
        actor,
        f"mandate_{kind}",
        "mandate",
        mandate.id,
        reason=reason,
        reference=mandate.reference,
        before=before.value,
        after=after.value,
        reason_code=reason_code,
    )
    ids = {"customer_id": mandate.customer_id, "creditor_id": mandate.creditor_id}
    record_fact(session, f"mandate_{kind}", mandate.id, reason_code=reason_code, **ids)
