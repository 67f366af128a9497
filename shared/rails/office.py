"""Payments as the creditor's people see them: the list, one with all that happened to it, and what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.errors import NotFound

# What a person looks for, as sets of statuses; "" is all.
TABS: dict[str, tuple[str, ...]] = {
    "": (),
    "way": ("created", "unknown", "awaiting_payer", "processing"),
    "paid": ("received", "settled", "partly_refunded"),
    "back": ("partly_refunded", "refunded", "returned", "charged_back"),
    "ended": ("failed", "cancelled", "expired"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which payments; empty or None: any."""

    tab: str = ""
    method: str = ""
    provider: str = ""
    words: str = ""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class PaymentRow:
    id: UUID
    reference: str
    provider: str
    method: str
    status: str
    customer_id: UUID
    customer: str
    amount_minor: int
    currency: str
    started_at: datetime


_FOUND = """
    FROM payment p JOIN provider_account a ON a.id = p.account_id JOIN customer c ON c.id = p.customer_id
    WHERE (CAST(:statuses AS text[]) = '{}' OR p.status = ANY (:statuses))
      AND (:method = '' OR p.method = :method) AND (:provider = '' OR a.provider = :provider)
      AND (CAST(:first AS date) IS NULL OR p.started_at >= CAST(:first AS date))
      AND (CAST(:last AS date) IS NULL OR p.started_at < CAST(:last AS date) + 1)
      AND (:words = '' OR strpos(lower(p.reference || ' ' || c.ref || ' ' || c.name || ' '
                                       || coalesce(p.provider_ref, '')), :words) > 0
           OR EXISTS (SELECT FROM payment_item x JOIN open_item i ON i.id = x.item_id
                      WHERE x.payment_id = p.id AND strpos(lower(i.number), :words) > 0))"""
_PAGE = text(f"""
    SELECT p.id, p.reference, a.provider, p.method, p.status, c.id AS customer_id, c.name AS customer, p.amount_minor,
           p.currency, p.started_at {_FOUND} ORDER BY p.started_at DESC, p.id LIMIT :limit OFFSET :offset""")
_COUNT = text(f"SELECT count(*) {_FOUND}")


def payments(
    session: Session, actor: Actor, wanted: Wanted, *, limit: int, offset: int = 0
) -> tuple[list[PaymentRow], int]:
    """A page of payments, latest first, and how many there are."""
    actor.must(Permission.SEE_PAYMENTS)
    asked: dict[str, Any] = {
        "statuses": list(TABS.get(wanted.tab, ())),
        "method": wanted.method,
        "provider": wanted.provider,
        "words": wanted.words.strip().lower(),
        "first": wanted.first,
        "last": wanted.last,
    }
    rows = session.execute(_PAGE, {**asked, "limit": limit, "offset": offset})
    return [PaymentRow(**row._mapping) for row in rows], int(session.scalar(_COUNT, asked) or 0)


@dataclass(frozen=True, slots=True)
class OnePayment:
    """`operations`, `facts`, `refunds`, `disputes`: in the order they came; `entries`: what they booked;
    `reopens`: what would be open again if all of it went back, first what opens first."""

    payment: Any
    items: list[Any]
    operations: list[Any]
    facts: list[Any]
    refunds: list[Any]
    disputes: list[Any]
    entries: list[Any]
    reopens: list[Any]
    payouts: list[Any]


_ONE = text("""
    SELECT p.*, a.provider, a.mode, c.name AS customer, c.ref AS customer_ref, k.name AS creditor
    FROM payment p JOIN provider_account a ON a.id = p.account_id JOIN customer c ON c.id = p.customer_id
    JOIN creditor k ON k.id = p.creditor_id WHERE p.id = :id""")
_ITEMS = text("""
    SELECT i.id, i.number, i.due_on, i.open_minor, x.amount_minor, c.name AS customer
    FROM payment_item x JOIN open_item i ON i.id = x.item_id JOIN customer c ON c.id = x.customer_id
    WHERE x.payment_id = :id ORDER BY i.due_on, i.number, i.id LIMIT 500""")
_OPERATIONS = text("""
    SELECT kind, state, attempts, created_at, first_sent_at, finished_at, error
    FROM payment_operation WHERE payment_id = :id ORDER BY created_at, id LIMIT 200""")
_FACTS = text("""
    SELECT kind, ref, amount_minor, currency, occurred_at, reason_code, cause FROM payment_fact
    WHERE payment_id = :id ORDER BY occurred_at, id LIMIT 200""")
_REFUNDS = text("""
    SELECT id, amount_minor, reason, state, asked_by_id, asked_by, asked_at, decided_by, decided_at, error FROM refund
    WHERE payment_id = :id ORDER BY asked_at, id LIMIT 200""")
