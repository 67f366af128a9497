"""What the debtor is told when money of a payment went back: plainly, without reproach, with a way to go on."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.config import settings
from shared.i18n import N_, gettext
from shared.i18n import money as written
from shared.mandates.actions import suspend_if_told
from shared.money import Money
from shared.notifications.actions import queue_message
from shared.outbox.facts import Fact
from shared.rails.rules import OWN_BANK
from shared.rails.snapshot import FactKind

# Autopay and plans write of their own debits themselves: what to do next is theirs to say.
_PAYMENT = text("""
    SELECT p.reference, p.origin, p.currency, p.mandate_id, a.provider, c.id AS customer_id, c.email, c.language,
           k.name AS creditor, k.email AS creditor_email
    FROM payment p JOIN provider_account a ON a.id = p.account_id JOIN customer c ON c.id = p.customer_id
    JOIN creditor k ON k.id = p.creditor_id WHERE p.id = :id""")
_OPENED = text("SELECT number, open_minor FROM open_item WHERE id = ANY (CAST(:ids AS uuid[])) AND open_minor > 0"
               " ORDER BY due_on, number")  # fmt: skip
_TITLES = {
    FactKind.REFUNDED: N_("We have sent back %(amount)s"),
    FactKind.RETURNED: N_("Your bank has returned a direct debit of %(amount)s"),
    FactKind.CHARGED_BACK: N_("Your bank has taken back a payment of %(amount)s"),
}
_TELLINGS = {
    FactKind.REFUNDED: N_(
        "%(creditor)s has refunded %(amount)s of your payment %(reference)s. It usually reaches your account within"
        " a few working days."
    ),
    FactKind.RETURNED: N_(
        "The direct debit %(reference)s for %(creditor)s came back from your bank. That happens; nothing more is"
        " collected by itself. You can pay another way whenever it suits you."
    ),
    FactKind.CHARGED_BACK: N_(
        "The payment %(reference)s to %(creditor)s was taken back through your bank. If something was wrong with it,"
        " please tell us: we will sort it out with you."
    ),
}
_OPEN_AGAIN = N_("These are open again:")
_PAY, _SEE = N_("See my account and pay"), N_("See the payment")


def tell_money_back(session: Session, fact: Fact) -> None:
    """Write to the customer once per movement; who has no address finds it in the portal."""
    found = session.execute(_PAYMENT, {"id": fact.subject_id}).one()
    kind, told = FactKind(fact.payload["kind"]), fact.payload
    if not found.email or (found.origin != "debtor" and kind is not FactKind.REFUNDED):
        return
    language, names = found.language, {"creditor": found.creditor, "reference": found.reference}
    amount = written(language, told["amount_minor"], told["currency"])
    opened = session.execute(_OPENED, {"ids": told["items"]}).all()
    paragraphs = [gettext(language, _TELLINGS[kind], amount=amount, **names)]
    if opened:
        paragraphs.append(gettext(language, _OPEN_AGAIN))
    queue_message(
        session,
        once=f"payment_money_back:{told['fact_id']}:{found.email}",
        kind="payment_money_back",
        recipient=found.email,
        language=language,
        template="letter",
        customer_id=found.customer_id,
        reply_to=found.creditor_email,
        context={
            "creditor": found.creditor,
            "title": gettext(language, _TITLES[kind], amount=amount),
            "paragraphs": paragraphs,
            "lines": [
                {"label": row.number, "note": "", "amount": Money(row.open_minor, found.currency)}
                for row in opened
            ],
            "after": [],
            "action_url": settings().portal_url + ("/" if opened else f"/pay/payments/{fact.subject_id}"),
            "action_label": gettext(language, _PAY if opened else _SEE),
        },
    )


def heed_reason(session: Session, fact: Fact) -> None:
    """Stop using a mandate when the bank's reason for a return says so. Files of the own bank do it as they are read."""
    found = session.execute(_PAYMENT, {"id": fact.subject_id}).one()
    if found.mandate_id is None or found.provider == OWN_BANK or fact.payload["kind"] == FactKind.REFUNDED:
        return
    suspend_if_told(session, SYSTEM, found.mandate_id, fact.payload["reason_code"])
