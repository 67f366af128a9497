"""What a bank statement says of our collections: the sums it credited, and what it took back.

We know by the bank's own references which line is what, so nothing is left to a guess of matching: a line is tied to the
payout it is, and matching books it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.bank_statements.reading import NOBODY, Entry
from shared.ids import new_id
from shared.mandates.returns import Return, returns_of
from shared.outbox.actions import record_fact
from shared.rails.collection_money import Told, hold_all, payment_of, returned
from shared.rails.payout_booking import book

_BACK = text("""
    SELECT l.id, l.booked_on, l.amount_minor, l.currency, l.entry_ref, l.raw, b.iban, a.id AS account_id
    FROM bank_line l JOIN bank_account b ON b.id = l.bank_account_id
    JOIN provider_account a ON a.creditor_id = l.creditor_id AND a.provider = 'own_bank' AND a.active
    WHERE l.statement_id = :statement AND l.amount_minor < 0 AND l.raw ~ 'RtrInf|UPDD|PRDD|RCDD'
      AND NOT EXISTS (SELECT FROM payout p WHERE p.bank_line_id = l.id)
    ORDER BY l.position""")
# A credit that gives our references back is the sum it names; one that only says that it is a collection (ISO 20022:
# issued direct debits) is the sum of that amount and day, if there is one such sum and one such line.
_CREDITS = text("""
    SELECT p.id AS payout_id, l.id AS line_id,
           strpos(l.raw, p.provider_ref) > 0 OR strpos(l.raw, p.statement_text) > 0 AS named
    FROM payout p JOIN provider_account a ON a.id = p.account_id
    JOIN bank_line l ON l.creditor_id = a.creditor_id AND l.currency = p.currency
                    AND l.amount_minor = p.outstanding_minor AND l.open_minor = l.amount_minor
    WHERE p.batch_id IS NOT NULL AND p.bank_line_id IS NULL AND p.outstanding_minor > 0
      AND l.booked_on BETWEEN p.arrives_on AND p.arrives_on + 5
      AND (strpos(l.raw, p.provider_ref) > 0 OR strpos(l.raw, p.statement_text) > 0
           OR (l.transaction_code LIKE '%IDDT%' AND l.booked_on = p.arrives_on))
      AND NOT EXISTS (SELECT FROM payout o WHERE o.bank_line_id = l.id)
      AND NOT EXISTS (SELECT FROM match m WHERE m.bank_line_id = l.id AND m.outcome IN ('applied', 'undone'))""")
_TIE = text("UPDATE payout SET bank_line_id = :line WHERE id = :payout")
_BACK_PAYOUT = text("""
    INSERT INTO payout (id, account_id, provider_ref, state, amount_minor, currency, arrives_on, complete, told_at,
                        bank_line_id)
    VALUES (:id, :account, :ref, 'paid', :minor, :currency, :on, true, :now, :line)""")
_LINE = text("""
    INSERT INTO payout_line (payout_id, ref, kind, provider_type, gross_minor, fee_minor, payment_ref, payment_id, label)
    VALUES (:payout, :ref, :kind, :type, :gross, 0, :payment_ref, :payment, :label)""")
_PAYOUT = text("""
    SELECT p.id, p.amount_minor, p.currency, p.arrives_on, p.provider_ref, a.creditor_id, a.clearing_account
    FROM payout p JOIN provider_account a ON a.id = p.account_id WHERE p.id = :id""")
_ENTRIES = text("""
    SELECT payment_id, amount_minor FROM collection_entry WHERE payment_id = ANY (:ids) AND state <> 'withdrawn'""")


def read_lines(session: Session, statement_id: UUID) -> None:
    """Look through a statement once it is imported. Read again, it finds nothing new."""
    lines = session.execute(_BACK, {"statement": statement_id}).all()
    found = [(line, _returns(line)) for line in lines]
    named = {payment_of(each.end_to_end_id) for _, told in found for each in told} - {None}
    ours = {
        row.payment_id: row.amount_minor
        for row in session.execute(_ENTRIES, {"ids": sorted(named)})  # type: ignore[type-var]
    }
    hold_all(session, sorted(ours))
    tied = 0
    for line, told in found:
        if any(payment_of(each.end_to_end_id) in ours for each in told):
            _take_back(session, line, told, ours)
            tied += 1
    if tied + tie_credits(session):
        record_fact(session, "matching_requested")


def tie_credits(session: Session) -> int:
    """Tie what the bank credited to what was due that day; gives how many. Anything ambiguous waits for a person."""
    pairs = session.execute(_CREDITS).all()
    named = [pair for pair in pairs if pair.named]
    chosen = _unique(named)
    known = {pair.payout_id for pair in named} | {pair.line_id for pair in named}
    chosen += _unique([p for p in pairs if p.payout_id not in known and p.line_id not in known])
    for pair in chosen:
        session.execute(_TIE, {"line": pair.line_id, "payout": pair.payout_id})
    return len(chosen)


def _unique(pairs: list[Any]) -> list[Any]:
    """Pairs in which each side occurs once."""
    payouts = Counter(pair.payout_id for pair in pairs)
    lines = Counter(pair.line_id for pair in pairs)
    return [pair for pair in pairs if payouts[pair.payout_id] == lines[pair.line_id] == 1]


def _returns(line: Row[Any]) -> list[Return]:
    entry = Entry(
        position=0,
        amount_minor=line.amount_minor,
        currency=line.currency,
        status="BOOK",
        booked_on=line.booked_on,
        value_on=None,
        entry_ref=line.entry_ref,
        end_to_end_id=None,
        transaction_code=None,
        is_reversal=False,
        party=NOBODY,
        texts=(),
        references=(),
        info=None,
        unexplained_minor=0,
        details=(),
        raw=line.raw,
    )
    return list(returns_of(entry, line.iban, "statement"))


def _take_back(session: Session, line: Row[Any], told: list[Return], ours: dict[UUID, int]) -> None:
    """A line of returns is a negative payout: what came back, what the bank took for it, and what is not ours."""
    payout_id = new_id()
    session.execute(
        _BACK_PAYOUT,
        {
            "id": payout_id,
            "account": line.account_id,
            "ref": f"RTN-{line.id.hex}",
            "minor": line.amount_minor,
            "currency": line.currency,
            "on": line.booked_on,
            "now": clock.now(),
            "line": line.id,
        },
    )
    left = line.amount_minor
    for number, each in enumerate(told, 1):
        payment_id = payment_of(each.end_to_end_id)
        if payment_id is None or payment_id not in ours:
            continue
        outcome = returned(session, SYSTEM, Told(payment_id, each.reason, line.booked_on))
        assert outcome in ("returned", "known")
        left += ours[payment_id]
        _keep(session, payout_id, f"{number}", "returned", -ours[payment_id], each, payment_id)
    others = sum(each.amount_minor for each in told if payment_of(each.end_to_end_id) not in ours)
    # What the bank takes beyond the collections themselves is its charge, or interest it paid the debtor for us.
    if fee := left - others:
        _keep(session, payout_id, "fee", "fee", fee)
    if others:
        _keep(session, payout_id, "other", "other", others)
    book(session, session.execute(_PAYOUT, {"id": payout_id}).one())


def _keep(
    session: Session,
    payout_id: UUID,
    ref: str,
    kind: str,
    gross: int,
    told: Return | None = None,
    payment_id: UUID | None = None,
) -> None:
    session.execute(
        _LINE,
        {
            "payout": payout_id,
            "ref": ref,
            "kind": kind,
            "type": (told.reason if told else None) or kind,
            "gross": gross,
            "payment_ref": told.end_to_end_id if told else None,
            "payment": payment_id,
            "label": (told.info if told else None) or "",
        },
    )
