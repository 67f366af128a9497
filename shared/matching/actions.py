"""Verbs of matching: apply decisions, assign by hand, undo."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.customers.models import Customer
from shared.db import driver, hold
from shared.errors import Conflict, DomainError, NotFound
from shared.i18n import N_
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.ledger.rules import UNASSIGNED, Pair, pair_up
from shared.matching.models import Match
from shared.matching.rules import APPLIED, VERSION, Allocated, BankLine, Decision, Item
from shared.outbox.actions import record_fact
from shared.payments.announcing import settle_announcements
from shared.payments.models import ExpectedPayment
from shared.payments.receipts import NewReceipt, receive, take_back, tell
from shared.rails import payout_arrivals
from shared.rails.payout_arrivals import Arrival


@dataclass(frozen=True, slots=True)
class Part:
    """Assign `amount_minor` of a line to an item (signed as the item)."""

    item_id: UUID
    amount_minor: int


class AmountsDiffer(DomainError):
    code = "amounts_differ"
    sentence = "The amounts you assigned are more than the line has left."


@dataclass(frozen=True, slots=True)
class Booking:
    """What a line books: a receipt per customer who pays, and the credits of customers whom they cover wholly."""

    receipts: list[NewReceipt]
    covered: list[Pair]


def hold_lines(session: Session, line_ids: Iterable[UUID]) -> None:
    """Hold these bank lines for the rest of the transaction; always before their customers' money."""
    hold(session, "bank_line", line_ids)


def write_decisions(
    session: Session, decided: Sequence[tuple[BankLine, Decision]], decided_by: str
) -> dict[UUID, UUID]:
    """Store decisions, one row each, and give the match id of each line. One statement."""
    if not decided:
        return {}
    ids = {line.id: new_id() for line, _ in decided}
    rows = [
        (
            ids[line.id],
            line.id,
            d.outcome,
            d.rule,
            d.confidence,
            d.why,
            text_of(d.params),
            text_of(
                [*d.evidence, *({"item": a.item.number, "minor": a.amount_minor} for a in d.allocations)]
            ),
        )
        for line, d in decided
    ]
    driver(session).execute(
        "INSERT INTO match (id, bank_line_id, outcome, rule, version, confidence, why, why_params, evidence,"
        " decided_by, decided_at)"
        " SELECT id, line, outcome, rule, %s, confidence, why, params::jsonb, evidence::jsonb, %s, %s"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::numeric[], %s::text[], %s::text[],"
        " %s::text[]) AS d (id, line, outcome, rule, confidence, why, params, evidence)",
        [VERSION, decided_by, clock.now(), *(list(column) for column in zip(*rows, strict=True))],
    )
    return ids


def apply(
    session: Session, decided: Sequence[tuple[BankLine, Decision]], match_ids: dict[UUID, UUID]
) -> None:
    """Book certain decisions: receipts per customer, allocations, expected payments closed, facts for the mails."""
    applied = [(line, decision) for line, decision in decided if decision.outcome == APPLIED]
    book_payouts(session, applied, match_ids)
    booked = [_booking(line, d.allocations, match_ids[line.id], d.rule) for line, d in applied]
    _book(session, booked)
    arrived = [d.expected_payment_id for _, d in applied if d.expected_payment_id]
    if arrived:
        session.execute(
            update(ExpectedPayment)
            .where(ExpectedPayment.id.in_(arrived), ExpectedPayment.cancelled_at.is_(None))
            .values(received_at=clock.now())
        )
    settle_announcements(session, [(a.item.id, a.amount_minor) for _, d in applied for a in d.allocations])


def book_payouts(
    session: Session, applied: Sequence[tuple[BankLine, Decision]], match_ids: dict[UUID, UUID]
) -> None:
    """Lines that are payouts clear their provider's account; no customer has a part in them."""
    arrivals = [
        Arrival(d.payout_id, line.id, match_ids[line.id], line.amount_minor, line.booked_on)
        for line, d in applied
        if d.payout_id
    ]
    payout_arrivals.arrive(session, arrivals)


