"""Collections put into files for the creditor's own bank: what is due, made, withdrawn, sent.

A batch is one file: one creditor, one scheme, one sequence. Its days of collection are its groups, so that whatever the
bank goes by, file or group, it credits one amount per day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.clock import BUSINESS_ZONE
from shared.db import REFUSALS, hold
from shared.errors import Conflict, DomainError, NotFound
from shared.ids import new_id
from shared.mandates import target2
from shared.mandates.actions import note_collections
from shared.mandates.pain008 import batch_id
from shared.mandates.rules import Scheme, refundable_until, sequence
from shared.mandates.rules import Sequence as Position
from shared.rails.collection_file import seal_file

REFUSALS["collection_entry_once"] = Conflict("One of these collections was put into another file meanwhile.")

# How far ahead what is due is put into a file: a bank wants it a day before, and few want it long before.
AHEAD = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Ready:
    """Collections that may go into one file. `held` says why others may not: mandate | lapsed | paid."""

    account_id: UUID
    creditor: str
    scheme: str
    recurrent: bool
    due_on: date
    held: str | None
    count: int
    amount_minor: int


# A collection waits for its mandate (suspended, ended, lapsed), and for a look when its invoices were paid meanwhile. One
# whose cancellation is on its way is not taken.
_WAITING = f"""
    SELECT p.id, p.reference, p.amount_minor, p.account_id, p.creditor_id, p.customer_id, p.mandate_id, m.scheme,
           m.recurrent, greatest(p.collect_on, CAST(:first AS date)) AS due_on,
           CASE WHEN m.state <> 'active' THEN 'mandate'
                WHEN greatest(m.last_collected_on, (m.signed_at AT TIME ZONE '{BUSINESS_ZONE.key}')::date)
                     <= greatest(p.collect_on, CAST(:first AS date)) - interval '36 months' THEN 'lapsed'
                WHEN EXISTS (SELECT FROM payment_item x JOIN open_item i ON i.id = x.item_id
                             WHERE x.payment_id = p.id AND abs(i.open_minor) < abs(x.amount_minor)) THEN 'paid'
           END AS held
    FROM payment p JOIN provider_account a ON a.id = p.account_id JOIN mandate m ON m.id = p.mandate_id
    WHERE a.provider = 'own_bank' AND p.status = 'created' AND p.collect_on <= :until
      AND NOT EXISTS (SELECT FROM collection_entry e WHERE e.payment_id = p.id AND e.state <> 'withdrawn')
      AND NOT EXISTS (SELECT FROM payment_operation o WHERE o.payment_id = p.id AND o.kind = 'cancel'
                      AND o.state IN ('pending', 'sent', 'unknown'))"""
_READY = text(f"""
    SELECT w.account_id, k.name AS creditor, w.scheme, w.recurrent, w.due_on, w.held, count(*) AS count,
           sum(w.amount_minor)::bigint AS amount_minor
    FROM ({_WAITING}) w JOIN creditor k ON k.id = w.creditor_id
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY k.name, w.scheme, w.recurrent DESC, w.held NULLS FIRST, w.due_on""")
_IDS = text(f"SELECT w.id FROM ({_WAITING}) w WHERE w.held IS NULL")
_FILES = text(f"""
    SELECT DISTINCT w.account_id, w.creditor_id, w.scheme, w.recurrent FROM ({_WAITING}) w
    WHERE w.id = ANY (:ids) AND w.held IS NULL ORDER BY 1, 3, 4 DESC""")
_COLLECTOR = text("""
    SELECT k.name, s.ics, b.iban, b.bic, k.address, k.postcode, k.city, k.country, s.initiating_party
    FROM creditor_sepa s JOIN creditor k ON k.id = s.creditor_id JOIN bank_account b ON b.id = s.bank_account_id
    WHERE s.creditor_id = :creditor""")
_BATCH = text("""
    INSERT INTO collection_batch (id, account_id, message_id, scheme, sequence, collector, presented_on, made_at, made_by)
    VALUES (:id, :account, :message, :scheme, :sequence, :collector, :presented, :now, :name)""").bindparams(
    bindparam("collector", type_=JSONB)
)
# The text of a debit on the debtor's statement: our reference and the invoices, as many as are sure to fit.
_ENTRIES = text(f"""
    INSERT INTO collection_entry (id, batch_id, payment_id, customer_id, mandate_id, position, amount_minor, due_on,
        mandate_reference, signed_on, debtor_name, address_lines, postcode, town, country, iban_sealed, iban_last4, bic,
        account_changed, label)
    SELECT gen_random_uuid(), :batch, w.id, w.customer_id, m.id, row_number() OVER (ORDER BY w.due_on, w.id),
           w.amount_minor, w.due_on, m.reference, (m.signed_at AT TIME ZONE '{BUSINESS_ZONE.key}')::date, m.debtor_name,
           m.address_lines, m.postcode, m.town, m.country, m.iban_sealed, m.iban_last4, m.bic,
           m.account_changed_at IS NOT NULL,
           left(w.reference || (SELECT string_agg(' ' || i.number, '' ORDER BY i.due_on, i.number)
                                FROM payment_item x JOIN open_item i ON i.id = x.item_id WHERE x.payment_id = w.id), 70)
    FROM ({_WAITING}) w JOIN mandate m ON m.id = w.mandate_id
    WHERE w.id = ANY (:ids) AND w.held IS NULL
      AND (w.account_id, w.scheme, w.recurrent) = (:account, :scheme, :recurrent)""")
_SUMMED = text("""
    UPDATE collection_batch b SET entries = e.count, amount_minor = e.minor, first_due_on = e.first, last_due_on = e.last
    FROM (SELECT count(*) AS count, sum(amount_minor)::bigint AS minor, min(due_on) AS first, max(due_on) AS last
          FROM collection_entry WHERE batch_id = :id) e WHERE b.id = :id""")
_BATCH_ROW = text("""
    SELECT b.id, b.account_id, b.message_id, b.scheme, b.sequence, b.collector, b.state, a.creditor_id
    FROM collection_batch b JOIN provider_account a ON a.id = b.account_id WHERE b.id = :id""")


def _when(until: date | None) -> dict[str, Any]:
    today = clock.today()
    first = target2.following(target2.on_or_after(today))
    return {"first": first, "until": until or today + AHEAD}


def ready(session: Session, actor: Actor, until: date | None = None) -> list[Ready]:
    """What may be collected up to a day, by file and day of collection, and what is held back and why."""
    actor.must(Permission.SEE_PAYMENTS)
    return [Ready(**row._mapping) for row in session.execute(_READY, _when(until))]


def make(session: Session, actor: Actor, until: date | None = None) -> list[UUID]:
    """Put all that is ready into files; gives the batches. All of it in the caller's transaction, or nothing.

    Set-based, except for writing each file once to check it and to know its hash: O(collections).
    """
    actor.must(Permission.COLLECT)
    when = _when(until)
    ids = session.scalars(_IDS, when).all()
    hold(session, "payment", ids)
    # What is held cannot be cancelled meanwhile; what changed before is left out by asking again.
    files = session.execute(_FILES, {**when, "ids": ids}).all()
    if not files:
        raise DomainError("There is nothing to collect up to this day.")
    return [_make_one(session, actor, file, {**when, "ids": ids}) for file in files]


def _make_one(session: Session, actor: Actor, file: Any, when: dict[str, Any]) -> UUID:
    collector = session.execute(_COLLECTOR, {"creditor": file.creditor_id}).first()
    if collector is None:
        raise DomainError("This creditor is not set up to collect through its own bank.")
    batch = new_id()
    serial = session.scalar(text("SELECT nextval('collection_serial')"))
    message_id = f"QUI-{clock.today():%Y%m%d}-{serial:06d}"
    presented_on = target2.on_or_after(clock.today())
    session.execute(
        _BATCH,
        {
            "id": batch,
            "account": file.account_id,
            "message": message_id,
            "scheme": file.scheme,
            "sequence": sequence(file.recurrent).value,
            "collector": dict(collector._mapping),
            "presented": presented_on,
            "now": clock.now(),
            "name": actor.name,
        },
    )
    session.execute(
        _ENTRIES,
        {
            **when,
            "batch": batch,
            "account": file.account_id,
            "scheme": file.scheme,
            "recurrent": file.recurrent,
        },
    )
    session.execute(_SUMMED, {"id": batch})
    seal_file(session, batch)
    record(session, actor, "make_collections", "collection_batch", batch, message_id=message_id)
    return batch


def withdraw(session: Session, actor: Actor, batch: UUID) -> None:
    """The file was not given to the bank: its collections may go into another, or be cancelled."""
    actor.must(Permission.COLLECT)
    found = _held(session, batch)
    if found.state == "withdrawn":
        return
    if found.state != "made":
        raise Conflict("This file is with the bank: its collections can no longer be withdrawn here.")
    _move(session, batch, "withdrawn", actor)
    session.execute(
        text("UPDATE collection_entry SET state = 'withdrawn' WHERE batch_id = :id"), {"id": batch}
    )
    record(session, actor, "withdraw_collections", "collection_batch", batch, message_id=found.message_id)


# The rows of the payments are the locks of what the file holds; one that ended otherwise is a contradiction.
_PROCESSING = text("""
    UPDATE payment p SET phase = 'processing', status = 'processing', provider_ref = replace(p.id::text, '-', ''),
           expected_on = e.due_on, refundable_until = :refundable_days + e.due_on,
           instrument = jsonb_build_object('kind', 'iban', 'label', m.iban_country, 'last4', e.iban_last4),
           changed_at = :now, version = version + 1
    FROM collection_entry e JOIN mandate m ON m.id = e.mandate_id
    WHERE e.batch_id = :id AND p.id = e.payment_id AND p.status = 'created'""")
_REFS = text("""
    INSERT INTO payment_ref (account_id, ref, payment_id)
    SELECT :account, replace(payment_id::text, '-', ''), payment_id FROM collection_entry WHERE batch_id = :id
    ON CONFLICT DO NOTHING""")
_FACTS = text("""
    INSERT INTO fact (name, subject_id, payload, recorded_at)
    SELECT 'payment_processing', payment_id, jsonb_build_object('customer_id', customer_id, 'before', 'created'), :now
    FROM collection_entry WHERE batch_id = :id ORDER BY position""")
_GROUPS = text("""
    SELECT due_on, sum(amount_minor)::bigint AS minor FROM collection_entry WHERE batch_id = :id
    GROUP BY due_on ORDER BY due_on""")
_AWAIT = text("""
    INSERT INTO payout (id, account_id, provider_ref, state, amount_minor, currency, arrives_on, statement_text, complete,
                        told_at, booked_at, batch_id)
    VALUES (:id, :account, :ref, 'paid', :minor, 'EUR', :due_on, :message, true, :now, :now, :batch)""")
_USED = text("SELECT mandate_id, max(due_on) AS due_on FROM collection_entry WHERE batch_id = :id GROUP BY 1")


def mark_sent(session: Session, actor: Actor, batch: UUID) -> None:
    """The bank has the file: its payments are under way, and each day's sum is awaited on the account. Set-based."""
    actor.must(Permission.COLLECT)
    found = _held(session, batch)
    if found.state in ("sent", "answered"):
        return
    if found.state != "made":
        raise Conflict("This file was withdrawn: its collections are in another, or were cancelled.")
    now, given = clock.now(), {"id": batch}
    _move(session, batch, "sent", actor)
    moved = session.execute(_PROCESSING, {**given, "now": now, "refundable_days": _refundable(found.scheme)})
    held = session.execute(text("UPDATE collection_entry SET state = 'sent' WHERE batch_id = :id"), given)
    if moved.rowcount != held.rowcount:  # type: ignore[attr-defined]
        raise Conflict
    session.execute(_REFS, {**given, "account": found.account_id})
    session.execute(_FACTS, {**given, "now": now})
    for group in session.execute(_GROUPS, given).all():
        ref = batch_id(
            found.message_id,
            group.due_on,
            Scheme(found.scheme),
            Position(found.sequence),
            found.collector["iban"],
        )
        session.execute(
            _AWAIT,
            {
                "id": new_id(),
                "account": found.account_id,
                "ref": ref,
                "minor": group.minor,
                "due_on": group.due_on,
                "message": found.message_id,
                "now": now,
                "batch": batch,
            },
        )
    note_collections(session, actor, {row.mandate_id: row.due_on for row in session.execute(_USED, given)})
    record(session, actor, "send_collections", "collection_batch", batch, message_id=found.message_id)


def _refundable(scheme: str) -> int | None:
    """Days after the collection in which the debtor may have the money back without a reason."""
    day = date(2000, 1, 3)
    until = refundable_until(Scheme(scheme), day)
    return (until - day).days if until else None


def _held(session: Session, batch: UUID) -> Any:
    hold(session, "collection_batch", [batch])
    found = session.execute(_BATCH_ROW, {"id": batch}).first()
    if found is None:
        raise NotFound
    return found


def _move(session: Session, batch: UUID, state: str, actor: Actor) -> None:
    sent = state == "sent"
    session.execute(
        text("UPDATE collection_batch SET state = :state, sent_at = :at, sent_by = :name WHERE id = :id"),
        {
            "id": batch,
            "state": state,
            "at": clock.now() if sent else None,
            "name": actor.name if sent else None,
        },
    )


def hold_payments(session: Session, payment_ids: Sequence[UUID]) -> None:
    """Hold payments, in one order with everybody else who does."""
    hold(session, "payment", payment_ids)
