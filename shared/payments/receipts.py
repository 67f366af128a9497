"""Receipts: money assigned to a customer, and taken back. The set-based path serves one receipt and thousands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock
from shared.db import driver
from shared.errors import Conflict, NotFound
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.ledger.models import Allocation, OpenItem
from shared.ledger.rules import CUSTOMERS, Entry, Line, Pair, number_key
from shared.outbox.actions import record_fact
from shared.payments.models import Receipt


@dataclass(frozen=True, slots=True)
class NewReceipt:
    """Money to book for one customer.

    `pays`: (debit item, amount) settled by this money; `uses`: (credit item, debit item, amount) settled by
    credits the payer deducted. What `pays` does not use stays open as money on account. `against`: the account
    on the other side (471 for a bank line, 890 for what is taken over). `allocated_on`: the day the allocations
    count from; the day of receipt for history, today otherwise.
    """

    id: UUID
    creditor_id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int
    received_on: date
    method: str
    against: str
    reason: str
    journal: str = "BQ"
    label: str = ""
    bank_line_id: UUID | None = None
    match_id: UUID | None = None
    external_ref: str | None = None
    payer_name: str | None = None
    payer_iban: str | None = None
    allocated_on: date | None = None
    payment_id: UUID | None = None
    fact_id: int | None = None
    pays: Sequence[tuple[UUID, int]] = field(default=())
    uses: Sequence[tuple[UUID, UUID, int]] = field(default=())


def receive(session: Session, receipts: Sequence[NewReceipt]) -> list[str]:
    """Book receipts: open item, receipt, journal entry, allocations. Gives their numbers, in the same order."""
    if not receipts:
        return []
    ledger.lock_customers(session, (r.customer_id for r in receipts))
    numbers = _numbers(session, len(receipts))
    _open_items(session, receipts, numbers)
    _write_receipts(session, receipts)
    ledger.post(session, [_entry(r, number) for r, number in zip(receipts, numbers, strict=True)])
    ledger.allocate(session, [pair for r in receipts for pair in _pairs(r, r.allocated_on or clock.today())])
    return numbers


def tell(session: Session, receipts: Sequence[NewReceipt]) -> None:
    """Record the fact of each, for whoever thanks and whoever stops reminding."""
    for receipt in receipts:
        record_fact(
            session,
            "payment_received",
            receipt.id,
            customer_id=receipt.customer_id,
            creditor_id=receipt.creditor_id,
            amount_minor=receipt.amount_minor,
            currency=receipt.currency,
        )


def take_back(session: Session, receipt_ids: Sequence[UUID], *, reason: str) -> None:
    """Undo receipts: reverse their allocations, then settle each with its opposite. The bank line is free again."""
    found = session.scalars(select(Receipt).where(Receipt.id.in_(receipt_ids)).order_by(Receipt.id)).all()
    if len(found) != len(set(receipt_ids)):
        raise NotFound
    ledger.lock_customers(session, (receipt.customer_id for receipt in found))
    on = clock.today()
    for receipt in found:
        if receipt.undoes_id is not None:
            raise Conflict("What undoes something cannot be undone: assign the bank line anew.")
        _reverse_allocations_of(session, receipt, on, reason)
        _book_opposite(session, receipt, on, reason)


def _numbers(session: Session, count: int) -> list[str]:
    serials = session.scalars(
        text("SELECT nextval('receipt_serial') FROM generate_series(1, :count)"), {"count": count}
    )
    return [f"REC-{serial:06d}" for serial in serials]


def _open_items(session: Session, receipts: Sequence[NewReceipt], numbers: Sequence[str]) -> None:
    now = clock.now()
    rows = [
        (
            r.id,
            r.creditor_id,
            r.customer_id,
            number,
            number_key(number),
            r.currency,
            -r.amount_minor,
            r.received_on,
        )
        for r, number in zip(receipts, numbers, strict=True)
    ]
    driver(session).execute(
        "INSERT INTO open_item (id, creditor_id, customer_id, kind, number, number_key, currency, amount_minor,"
        " open_minor, issued_on, due_on, created_at)"
        " SELECT id, creditor_id, customer_id, 'receipt', number, key, currency, minor, minor, day, day, %s"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::date[])"
        " AS r (id, creditor_id, customer_id, number, key, currency, minor, day)",
        [now, *(list(column) for column in zip(*rows, strict=True))],
    )


def _write_receipts(session: Session, receipts: Sequence[NewReceipt]) -> None:
    payers = [(r.external_ref, r.method, r.payer_name, r.payer_iban) for r in receipts]
    rows = [
        (
            r.id,
            r.customer_id,
            r.bank_line_id,
            r.match_id,
            *payer,
            r.amount_minor,
            r.received_on,
            r.payment_id,
            r.fact_id,
        )
        for r, payer in zip(receipts, payers, strict=True)
    ]
    driver(session).execute(
        "INSERT INTO receipt (id, customer_id, bank_line_id, match_id, external_ref, method, payer_name, payer_iban,"
        " amount_minor, received_on, payment_id, fact_id)"
        " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::bigint[], %s::date[], %s::uuid[], %s::bigint[])",
        [list(column) for column in zip(*rows, strict=True)],
    )


def _entry(r: NewReceipt, number: str) -> Entry:
    lines = [Line(r.against, r.amount_minor), Line(CUSTOMERS, -r.amount_minor, r.customer_id, r.id)]
    label = r.label or r.payer_name or number
    return Entry(r.creditor_id, r.journal, "receipt", r.received_on, r.currency, label, lines, number)


def _pairs(r: NewReceipt, on: date) -> list[Pair]:
    paid = [Pair(r.customer_id, r.id, debit, minor, on, r.reason, r.match_id) for debit, minor in r.pays]
    used = [Pair(r.customer_id, *pair, on, r.reason, r.match_id) for pair in r.uses]
    return paid + used


def _reverse_allocations_of(session: Session, receipt: Receipt, on: date, reason: str) -> None:
    """Reverse what this receipt paid and, where the receipt came from a match, the credits used with it."""
    undone = select(Allocation.reverses_id).where(Allocation.reverses_id.is_not(None))
    belongs = Allocation.credit_item_id == receipt.id
    if receipt.match_id is not None:
        with_it = (Allocation.match_id == receipt.match_id) & (Allocation.customer_id == receipt.customer_id)
        belongs = belongs | with_it
    ids = session.scalars(
        select(Allocation.id).where(belongs, Allocation.reverses_id.is_(None), Allocation.id.not_in(undone))
    ).all()
    ledger.reverse_allocations(session, ids, on=on, reason=reason)


def _book_opposite(session: Session, receipt: Receipt, on: date, reason: str) -> None:
    item = session.get_one(OpenItem, receipt.id)
    minor = receipt.amount_minor
    undo = ledger.open_item(
        session,
        item_id=new_id(),
        creditor_id=item.creditor_id,
        customer_id=item.customer_id,
        kind="receipt_undone",
        number=item.number,
        currency=item.currency,
        amount_minor=minor,
        issued_on=on,
        due_on=on,
    )
    session.add(
        Receipt(
            id=undo.id,
            customer_id=receipt.customer_id,
            bank_line_id=receipt.bank_line_id,
            undoes_id=receipt.id,
            match_id=receipt.match_id,
            external_ref=None,
            method=receipt.method,
            payer_name=receipt.payer_name,
            payer_iban=receipt.payer_iban,
            amount_minor=-minor,
            received_on=on,
        )
    )
    session.flush()
    against = _other_side(session, receipt.id)
    lines = [Line(CUSTOMERS, minor, item.customer_id, undo.id), Line(against, -minor)]
    entry = Entry(item.creditor_id, "BQ", "receipt_undone", on, item.currency, reason, lines, item.number)
    ledger.post(session, [entry])
    ledger.allocate(session, [Pair(item.customer_id, item.id, undo.id, minor, on, reason, receipt.match_id)])
    record_fact(session, "receipt_undone", receipt.id, customer_id=receipt.customer_id, amount_minor=minor)


def _other_side(session: Session, item_id: UUID) -> str:
    account = session.scalar(
        text(
            "SELECT o.account FROM journal_line l JOIN journal_line o ON o.entry_id = l.entry_id"
            " WHERE l.item_id = :item AND o.account <> :customers"
        ),
        {"item": item_id, "customers": CUSTOMERS},
    )
    assert account is not None
    return str(account)