def assign(
    session: Session,
    actor: Actor,
    line_id: UUID,
    parts: Sequence[Part],
    on_account: UUID | None = None,
    *,
    seen_minor: int | None = None,
) -> UUID:
    """Assign a line by hand over items of any customers of its creditor; gives the match.

    `on_account`: the customer who keeps the rest as credit. Without it the rest stays on the line, to be assigned
    later. What a person assigned is never changed by the engine. `seen_minor`: what the person saw was left of
    the line; refused when it is another amount by now.
    """
    actor.must(Permission.RECONCILE)
    hold_lines(session, [line_id])
    line = _line_to_assign(session, line_id)
    if seen_minor is not None and seen_minor != line.amount_minor:
        raise Conflict
    items = _items(session, line, [part.item_id for part in parts], on_account)
    allocated = [Allocated(items[part.item_id], part.amount_minor) for part in parts if part.amount_minor]
    rest = line.amount_minor - sum(part.amount_minor for part in allocated)
    if rest < 0:
        raise AmountsDiffer
    if not allocated and on_account is None:
        raise DomainError("Choose what this line pays: items, or the customer who keeps it on account.")
    why = N_("Assigned by %(name)s.")
    decision = Decision(
        APPLIED, "by hand", why, {"name": actor.name}, 1.0, tuple(allocated), evidence=("a person",)
    )
    match_id = write_decisions(session, [(line, decision)], actor.name)[line.id]
    _book(
        session, [_booking(line, allocated, match_id, "by hand", (on_account, rest) if on_account else None)]
    )
    settle_announcements(session, [(part.item.id, part.amount_minor) for part in allocated])
    told = [{"item": part.item.number, "minor": part.amount_minor} for part in allocated]
    record(session, actor, "assign_bank_line", "bank_line", line.id, parts=told, rest_minor=rest)
    return match_id


def undo(session: Session, actor: Actor, match_id: UUID, reason: str) -> None:
    """Undo a match: the line is free again, its items are open again, and nobody proposes the same by itself."""
    actor.must(Permission.RECONCILE)
    match = session.get(Match, match_id)
    if match is None:
        raise NotFound
    if match.outcome != APPLIED:
        raise Conflict("Only what was assigned can be undone.")
    hold_lines(session, [match.bank_line_id])
    ledger.lock_customers(session, session.scalars(_CUSTOMERS_OF, {"match": match_id}))
    receipts = session.scalars(
        text("SELECT id FROM receipt WHERE match_id = :match AND undoes_id IS NULL ORDER BY id"),
        {"match": match_id},
    ).all()
    take_back(session, receipts, reason=reason)
    payout_arrivals.take_back(session, match_id)
    _reverse_covered(session, match_id, reason)
    session.add(
        Match(
            id=new_id(),
            bank_line_id=match.bank_line_id,
            outcome="undone",
            rule=match.rule,
            version=match.version,
            confidence=match.confidence,
            why=N_("Undone by %(name)s: %(reason)s"),
            why_params={"name": actor.name, "reason": reason},
            evidence=[],
            decided_by=actor.name,
            decided_at=clock.now(),
            undoes_id=match.id,
        )
    )
    session.flush()
    record(session, actor, "undo_match", "bank_line", match.bank_line_id, reason=reason, match_id=match_id)


def request_run(session: Session, actor: Actor) -> None:
    """Ask the worker for a run: more lines wait than a page can wait for."""
    actor.must(Permission.RECONCILE)
    record(session, actor, "request_matching", "bank_lines", "all")
    record_fact(session, "matching_requested")


