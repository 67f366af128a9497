"""Reads of payouts and of the accounts where money stands with a provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.errors import NotFound
from shared.money import digits


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """`outstanding_minor`: what the bank has still to show of it."""

    id: UUID
    provider: str
    creditor: str
    ref: str
    state: str
    amount_minor: int
    currency: str
    arrives_on: date | None
    booked_at: datetime | None
    outstanding_minor: int


_ROWS = """
    SELECT p.id, a.provider, c.code AS creditor, p.provider_ref AS ref, p.state, p.amount_minor, p.currency,
           p.arrives_on, p.booked_at, p.outstanding_minor
    FROM payout p JOIN provider_account a ON a.id = p.account_id JOIN creditor c ON c.id = a.creditor_id
    WHERE p.state <> 'told'"""
_PAGE = text(f"{_ROWS} ORDER BY p.arrives_on DESC NULLS LAST, p.id DESC LIMIT :limit OFFSET :offset")
_COUNT = text("SELECT count(*) FROM payout WHERE state <> 'told'")
_ONE = text(f"{_ROWS} AND p.id = :id")


def payouts(session: Session, actor: Actor, *, limit: int, offset: int = 0) -> tuple[list[PayoutRow], int]:
    """A page of payouts, the latest first, and how many there are."""
    actor.must(Permission.SEE_PAYMENTS)
    rows = session.execute(_PAGE, {"limit": limit, "offset": offset})
    return [PayoutRow(**row._mapping) for row in rows], int(session.scalar(_COUNT) or 0)


@dataclass(frozen=True, slots=True)
class Part:
    """All lines of one sort: payments, refunds, fees, what is nobody's. Exact minor units."""

    sort: str
    lines: int
    gross_minor: Decimal
    fee_minor: Decimal
    net_minor: Decimal


@dataclass(frozen=True, slots=True)
class Arrived:
    line_id: UUID
    match_id: UUID
    booked_on: date
    amount_minor: int
    party_name: str | None
    remittance: str


@dataclass(frozen=True, slots=True)
class OnePayout:
    payout: PayoutRow
    statement_text: str
    complete: bool
    fees_minor: int
    remainder_minor: int
    parts: list[Part]
    arrived: list[Arrived]


_MORE = text("SELECT statement_text, complete, fees_minor, remainder_minor FROM payout WHERE id = :id")
_PARTS = text("""
    SELECT CASE WHEN kind IN ('fee', 'payout_returned') THEN kind WHEN payment_id IS NULL OR kind = 'other'
                THEN 'remainder' ELSE kind END AS sort,
           count(*) AS lines, sum(gross_minor) AS gross_minor, sum(fee_minor) AS fee_minor, sum(net_minor) AS net_minor
    FROM payout_line WHERE payout_id = :id GROUP BY 1 ORDER BY 1""")
_ARRIVED = text("""
    SELECT l.id AS line_id, r.match_id, l.booked_on, r.amount_minor, l.party_name, l.remittance
    FROM payout_arrival r JOIN bank_line l ON l.id = r.bank_line_id
    WHERE r.payout_id = :id AND r.undoes_id IS NULL
      AND NOT EXISTS (SELECT FROM payout_arrival u WHERE u.undoes_id = r.id) ORDER BY l.booked_on, l.id LIMIT 20""")
_LINES = """
    SELECT l.ref, l.kind, l.provider_type, l.gross_minor, l.fee_minor, l.net_minor, l.payment_ref, l.payment_id,
           p.reference, l.label, c.name AS customer
    FROM payout_line l LEFT JOIN payment p ON p.id = l.payment_id LEFT JOIN customer c ON c.id = p.customer_id
    WHERE l.payout_id = :id ORDER BY l.id"""
_SOME_LINES = text(f"{_LINES} LIMIT :limit OFFSET :offset")
_ALL_LINES = text(_LINES)


def one_payout(session: Session, actor: Actor, payout_id: UUID) -> OnePayout:
    """One payout, what it is made of, and where it arrived."""
    actor.must(Permission.SEE_PAYMENTS)
    found = session.execute(_ONE, {"id": payout_id}).first()
    if found is None:
        raise NotFound
    more = session.execute(_MORE, {"id": payout_id}).one()
    return OnePayout(
        PayoutRow(**found._mapping),
        more.statement_text,
        more.complete,
        more.fees_minor,
        more.remainder_minor,
        [Part(**row._mapping) for row in session.execute(_PARTS, {"id": payout_id})],
        [Arrived(**row._mapping) for row in session.execute(_ARRIVED, {"id": payout_id})],
    )


