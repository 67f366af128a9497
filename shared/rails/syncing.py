"""Ask the provider what stands: because a webhook pointed here, the payer came back, or too long was heard nothing.

One fetch at a time per payment (a lease, not a transaction), and what a command was answered meanwhile counts more: an
old answer can never overwrite a newer one.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Row, text

from shared import clock
from shared.actor import SYSTEM
from shared.db import reading, writing
from shared.errors import DomainError
from shared.ids import new_id
from shared.rails import payouts, setting_up
from shared.rails.accounts import access
from shared.rails.adapters import adapter_of
from shared.rails.applying import apply
from shared.rails.models import Operation
from shared.rails.providers.protocols import Busy, MandateSeen, PaysOut, Rejected, SetsUp, SetUpSeen, Unclear
from shared.rails.snapshot import PayoutSeen, Snapshot

log = structlog.get_logger("rails")

_LEASE = timedelta(minutes=2)
_AGAIN = timedelta(seconds=30)
# What could not be applied waits for a person; we look once in a while whether it has changed.
_MUCH_LATER = timedelta(hours=1)

# Claimed, an object is due again when the lease runs out: a worker that dies loses nothing. Who asks meanwhile sets it
# to be due now, and that stays.
_TAKE = """
    UPDATE {table} t SET syncing_until = :lease_end, sync_due_at = :lease_end
    WHERE id = (SELECT id FROM {table} WHERE sync_due_at <= :now AND coalesce(syncing_until, :now) <= :now
                ORDER BY sync_due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, {account} AS account_id, provider_ref, syncing_until, {version} AS version"""
# A mandate is the creditor's, whose account with the provider may be another one by now.
_ACCOUNTS = {
    "payment": "account_id",
    "set_up": "account_id",
    "payout": "account_id",
    "mandate": "(SELECT a.id FROM provider_account a WHERE a.creditor_id = t.creditor_id"
    " AND a.provider = t.provider ORDER BY a.active DESC, a.created_at DESC LIMIT 1)",
}
_LEAVE = """
    UPDATE {table} SET syncing_until = NULL,
        sync_due_at = CASE WHEN sync_due_at = :lease_end THEN CAST(:again AS timestamptz) ELSE sync_due_at END
    WHERE id = :id AND syncing_until = :lease_end"""
_TAKES = {
    table: text(
        _TAKE.format(table=table, account=account, version="version" if table == "payment" else "NULL")
    )
    for table, account in _ACCOUNTS.items()
}
_LEAVES = {table: text(_LEAVE.format(table=table)) for table in _ACCOUNTS}
_GIVE_UP = text("""
    SELECT p.id, p.account_id, p.customer_id FROM payment p
    WHERE p.status = 'awaiting_payer' AND p.expires_at <= :now
      AND NOT EXISTS (SELECT FROM payment_operation o WHERE o.payment_id = p.id AND o.kind = 'cancel'
                      AND o.state IN ('pending', 'sent', 'unknown'))
    ORDER BY p.expires_at LIMIT 500""")


def sync_due(stop: threading.Event | None = None) -> int:
    """Fetch what is due, payments, set-ups, payouts and mandates; gives how many were fetched."""
    fetched = 0
    while not (stop and stop.is_set()) and any(_sync(table) for table in _ACCOUNTS):
        fetched += 1
    return fetched


def give_up_waiting() -> None:
    """Cancel attempts whose payer never came back; the provider has the last word whether they still can be."""
    with writing(SYSTEM) as session:
        for row in session.execute(_GIVE_UP, {"now": clock.now()}).all():
            session.add(
                Operation(
                    id=new_id(),
                    account_id=row.account_id,
                    customer_id=row.customer_id,
                    payment_id=row.id,
                    kind="cancel",
                    created_at=clock.now(),
                )
            )


def _sync(table: str) -> bool:
    now = clock.now()
    with writing(SYSTEM) as session:
        taken = session.execute(_TAKES[table], {"now": now, "lease_end": now + _LEASE}).first()
    if taken is None:
        return False
    seen = _fetch(table, taken)
    with writing(SYSTEM) as session:
        if isinstance(seen, Snapshot):
            apply(session, taken.id, seen, asked_at=taken.version)
        elif isinstance(seen, SetUpSeen):
            setting_up.apply(session, taken.id, seen)
        elif isinstance(seen, PayoutSeen):
            payouts.apply(session, taken.id, seen)
        elif isinstance(seen, MandateSeen):
            setting_up.apply_mandate(session, taken.id, seen)
        # A mandate is at rest until an event points at it.
        wait = seen if isinstance(seen, timedelta) else None if table == "mandate" else _MUCH_LATER
        again = clock.now() + wait if wait else None
        session.execute(_LEAVES[table], {"id": taken.id, "lease_end": taken.syncing_until, "again": again})
    return True


def _fetch(table: str, taken: Row[Any]) -> Snapshot | SetUpSeen | PayoutSeen | MandateSeen | timedelta:
    """What the provider has; without an answer this time, how long to wait before it is asked again."""
    if taken.provider_ref is None:
        return _AGAIN
    try:
        with reading(SYSTEM) as session:
            adapter = adapter_of(access(session, taken.account_id))
        if table == "payment":
            return adapter.fetch(taken.provider_ref)
        if table == "payout":
            assert isinstance(adapter, PaysOut)
            return adapter.payout(taken.provider_ref)
        assert isinstance(adapter, SetsUp)
        if table == "mandate":
            return adapter.fetch_mandate(taken.provider_ref)
        return adapter.fetch_set_up(taken.provider_ref)
    except (Unclear, Busy) as error:
        log.warning("fetch_failed", table=table, id=str(taken.id), error=str(error))
        return _AGAIN
    except (Rejected, DomainError) as error:
        # The object is not there, or a setting of this account is wrong: the others are not kept waiting for it.
        log.error("fetch_refused", table=table, id=str(taken.id), error=str(error))
        return _MUCH_LATER
