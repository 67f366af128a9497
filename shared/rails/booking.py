"""From facts to the books: money in becomes receipts, money back re-opens what it had paid.

A fact is booked once, in the transaction that stores it. Money in stands on the provider's clearing account until a
payout brings it to the bank.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.ledger.models import OpenItem
from shared.ledger.rules import CUSTOMERS, Entry, Line, Pair
from shared.payments.announcing import settle_announcements
from shared.payments.receipts import NewReceipt, receive, tell
from shared.rails.models import Payment, ProviderAccount, ReceiptReversal
from shared.rails.rules import Part, shares, take_from

_PARTS = text("""
    SELECT p.item_id, p.customer_id, p.amount_minor, i.open_minor FROM payment_item p
    JOIN open_item i ON i.id = p.item_id WHERE p.payment_id = :payment ORDER BY i.due_on, i.number, i.id""")
_KEPT = text("""
    SELECT r.id, r.amount_minor - coalesce((SELECT sum(x.amount_minor) FROM receipt_reversal x
                                            WHERE x.receipt_id = r.id), 0)::bigint AS kept_minor
    FROM receipt r JOIN open_item i ON i.id = r.id WHERE r.payment_id = :payment AND r.undoes_id IS NULL
      AND NOT EXISTS (SELECT FROM receipt u WHERE u.undoes_id = r.id)
    ORDER BY length(i.number) DESC, i.number DESC""")
# What this receipt pays, latest first: the last invoice it paid is the first to open again.
_PAID = text("""
    SELECT a.id, a.debit_item_id, a.amount_minor FROM allocation a
    WHERE a.credit_item_id = :receipt AND a.reverses_id IS NULL
      AND NOT EXISTS (SELECT FROM allocation r WHERE r.reverses_id = a.id)
      AND NOT EXISTS (SELECT FROM receipt_reversal x WHERE x.id = a.debit_item_id)
    ORDER BY a.id DESC""")


def hold_customers(session: Session, payment: Payment) -> None:
    """Hold the money of all customers of a payment, before anything of it is looked at."""
    ids = session.scalars(
        text("SELECT customer_id FROM payment_item WHERE payment_id = :payment"), {"payment": payment.id}
    )
    ledger.lock_customers(session, {*ids, payment.customer_id})


def money_in(
    session: Session, payment: Payment, clearing: str, fact_id: int, minor: int, on: date, *, settles: bool
) -> list[UUID]:
    """Book money that came: a receipt per customer. `settles` False: it stays on account. Gives the receipts."""
    rows = session.execute(_PARTS, {"payment": payment.id}).all() if settles else []
    parts = [Part(r.item_id, r.customer_id, r.amount_minor, r.open_minor) for r in rows]
    stand_in = new_id()
    made = [
        NewReceipt(
            id=new_id(),
            creditor_id=payment.creditor_id,
            customer_id=share.customer_id,
            currency=payment.currency,
            amount_minor=share.amount_minor,
            received_on=on,
            method=payment.method,
            against=clearing,
            reason=payment.reference,
            label=payment.reference,
            pays=share.pays,
            uses=share.uses,
            payment_id=payment.id,
            fact_id=fact_id,
        )
        for share in shares(parts, minor, stand_in, payment.customer_id)
    ]
    receive(session, made)
    tell(session, made)
    settled = [(debit, used) for r in made for debit, used in r.pays]
    used = [(credit, -minor) for r in made for credit, _, minor in r.uses]
    settle_announcements(session, settled + used)
    return [receipt.id for receipt in made]


def money_back(
    session: Session, payment: Payment, clearing: str, fact_id: int, kind: str, minor: int, on: date
) -> list[UUID]:
    """Book money that went back, and open again what it had paid; what was on account goes first. Gives the items
    that are open again."""
    kept = [(row.id, row.kept_minor) for row in session.execute(_KEPT, {"payment": payment.id})]
    opened: list[UUID] = []
    for receipt_id, part in take_from(kept, minor):
        item = session.get_one(OpenItem, receipt_id, populate_existing=True)
        opened += _free(session, item, part, payment.reference)
        _book_reversal(session, item, clearing, fact_id, kind, part, on)
    return opened


def _free(session: Session, item: OpenItem, minor: int, reason: str) -> list[UUID]:
    """Make `minor` of a receipt free by reversing what it paid, latest first; what was reversed too much is given back."""
    missing = minor + item.open_minor  # the open part of a credit is negative
    reversed_ids, back, opened = [], [], []
    for row in session.execute(_PAID, {"receipt": item.id}):
        if missing <= 0:
            break
        reversed_ids.append(row.id)
        opened.append(row.debit_item_id)
        if row.amount_minor > missing:
            back.append((row.debit_item_id, row.amount_minor - missing))
        missing -= row.amount_minor
    today = clock.today()
    ledger.reverse_allocations(session, reversed_ids, on=today, reason=reason)
    ledger.allocate(
        session, [Pair(item.customer_id, item.id, debit, part, today, reason) for debit, part in back]
    )
    return opened


def _book_reversal(
    session: Session, item: OpenItem, clearing: str, fact_id: int, kind: str, minor: int, on: date
) -> None:
    reversal = ledger.open_item(
        session,
        item_id=new_id(),
        creditor_id=item.creditor_id,
        customer_id=item.customer_id,
        kind="receipt_reversed",
        number=item.number,
        currency=item.currency,
        amount_minor=minor,
        issued_on=on,
        due_on=on,
    )
    session.add(
        ReceiptReversal(
            id=reversal.id,
            customer_id=item.customer_id,
            receipt_id=item.id,
            fact_id=fact_id,
            amount_minor=minor,
            reversed_on=on,
        )
    )
    session.flush()
    lines = [Line(CUSTOMERS, minor, item.customer_id, reversal.id), Line(clearing, -minor)]
    ledger.post(
        session, [Entry(item.creditor_id, "BQ", kind, on, item.currency, item.number, lines, item.number)]
    )
    ledger.allocate(session, [Pair(item.customer_id, item.id, reversal.id, minor, clock.today(), kind)])


def receipts_of(session: Session, payment_ids: Sequence[UUID]) -> list[UUID]:
    """The receipts payments made, for who shows what became of them."""
    found = text("SELECT id FROM receipt WHERE payment_id = ANY (:ids) ORDER BY id")
    return list(session.scalars(found, {"ids": list(payment_ids)}))


def clearing_of(session: Session, account_id: UUID) -> str:
    return session.scalars(
        select(ProviderAccount.clearing_account).where(ProviderAccount.id == account_id)
    ).one()