def lines(session: Session, actor: Actor, payout_id: UUID, *, limit: int, offset: int = 0) -> list[Any]:
    """A page of a payout's lines, in the provider's order."""
    actor.must(Permission.SEE_PAYMENTS)
    return list(session.execute(_SOME_LINES, {"id": payout_id, "limit": limit, "offset": offset}))


COLUMNS = (
    "payout", "line", "kind", "provider_type", "payment", "provider_payment", "customer", "label", "gross", "fee",
    "net", "currency",
)  # fmt: skip


def cells(session: Session, actor: Actor, payout: PayoutRow) -> Iterator[tuple[str, ...]]:
    """All lines of a payout as texts of `COLUMNS`, for a file; amounts exact, in the currency's unit. Streams."""
    actor.must(Permission.SEE_PAYMENTS)
    found = session.execute(_ALL_LINES, {"id": payout.id}, execution_options={"yield_per": 1000})
    places = digits(payout.currency)
    for r in found:
        amounts = (f"{each.scaleb(-places):f}" for each in (r.gross_minor, r.fee_minor, r.net_minor))
        yield (
            payout.ref, r.ref, r.kind, r.provider_type, r.reference or "", r.payment_ref or "", r.customer or "",
            r.label, *amounts, payout.currency,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clearing:
    """What stands with a provider, to the cent, and what made it. `on_the_way`: sent, not seen at the bank yet."""

    account_id: UUID
    provider: str
    mode: str
    creditor: str
    account: str
    currency: str
    received: int
    refunded: int
    came_back: int
    fees: int
    remainder: int
    arrived: int
    balance: int
    on_the_way: int

    @property
    def available(self) -> int:
        """What no payout was made of yet."""
        return self.balance - self.on_the_way

    @property
    def explained(self) -> int:
        return (
            self.received - self.refunded - self.came_back - self.fees + self.remainder - self.arrived
        )  # fmt: skip


# The balance is the ledger's; the rest is counted from what moved: the two must agree.
_CLEARING = text("""
    WITH fact AS (
        SELECT account_id, currency,
               sum(amount_minor) FILTER (WHERE kind = 'received') AS received,
               sum(CASE kind WHEN 'refunded' THEN amount_minor WHEN 'refund_returned' THEN -amount_minor ELSE 0 END)
                   AS refunded,
               sum(CASE WHEN kind IN ('returned', 'charged_back') THEN amount_minor
                        WHEN kind = 'chargeback_reversed' THEN -amount_minor ELSE 0 END) AS came_back
        FROM payment_fact GROUP BY 1, 2),
    sent AS (
        SELECT account_id, currency, sum(fees_minor) AS fees, sum(remainder_minor) AS remainder,
               sum(arrived_minor) AS arrived, sum(outstanding_minor) FILTER (WHERE state <> 'told') AS on_the_way
        FROM payout WHERE state <> 'told' GROUP BY 1, 2),
    book AS (
        SELECT a.id AS account_id, e.currency, sum(l.amount_minor) AS balance
        FROM provider_account a JOIN journal_entry e ON e.creditor_id = a.creditor_id
        JOIN journal_line l ON l.entry_id = e.id AND l.account = a.clearing_account GROUP BY 1, 2)
    SELECT a.id AS account_id, a.provider, a.mode, c.code AS creditor, a.clearing_account AS account, currency,
           coalesce(f.received, 0)::bigint AS received, coalesce(f.refunded, 0)::bigint AS refunded,
           coalesce(f.came_back, 0)::bigint AS came_back, coalesce(s.fees, 0)::bigint AS fees,
           coalesce(s.remainder, 0)::bigint AS remainder, coalesce(s.arrived, 0)::bigint AS arrived,
           coalesce(b.balance, 0)::bigint AS balance, coalesce(s.on_the_way, 0)::bigint AS on_the_way
    FROM fact f FULL JOIN sent s USING (account_id, currency) FULL JOIN book b USING (account_id, currency)
    JOIN provider_account a ON a.id = account_id JOIN creditor c ON c.id = a.creditor_id
    ORDER BY c.code, a.provider, currency""")


def clearing(session: Session, actor: Actor) -> list[Clearing]:
    """Each provider account and currency. One pass over facts, payouts and the clearing accounts' lines."""
    actor.must(Permission.SEE_PAYMENTS)
    return [Clearing(**row._mapping) for row in session.execute(_CLEARING)]