def text_of(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_CUSTOMERS_OF = text("""
    SELECT customer_id FROM receipt WHERE match_id = :match
    UNION SELECT customer_id FROM allocation WHERE match_id = :match""")
_COVERED = text("""
    SELECT a.id FROM allocation a WHERE a.match_id = :match AND a.reverses_id IS NULL
      AND NOT EXISTS (SELECT FROM allocation r WHERE r.reverses_id = a.id)
      AND NOT EXISTS (SELECT FROM receipt p WHERE p.match_id = :match AND p.customer_id = a.customer_id)""")


def _reverse_covered(session: Session, match_id: UUID, reason: str) -> None:
    """What `Booking.covered` settled has no receipt to be taken back with."""
    ids = session.scalars(_COVERED, {"match": match_id}).all()
    ledger.reverse_allocations(session, ids, on=clock.today(), reason=reason)


def _book(session: Session, booked: Sequence[Booking]) -> None:
    receipts = [receipt for each in booked for receipt in each.receipts]
    receive(session, receipts)
    ledger.allocate(session, [pair for each in booked for pair in each.covered])
    tell(session, receipts)


def _booking(
    line: BankLine,
    allocated: Sequence[Allocated],
    match_id: UUID,
    reason: str,
    on_account: tuple[UUID, int] | None = None,
) -> Booking:
    """One receipt per customer: the payer is a fact of the line, the debtor a fact of each allocation."""
    by_customer: dict[UUID, list[Allocated]] = {}
    for part in allocated:
        by_customer.setdefault(part.item.customer_id, []).append(part)
    extra = dict([on_account]) if on_account and on_account[1] else {}
    receipts, covered = [], []
    for customer_id in sorted({*by_customer, *extra}):
        parts = by_customer.get(customer_id, [])
        minor = sum(part.amount_minor for part in parts)
        if minor < 0:
            raise DomainError(
                "The credits of one customer exceed what it pays: settle them on the customer's page."
            )
        receipt_id = new_id()
        owed = [(part.item.id, part.amount_minor) for part in parts if part.amount_minor > 0]
        credits_used = [(part.item.id, -part.amount_minor) for part in parts if part.amount_minor < 0]
        pairs = pair_up([*credits_used, (receipt_id, minor)], owed)
        if minor + extra.get(customer_id, 0) == 0:
            on = clock.today()
            covered += [Pair(customer_id, *pair, on, reason, match_id) for pair in pairs]
            continue
        receipts.append(
            NewReceipt(
                id=receipt_id,
                creditor_id=line.creditor_id,
                customer_id=customer_id,
                currency=line.currency,
                amount_minor=minor + extra.get(customer_id, 0),
                received_on=line.booked_on,
                method="transfer",
                against=UNASSIGNED,
                reason=reason,
                label=line.party_name or "",
                bank_line_id=line.id,
                match_id=match_id,
                payer_name=line.party_name,
                payer_iban=line.party_iban,
                pays=[(debit, used) for credit, debit, used in pairs if credit == receipt_id],
                uses=[pair for pair in pairs if pair[0] != receipt_id],
            )
        )
    return Booking(receipts, covered)


_LINE = text("""
    SELECT id, creditor_id, open_minor, currency, booked_on, party_name, party_iban FROM bank_line
    WHERE id = :id""")


def _line_to_assign(session: Session, line_id: UUID) -> BankLine:
    row = session.execute(_LINE, {"id": line_id}).first()
    if row is None:
        raise NotFound
    if row.open_minor == 0:
        raise Conflict("Nothing is left of this line to assign.")
    return BankLine(
        row.id,
        row.creditor_id,
        row.open_minor,
        row.currency,
        row.booked_on,
        party_name=row.party_name,
        party_iban=row.party_iban,
    )


_ITEMS = text("""
    SELECT i.id, i.customer_id, c.ref, i.number, i.number_key, i.open_minor
    FROM open_item i JOIN customer c ON c.id = i.customer_id
    WHERE i.id = ANY (:ids) AND i.creditor_id = :creditor AND i.currency = :currency""")


def _items(
    session: Session, line: BankLine, ids: Sequence[UUID], on_account: UUID | None
) -> dict[UUID, Item]:
    """The items, with the money of all customers concerned held."""
    rows = session.execute(
        _ITEMS, {"ids": list(ids), "creditor": line.creditor_id, "currency": line.currency}
    ).all()
    if len(rows) != len(set(ids)) or (on_account and session.get(Customer, on_account) is None):
        raise NotFound
    keepers = {on_account} if on_account else set()
    ledger.lock_customers(session, {row.customer_id for row in rows} | keepers)
    return {
        row.id: Item(row.id, row.customer_id, row.ref, row.number, row.number_key, row.open_minor)
        for row in rows
    }
