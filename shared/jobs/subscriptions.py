"""Which fact wakes which handlers. One table, so that a reader sees at once what follows from what."""

from __future__ import annotations

from collections.abc import Mapping

from shared.autopay import handlers as autopay
from shared.identity import handlers as identity
from shared.mandates import handlers as mandates
from shared.matching import handlers as matching
from shared.outbox.facts import Handler
from shared.payments import account_notices
from shared.payments import handlers as payments
from shared.plans import handlers as plans
from shared.rails import debits, letters
from shared.rails import handlers as rails

Subscriptions = Mapping[str, tuple[Handler, ...]]

SUBSCRIPTIONS: Subscriptions = {
    "account_change_approved": (account_notices.tell_of_account_change,),
    "account_change_cancelled": (account_notices.tell_of_cancelled_account_change,),
    "autopay_changed": (autopay.confirm,),
    "autopay_switched_on": (autopay.confirm,),
    "mandate_cancelled": (rails.forget_mandate,),
    "mandate_replaced": (rails.forget_mandate,),
    "mandate_signed": (mandates.complete_mandate,),
    "debit_agreed": (debits.announce_debit,),
    "matching_requested": (matching.matching_requested,),
    "payment_cancelled": (autopay.debit_failed, plans.part_failed),
    "payment_charged_back": (autopay.debit_failed, plans.part_failed),
    "payment_expired": (autopay.debit_failed, plans.part_failed),
    "payment_failed": (autopay.debit_failed, plans.part_failed),
    "payment_mandate_signed": (rails.keep_mandate_of_payment,),
    "payment_money_back": (letters.tell_money_back, letters.heed_reason),
    "payment_received": (payments.thank_for_payment,),
    "payment_returned": (autopay.debit_failed, plans.part_failed),
    "plan_accepted": (plans.tell_decision,),
    "plan_cancelled": (plans.tell_decision,),
    "plan_refused": (plans.tell_decision,),
    "provider_payout_told": (rails.look_at_payout,),
    "set_up_done": (rails.keep_signed_mandate,),
    "statement_imported": (rails.read_statement,),
    "sign_in_link_requested": (identity.send_requested_link,),
}


def name_of(handler: Handler) -> str:
    """How jobs and receipts call a handler: renaming one makes its waiting jobs fail, visibly."""
    return f"{handler.__module__}.{handler.__qualname__}"


def by_name(subscriptions: Subscriptions) -> dict[str, Handler]:
    return {name_of(handler): handler for handlers in subscriptions.values() for handler in handlers}
