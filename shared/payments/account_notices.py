"""Mails to the debtors an account change concerns: when it is approved, and when an approved one is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared.clock import day_of
from shared.notifications.actions import usable_reply_to
from shared.notifications.bulk import Reader, queue_for_all
from shared.outbox.facts import Fact

_CHANGE = text("""
    SELECT h.id, h.creditor_id, h.kind, h.currency, h.account_id, h.old_account_id, h.holder_name,
           h.old_end, h.new_end, h.approved_at, h.due_at, h.ended, k.name AS creditor, k.email AS creditor_email,
           h.kind = 'receive' OR b.receives AS receives
    FROM account_change h JOIN creditor k ON k.id = h.creditor_id JOIN bank_account b ON b.id = h.account_id
    WHERE h.id = :id""")

# Who owes something that is paid to the account: by its invoice's own word, or because it receives. The mail may be
# written late, when the new account is in the old one's place already: both count. One mail per address.
_READERS = text("""
    SELECT DISTINCT ON (lower(c.email)) c.id AS customer_id, c.email AS address, c.language
    FROM open_item i JOIN customer c ON c.id = i.customer_id
    LEFT JOIN bank_account named ON named.id = i.payee_account_id
    WHERE i.creditor_id = :creditor AND i.currency = :currency AND i.open_minor > 0 AND c.email <> ''
      AND CASE WHEN i.payee_account_id IS NULL THEN :receives
               ELSE named.id = ANY (:accounts) OR named.replaced_by_id = ANY (:accounts) END
    ORDER BY lower(c.email), c.id""")

_SET = 5000


def tell_of_account_change(session: Session, fact: Fact) -> None:
    """Each debtor concerned learns the day, and the last digits before and after. Stopped meanwhile: nobody does."""
    change = session.execute(_CHANGE, {"id": fact.subject_id}).one()
    if change.ended is None and change.approved_at is not None:
        _queue(session, change, "account_change")


def tell_of_cancelled_account_change(session: Session, fact: Fact) -> None:
    """Who was told of a change is told that it will not be; of one that nobody approved nobody had heard."""
    change = session.execute(_CHANGE, {"id": fact.subject_id}).one()
    if change.approved_at is not None:
        _queue(session, change, "account_change_cancelled")


def _queue(session: Session, change: Row[Any], kind: str) -> None:
    queue_for_all(
        session,
        _readers(session, change),
        event=f"{kind}:{change.id}",
        kind=kind,
        template=kind,
        reply_to=usable_reply_to(change.creditor_email),
        context={
            "creditor": change.creditor,
            "kind": change.kind,
            "holder": change.holder_name,
            "old_end": change.old_end,
            "new_end": change.new_end,
            "day": day_of(change.due_at),
        },
    )


def _readers(session: Session, change: Row[Any]) -> Iterator[Reader]:
    """Streamed: a hundred thousand debtors are never in memory at once."""
    given = {
        "creditor": change.creditor_id,
        "currency": change.currency,
        "receives": change.receives,
        "accounts": [change.account_id, change.old_account_id],
    }
    found = session.execute(_READERS, given, execution_options={"yield_per": _SET})
    return (Reader(row.customer_id, row.address, row.language) for row in found)
