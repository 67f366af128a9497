"""Reactions to money that came in."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.config import settings
from shared.money import Money
from shared.notifications.actions import queue_message
from shared.outbox.facts import Fact

# An undone receipt was somebody's mistake: the debtor is not thanked for it.
_RECEIPT = text("""
    SELECT r.customer_id, r.received_on, r.amount_minor, i.currency, -i.open_minor AS on_account_minor,
           c.name AS customer, c.email, c.language, k.name AS creditor, k.email AS creditor_email
    FROM receipt r JOIN open_item i ON i.id = r.id
    JOIN customer c ON c.id = r.customer_id JOIN creditor k ON k.id = i.creditor_id
    WHERE r.id = :id AND NOT EXISTS (SELECT FROM receipt u WHERE u.undoes_id = r.id)""")
_PAID = text("""
    SELECT d.number, sum(a.amount_minor) AS paid_minor, d.open_minor
    FROM allocation a JOIN open_item d ON d.id = a.debit_item_id
    WHERE a.credit_item_id = :id
    GROUP BY d.id, d.number, d.open_minor, d.due_on HAVING sum(a.amount_minor) > 0 ORDER BY d.due_on, d.number""")


def thank_for_payment(session: Session, fact: Fact) -> None:
    """A receipt by mail to the customer's address; who has none finds the payment in the portal."""
    found = session.execute(_RECEIPT, {"id": fact.subject_id}).first()
    if found is None or not found.email:
        return
    currency = found.currency
    lines = [
        {
            "number": row.number,
            "paid": Money(int(row.paid_minor), currency),
            "left": Money(row.open_minor, currency),
        }
        for row in session.execute(_PAID, {"id": fact.subject_id})
    ]
    queue_message(
        session,
        once=f"payment_received:{fact.subject_id}:{found.email}",
        kind="payment_received",
        recipient=found.email,
        language=found.language,
        template="payment_received",
        customer_id=found.customer_id,
        reply_to=found.creditor_email,
        context={
            "creditor": found.creditor,
            "customer": found.customer,
            "amount": Money(found.amount_minor, currency),
            "received_on": found.received_on,
            "lines": lines,
            "on_account": Money(found.on_account_minor, currency) if found.on_account_minor else None,
            "account_url": settings().portal_url + "/",
        },
    )
