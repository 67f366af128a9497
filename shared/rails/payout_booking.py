"""From a payout's lines to the books: fees, and what belongs to none of our payments.

Money of our payments stands on the clearing account already, booked by its facts; the payout adds what it cost, and the
remainder under its label. What then is left on the clearing account is exactly what the bank has to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared import clock
from shared.db import hold
from shared.ledger import actions as ledger
from shared.ledger.rules import Entry, Line
from shared.outbox.actions import record_fact
from shared.rails.payout_rules import REMAINDER, split, sums
from shared.rails.rules import FEES
from shared.rails.snapshot import PayoutLine

_LINES = text("""
    SELECT ref, kind, provider_type, gross_minor::text AS gross_minor, fee_minor::text AS fee_minor, payment_ref, label,
           payment_id IS NOT NULL AS is_ours
    FROM payout_line WHERE payout_id = :id ORDER BY id""")
# Per payment and sort of movement: all lines of payouts booked so far and of this one, against our facts. Whether a
# debit came back as a return or as a chargeback is a matter of words.
_UNKNOWN = text("""
    WITH spoken AS (
        SELECT l.payment_id, CASE l.kind WHEN 'payment' THEN 'received' WHEN 'charged_back' THEN 'returned'
                                         ELSE l.kind END AS sort,
               sum(CASE WHEN l.kind IN ('refund', 'returned', 'charged_back') THEN -l.gross_minor
                        ELSE l.gross_minor END) AS minor
        FROM payout_line l JOIN payout p ON p.id = l.payout_id
        WHERE l.payment_id IN (SELECT payment_id FROM payout_line WHERE payout_id = :id)
          AND (p.id = :id OR p.booked_at IS NOT NULL)
          AND l.kind IN ('payment', 'refund', 'refund_returned', 'returned', 'charged_back', 'chargeback_reversed')
        GROUP BY 1, 2),
    known AS (
        SELECT payment_id, CASE kind WHEN 'refunded' THEN 'refund' WHEN 'charged_back' THEN 'returned' ELSE kind END AS sort,
               sum(amount_minor) AS minor
        FROM payment_fact WHERE payment_id IN (SELECT payment_id FROM spoken) GROUP BY 1, 2)
    SELECT s.payment_id, s.minor - coalesce(k.minor, 0) AS minor FROM spoken s LEFT JOIN known k USING (payment_id, sort)
    WHERE s.minor <> trunc(s.minor) OR s.minor NOT BETWEEN 0 AND coalesce(k.minor, 0)""")
# A command without an answer may have made a payment whose ids we do not know yet.
_UNANSWERED = text("""
    SELECT p.id FROM payment p WHERE p.status = 'unknown' AND p.provider_ref IS NULL
      AND p.account_id = (SELECT account_id FROM payout WHERE id = :id)
      AND EXISTS (SELECT FROM payout_line WHERE payout_id = :id AND payment_id IS NULL AND kind = 'payment')
    LIMIT 100""")
_BOOKED = text("""
    UPDATE payout SET booked_at = :now, fees_minor = :fees, remainder_minor = :remainder WHERE id = :id""")

_IN_IT = text(
    "SELECT DISTINCT payment_id FROM payout_line WHERE payout_id = :id AND kind = 'payment' AND payment_id IS NOT NULL"
)
_PAID_OUT = text("""
    INSERT INTO payment_fact (account_id, payment_id, customer_id, kind, ref, amount_minor, currency, occurred_at,
                              recorded_at)
    SELECT p.account_id, p.id, p.customer_id, 'paid_out', l.ref, l.gross_minor::bigint, p.currency, :at, :now
    FROM payout_line l JOIN payment p ON p.id = l.payment_id
    WHERE l.payout_id = :id AND l.kind = 'payment' AND l.gross_minor > 0 ON CONFLICT DO NOTHING""")
# The one thing `states.status_of` makes of being paid out: what was received, and is whole, is settled.
_SETTLED = text("""
    UPDATE payment SET status = 'settled', changed_at = :now, version = version + 1
    WHERE id = ANY (:ids) AND status = 'received' RETURNING id, customer_id""")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`amount_minor`: what remains to be explained; `payments` may explain it."""

    amount_minor: int
    payments: list[UUID]


def disagreement(session: Session, payout_id: UUID) -> Disagreement | None:
    """Why a payout cannot be booked yet; None: it is the sum of its lines, and we know all they speak of."""
    amount = session.scalar(text("SELECT amount_minor FROM payout WHERE id = :id"), {"id": payout_id})
    difference = Decimal(amount or 0) - sums(_lines(session, payout_id)).net
    unknown = session.execute(_UNKNOWN, {"id": payout_id}).all()
    unanswered = list(session.scalars(_UNANSWERED, {"id": payout_id}))
    if not (difference or unknown or unanswered):
        return None
    missing = difference or sum((abs(row.minor) for row in unknown), Decimal(0))
    minor = int(missing.quantize(Decimal(1), ROUND_HALF_EVEN))
    return Disagreement(minor, [*{row.payment_id for row in unknown}, *unanswered])


def book(session: Session, payout: Row[Any]) -> None:
    """One entry per payout: its fees, and what is not of our payments, labelled as such. O(lines)."""
    parts = split(payout.amount_minor, sums(_lines(session, payout.id)))
    now, clearing = clock.now(), payout.clearing_account
    lines = [
        Line(FEES, parts.fees_minor),
        Line(clearing, -parts.fees_minor),
        Line(clearing, parts.remainder_minor),
        Line(REMAINDER, -parts.remainder_minor),
    ]
    if any(line.amount_minor for line in lines):
        on = min(payout.arrives_on or clock.today(), clock.today())
        ref = payout.provider_ref
        entry = Entry(payout.creditor_id, "BQ", "payout", on, payout.currency, ref, lines, ref)
        ledger.post(session, [entry])
    session.execute(
        _BOOKED,
        {"id": payout.id, "now": now, "fees": parts.fees_minor, "remainder": parts.remainder_minor},
    )


def pay_out(session: Session, payout_id: UUID, at: datetime) -> None:
    """Tell the payments of a payout that their money left for the bank. A few statements for any number of them."""
    ids = list(session.scalars(_IN_IT, {"id": payout_id}))
    hold(session, "payment", ids)
    now = clock.now()
    session.execute(_PAID_OUT, {"id": payout_id, "at": at, "now": now})
    for row in session.execute(_SETTLED, {"ids": ids, "now": now}).all():
        record_fact(session, "payment_settled", row.id, customer_id=row.customer_id, before="received")


def _lines(session: Session, payout_id: UUID) -> list[tuple[PayoutLine, bool]]:
    return [
        (
            PayoutLine(r.ref, r.kind, r.provider_type, r.gross_minor, r.fee_minor, r.payment_ref, r.label),
            r.is_ours,
        )
        for r in session.execute(_LINES, {"id": payout_id})
    ]