_DISPUTES = text("""
    SELECT ref, state, reason, amount_minor, currency, opened_at, answer_by FROM payment_dispute
    WHERE payment_id = :id ORDER BY opened_at, id LIMIT 50""")
_ENTRIES = text("""
    SELECT e.id, e.booked_on, e.event, e.document, l.account, l.amount_minor, e.currency
    FROM (SELECT DISTINCT l.entry_id FROM journal_line l WHERE l.item_id IN (
              SELECT r.id FROM receipt r WHERE r.payment_id = :id
              UNION ALL SELECT x.id FROM receipt_reversal x JOIN receipt r ON r.id = x.receipt_id
                        WHERE r.payment_id = :id)) of
    JOIN journal_entry e ON e.id = of.entry_id JOIN journal_line l ON l.entry_id = e.id
    ORDER BY e.id, l.id LIMIT 500""")
_REOPENS = text("""
    SELECT i.id, i.number, sum(a.amount_minor)::bigint AS amount_minor
    FROM receipt r JOIN allocation a ON a.credit_item_id = r.id JOIN open_item i ON i.id = a.debit_item_id
    WHERE r.payment_id = :id AND a.reverses_id IS NULL AND i.kind = 'invoice'
      AND NOT EXISTS (SELECT FROM allocation u WHERE u.reverses_id = a.id)
    GROUP BY i.id, i.number ORDER BY max(a.id) DESC LIMIT 200""")
_PAYOUTS = text("""
    SELECT p.id, p.provider_ref, p.arrives_on, sum(l.net_minor) AS net_minor FROM payout_line l
    JOIN payout p ON p.id = l.payout_id WHERE l.payment_id = :id GROUP BY p.id ORDER BY p.arrives_on, p.id LIMIT 50""")


def one_payment(session: Session, actor: Actor, payment_id: UUID) -> OnePayment:
    """One payment with its life. Nine statements, each by index and bounded."""
    actor.must(Permission.SEE_PAYMENTS)
    found = session.execute(_ONE, {"id": payment_id}).first()
    if found is None:
        raise NotFound
    parts = (_ITEMS, _OPERATIONS, _FACTS, _REFUNDS, _DISPUTES, _ENTRIES, _REOPENS, _PAYOUTS)
    return OnePayment(found, *(list(session.execute(each, {"id": payment_id})) for each in parts))


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person must look at; `code` says what, with `params`."""

    id: UUID
    code: str
    params: dict[str, str]
    payment_id: UUID | None
    reference: str | None
    provider: str | None
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class AskedRefund:
    """A refund that waits for a second person."""

    id: UUID
    payment_id: UUID
    reference: str
    customer: str
    amount_minor: int
    currency: str
    reason: str
    asked_by_id: UUID
    asked_by: str
    asked_at: datetime


_ALERTS = text("""
    SELECT x.id, x.code, x.params, x.payment_id, p.reference, a.provider, x.raised_at
    FROM payment_alert x LEFT JOIN payment p ON p.id = x.payment_id LEFT JOIN provider_account a ON a.id = x.account_id
    WHERE x.resolved_at IS NULL ORDER BY x.raised_at DESC, x.id LIMIT 200""")
_ASKED = text("""
    SELECT r.id, r.payment_id, p.reference, c.name AS customer, r.amount_minor, p.currency, r.reason, r.asked_by_id,
           r.asked_by, r.asked_at
    FROM refund r JOIN payment p ON p.id = r.payment_id JOIN customer c ON c.id = r.customer_id
    WHERE r.state = 'asked' ORDER BY r.asked_at, r.id LIMIT 200""")
_WAITING = text("""
    SELECT (SELECT count(*) FROM payment_alert WHERE resolved_at IS NULL)
         + (SELECT count(*) FROM refund WHERE state = 'asked')""")


def alerts(session: Session, actor: Actor) -> list[Alert]:
    """What nobody has looked at yet, latest first."""
    actor.must(Permission.SEE_PAYMENTS)
    return [Alert(**row._mapping) for row in session.execute(_ALERTS)]


def asked_refunds(session: Session, actor: Actor) -> list[AskedRefund]:
    """Refunds to be approved or refused, the oldest first."""
    actor.must(Permission.SEE_PAYMENTS)
    return [AskedRefund(**row._mapping) for row in session.execute(_ASKED)]


def waiting(session: Session, actor: Actor) -> int:
    """How much waits for a person: alerts, and refunds to decide."""
    actor.must(Permission.SEE_PAYMENTS)
    return int(session.scalar(_WAITING) or 0)
