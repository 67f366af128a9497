"""Payouts as their provider has them: heard of, fetched, kept with all their lines, and booked once they agree.

Hearing of a payout, by a webhook or by asking, only makes it due for a fetch. The same payout seen twice changes
nothing the second time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.db import driver, hold, reading, writing
from shared.errors import DomainError
from shared.ids import new_id
from shared.money import Money
from shared.outbox.actions import record_fact
from shared.rails.accounts import access
from shared.rails.adapters import adapter_of
from shared.rails.alerts import raise_alert
from shared.rails.payout_booking import book, disagreement, pay_out
from shared.rails.payout_rules import PATIENCE, next_look
from shared.rails.providers.protocols import Busy, PaysOut, Rejected, Unclear
from shared.rails.snapshot import PayoutSeen

# Providers list a payout a little later than they make it; what is known already is only looked at once more.
_OVERLAP = timedelta(days=1)

_EXPECT = text("""
    INSERT INTO payout (id, account_id, provider_ref, told_at, sync_due_at) VALUES (:id, :account, :ref, :now, :now)
    ON CONFLICT (account_id, provider_ref) DO UPDATE SET sync_due_at = :now""")
_ACCOUNTS = text(
    "SELECT id, payouts_until FROM provider_account WHERE active AND provider <> 'own_bank' ORDER BY id"
)
_ASKED = text("UPDATE provider_account SET payouts_until = :now WHERE id = :id")
_ONE = text("""
    SELECT p.id, p.account_id, p.provider_ref, p.state, p.amount_minor, p.currency, p.arrives_on, p.booked_at, p.tries,
           a.provider, a.creditor_id, a.clearing_account
    FROM payout p JOIN provider_account a ON a.id = p.account_id WHERE p.id = :id""")
_KEEP = text("""
    UPDATE payout SET state = :state, amount_minor = :minor, currency = :currency, arrives_on = :arrives_on,
           statement_text = :text, complete = complete OR :complete WHERE id = :id""")
_LINES = (
    "INSERT INTO payout_line (payout_id, ref, kind, provider_type, gross_minor, fee_minor, payment_ref, label)"
    " SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::numeric[], %s::numeric[], %s::text[], %s::text[])"
    " ON CONFLICT DO NOTHING"
)
_OURS = text("""
    UPDATE payout_line l SET payment_id = p.id
    FROM payment_ref r JOIN payment p ON p.id = r.payment_id
    WHERE l.payout_id = :id AND l.payment_id IS NULL AND r.account_id = :account AND r.ref = l.payment_ref
      AND p.currency = :currency""")
_LOOK_AT_PAYMENTS = text("UPDATE payment SET sync_due_at = :now WHERE id = ANY (:ids)")
_TRIED = text("UPDATE payout SET tries = tries + 1 WHERE id = :id RETURNING tries")
# Who asked for a look while this one was under way still gets it.
log = structlog.get_logger("rails")

_NEXT = text("""
    UPDATE payout SET sync_due_at = CASE WHEN sync_due_at <= :now THEN sync_due_at
                                         ELSE CAST(:look AS timestamptz) END WHERE id = :id""")
# A bank line may have come before its payout was known: then the rules look at it once more.
_LINE_WAITS = text("""
    SELECT EXISTS (SELECT FROM payout p JOIN bank_line l ON l.creditor_id = :creditor AND l.currency = p.currency
                   AND l.amount_minor = p.outstanding_minor AND (l.open_minor > 0 OR l.amount_minor < 0)
                   WHERE p.id = :id AND p.outstanding_minor <> 0)""")


def expect(session: Session, account_id: UUID, ref: str) -> None:
    """A payout was heard of: look at it."""
    values = {"id": new_id(), "account": account_id, "ref": ref, "now": clock.now()}
    session.execute(_EXPECT, values)


def ask_providers() -> None:
    """Ask which payouts there are since we last asked: a webhook that never came is among them."""
    with reading(SYSTEM) as session:
        accounts = session.execute(_ACCOUNTS).all()
    for account in accounts:
        now = clock.now()
        try:
            with reading(SYSTEM) as session:
                adapter = adapter_of(access(session, account.id))
            if not isinstance(adapter, PaysOut):
                continue
            found = [each.ref for each in adapter.payouts_since(account.payouts_until - _OVERLAP)]
        except (Unclear, Busy, Rejected, DomainError) as error:
            log.warning("payouts_not_told", account=str(account.id), error=str(error))
            continue  # asked again at the next turn, from the same point; the other accounts do not wait for it
        with writing(SYSTEM) as session:
            for ref in found:
                expect(session, account.id, ref)
            session.execute(_ASKED, {"id": account.id, "now": now})


def apply(session: Session, payout_id: UUID, seen: PayoutSeen) -> None:
    """Bring a payout to what its provider says, and book it once it is whole and agrees with our facts."""
    hold(session, "payout", [payout_id])
    before = session.execute(_ONE, {"id": payout_id}).one()
    if before.booked_at and (before.amount_minor, before.currency) != (seen.amount_minor, seen.currency):
        _differs(session, before, seen.amount_minor - before.amount_minor, seen.currency)
        return
    _keep(session, before, seen)
    payout = session.execute(_ONE, {"id": payout_id}).one()
    booked = payout.booked_at is not None
    tries = payout.tries
    if seen.complete and not booked:
        booked, tries = _book(session, payout)
    if booked and seen.state == "paid":
        pay_out(session, payout.id, clock.now())
    _tell(session, before, payout)
    look = next_look(
        seen.state, booked=booked, complete=seen.complete, tries=tries, arrives_on=seen.arrives_on, now=clock.now()
    )  # fmt: skip
    session.execute(_NEXT, {"id": payout_id, "now": clock.now(), "look": look})


def _keep(session: Session, payout: Row[Any], seen: PayoutSeen) -> None:
    """What the provider says now. Lines are kept once it says that no other will come."""
    session.execute(
        _KEEP,
        {
            "id": payout.id,
            "state": seen.state,
            "minor": seen.amount_minor,
            "currency": seen.currency,
            "arrives_on": seen.arrives_on,
            "text": seen.statement_text,
            "complete": seen.complete,
        },
    )
    if seen.complete and payout.booked_at is None:
        rows = [
            (x.ref, x.kind, x.provider_type, x.gross_minor, x.fee_minor, x.payment_ref, x.label)
            for x in seen.lines
        ]
        if rows:
            driver(session).execute(_LINES, [payout.id, *map(list, zip(*rows, strict=True))])
        session.execute(_OURS, {"id": payout.id, "account": payout.account_id, "currency": seen.currency})


def _book(session: Session, payout: Row[Any]) -> tuple[bool, int]:
    """Book it if nothing contradicts; else look at the payments concerned, and in the end call a person."""
    found = disagreement(session, payout.id)
    if found is None:
        book(session, payout)
        return True, int(payout.tries)
    session.execute(_LOOK_AT_PAYMENTS, {"ids": found.payments, "now": clock.now()})
    tries = int(session.scalar(_TRIED, {"id": payout.id}) or 0)
    if tries >= PATIENCE:
        _differs(session, payout, found.amount_minor, payout.currency)
    return False, tries


def _differs(session: Session, payout: Row[Any], minor: int, currency: str) -> None:
    raise_alert(
        session,
        "payout_differs",
        account_id=payout.account_id,
        about=payout.provider_ref,
        payout=payout.provider_ref,
        amount=Money(minor, currency),
    )


def _tell(session: Session, before: Row[Any], payout: Row[Any]) -> None:
    if payout.state == before.state:
        return
    record_fact(
        session,
        f"payout_{payout.state}",
        payout.id,
        account_id=payout.account_id,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
    )
    if payout.state == "failed":
        raise_alert(
            session,
            "payout_failed",
            account_id=payout.account_id,
            about=payout.provider_ref,
            amount=Money(payout.amount_minor, payout.currency),
            provider=payout.provider,
        )
    if session.scalar(_LINE_WAITS, {"id": payout.id, "creditor": payout.creditor_id}):
        record_fact(session, "matching_requested")
