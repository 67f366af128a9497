"""The words of payments: what codes of states, facts and commands are called on a page."""

from __future__ import annotations

from decimal import Decimal

from flask import Flask

from shared import i18n
from shared.i18n import N_
from shared.money import digits
from shared.rails.alerts import ALERTS
from shared.rails.rules import declined
from shared.web.language import gettext, language

PROVIDERS = {"stripe": N_("Stripe"), "gocardless": N_("GoCardless"), "own_bank": N_("Own bank")}
METHODS = {
    "card": N_("Card"),
    "card_page": N_("Card, on the provider’s page"),
    "virtual_iban": N_("Transfer to a virtual IBAN"),
    "pay_by_bank": N_("Pay by bank"),
    "debit_core": N_("Direct debit (Core)"),
    "debit_b2b": N_("Direct debit (B2B)"),
}
# Word, tone and symbol of a badge.
STATUSES = {
    "created": (N_("Started"), "calm", "clock"),
    "unknown": (N_("No answer yet"), "doubt", "help"),
    "awaiting_payer": (N_("Waits for the payer"), "calm", "clock"),
    "processing": (N_("On its way"), "info", "refresh"),
    "received": (N_("Received"), "good", "check"),
    "settled": (N_("Paid out"), "good", "bank"),
    "failed": (N_("Failed"), "late", "alert"),
    "cancelled": (N_("Cancelled"), "quiet", "x"),
    "expired": (N_("Expired"), "quiet", "clock"),
    "partly_refunded": (N_("Refunded in part"), "info", "half"),
    "refunded": (N_("Refunded"), "quiet", "undo"),
    "returned": (N_("Returned"), "late", "undo"),
    "charged_back": (N_("Charged back"), "late", "dispute"),
}
PAYOUT_STATES = {
    "pending": (N_("On its way"), "info", "send"),
    "paid": (N_("Sent to the bank"), "info", "send"),
    "arrived": (N_("Arrived"), "good", "check"),
    "failed": (N_("Came back"), "late", "alert"),
}
REFUND_STATES = {
    "asked": (N_("To approve"), "warn", "clock"),
    "approved": (N_("Approved"), "info", "check"),
    "pending": (N_("On its way"), "info", "send"),
    "paid": (N_("Refunded"), "good", "check"),
    "failed": (N_("Failed"), "late", "alert"),
    "refused": (N_("Refused"), "quiet", "x"),
}
DISPUTE_STATES = {
    "warning": (N_("Announced"), "warn", "alert"),
    "to_answer": (N_("To answer"), "late", "alert"),
    "under_review": (N_("The bank decides"), "info", "clock"),
    "won": (N_("Won"), "good", "check"),
    "lost": (N_("Lost"), "quiet", "x"),
}
FACTS = {
    "received": N_("Money received"),
    "paid_out": N_("Paid out to the bank"),
    "refunded": N_("Refunded to the payer"),
    "refund_returned": N_("The refund came back"),
    "returned": N_("The payer’s bank took it back"),
    "charged_back": N_("Charged back"),
    "chargeback_reversed": N_("The chargeback was reversed"),
}
COMMANDS = {
    "start": N_("Sent to the provider"),
    "cancel": N_("Asked the provider to cancel"),
    "refund": N_("Refund sent to the provider"),
    "set_up": N_("Asked to keep a card or mandate"),
    "forget": N_("Asked to forget a card or mandate"),
}
COMMAND_STATES = {
    "pending": N_("waits to be sent"),
    "sent": N_("sent, no answer yet"),
    "ok": N_("accepted"),
    "rejected": N_("refused"),
    "unknown": N_("no answer: we keep asking"),
}
EVENTS = {
    "receipt": N_("Receipt"),
    "refunded": N_("Refund"),
    "returned": N_("Return"),
    "charged_back": N_("Chargeback"),
}
SORTS = {
    "payment": N_("Payments"),
    "refund": N_("Refunds"),
    "refund_returned": N_("Refunds that came back"),
    "returned": N_("Returned debits"),
    "charged_back": N_("Chargebacks"),
    "chargeback_reversed": N_("Chargebacks reversed"),
    "fee": N_("Fees"),
    "payout_returned": N_("An earlier payout that came back"),
    "remainder": N_("Remainder: not of our payments"),
    "other": N_("Other"),
}
# What to subscribe a webhook to, as the providers call it (their documentation, 2026).
SUBSCRIBE = {
    "stripe": (
        "payment_intent.* setup_intent.* charge.* refund.* mandate.updated payment_method.detached"
        " customer_cash_balance_transaction.created payout.* radar.early_fraud_warning.created"
    ).split(),
    "gocardless": "payments.* mandates.* refunds.* payouts.* billing_requests.*".split(),
}
_DASHBOARDS = {
    ("stripe", "test"): "https://dashboard.stripe.com/test/payments/",
    ("stripe", "live"): "https://dashboard.stripe.com/payments/",
    ("gocardless", "test"): "https://manage-sandbox.gocardless.com/payments/",
    ("gocardless", "live"): "https://manage.gocardless.com/payments/",
}


def dashboard(provider: str, mode: str, ref: str | None) -> str | None:
    """Where a payment is found at its provider; None: there is nothing to see, as in the sandbox."""
    start = _DASHBOARDS.get((provider, mode))
    return f"{start}{ref}" if start and ref else None


def install(app: Flask) -> None:
    """The words as filters of the templates; a code without a word is shown as it is."""
    tables = {
        "provider_word": PROVIDERS,
        "method_word": METHODS,
        "fact_word": FACTS,
        "command_word": COMMANDS,
        "command_state_word": COMMAND_STATES,
        "event_word": EVENTS,
        "sort_word": SORTS,
    }
    for name, words in tables.items():
        app.jinja_env.filters[name] = lambda code, words=words: gettext(words.get(code, code))
    app.jinja_env.filters["alert_told"] = alert_told
    app.jinja_env.filters["exact"] = exact
    app.jinja_env.globals.update(
        payment_statuses=STATUSES,
        payout_states=PAYOUT_STATES,
        refund_states=REFUND_STATES,
        dispute_states=DISPUTE_STATES,
    )
    app.jinja_env.filters["decline_told"] = lambda code: gettext(declined(code))


def exact(minor: Decimal, currency: str) -> str:
    """An exact amount of minor units, with as many places as it needs: providers bill fractions of a cent."""
    if minor == minor.to_integral_value():
        return i18n.amount(language(), int(minor), currency)
    return i18n.number(language(), minor.scaleb(-digits(currency)))


def alert_told(code: str, params: dict[str, str]) -> str:
    """An alert's sentence, with codes and providers in words."""
    told = dict(params)
    for name in ("old", "new"):
        if told.get(name) in STATUSES:
            told[name] = gettext(STATUSES[told[name]][0])
    if told.get("provider") in PROVIDERS:
        told["provider"] = gettext(PROVIDERS[told["provider"]])
    return gettext(ALERTS[code], **told)
