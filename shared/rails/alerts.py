"""What a person must look at. Said once, however often the machine meets it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.errors import NotFound
from shared.i18n import N_
from shared.ids import new_id

log = structlog.get_logger("rails")

ALERTS = {
    "unknown_status": N_(
        "%(provider)s reports the status “%(status)s”, which we do not know. Nothing was changed."
    ),
    "amount_differs": N_(
        "%(provider)s has another amount or currency than we asked for: %(theirs)s, not %(ours)s. "
        "Nothing was booked."
    ),
    "impossible_move": N_(
        "%(provider)s says “%(new)s” of a payment that is “%(old)s” here. Nothing was changed."
    ),
    "facts_refused": N_("%(provider)s reports more money going back than came in. Nothing was booked."),
    "money_after_end": N_("Money came for a payment that had ended (“%(old)s”). It was booked."),
    "no_answer": N_(
        "%(provider)s has not told since %(since)s whether a command was carried out. We keep asking."
    ),
    "rejected": N_("%(provider)s refused a command: %(error)s"),
    "refund_failed": N_("A refund did not reach the payer: %(error)s"),
    "refund_elsewhere": N_(
        "%(amount)s was refunded at %(provider)s without being asked for here. It was booked."
    ),
    "dispute": N_("The payer disputes this payment with their bank: answer at %(provider)s in time."),
    "came_back": N_("The payer's bank took this payment back: %(reason)s"),
    "no_notice": N_(
        "%(customer)s has no e-mail address: tell them yourself of the direct debit of %(day)s, in time."
    ),
    "payout_differs": N_(
        "Payout %(payout)s is not the sum of what we know: %(amount)s remains to be explained. It was not booked."
    ),
    "payout_failed": N_("A payout of %(amount)s did not reach the bank: %(provider)s holds the money again."),
}

_RAISE = text(
    "INSERT INTO payment_alert (id, once, account_id, payment_id, code, params, raised_at)"
    " VALUES (:id, :once, :account_id, :payment_id, :code, :params, :now) ON CONFLICT (once) DO NOTHING"
).bindparams(bindparam("params", type_=JSONB))
_RESOLVE = text(
    "UPDATE payment_alert SET resolved_at = :now, resolved_by = :name WHERE id = :id AND resolved_at IS NULL"
    " RETURNING id"
)


def raise_alert(
    session: Session,
    code: str,
    *,
    account_id: UUID | None = None,
    payment_id: UUID | None = None,
    about: str = "",
    **params: Any,
) -> None:
    """Call a person. The same code about the same thing is said once. `params` fill the sentence of `ALERTS`."""
    assert code in ALERTS
    once = f"{code}:{payment_id or account_id or ''}:{about}"
    texts = {name: str(value) for name, value in params.items()}
    session.execute(
        _RAISE,
        {
            "id": new_id(),
            "once": once,
            "account_id": account_id,
            "payment_id": payment_id,
            "code": code,
            "params": texts,
            "now": clock.now(),
        },
    )
    log.warning("payment_alert", code=code, payment=str(payment_id), **texts)


def resolve(session: Session, actor: Actor, alert_id: UUID) -> None:
    """Somebody has looked at it."""
    actor.must(Permission.SEE_PAYMENTS)
    if session.scalar(_RESOLVE, {"id": alert_id, "now": clock.now(), "name": actor.name}) is None:
        raise NotFound
    record(session, actor, "resolve_payment_alert", "payment_alert", alert_id)
