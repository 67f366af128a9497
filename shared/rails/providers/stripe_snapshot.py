"""Stripe's objects as one neutral snapshot of a payment. Pure: plain values in, plain values out.

A PaymentIntent tells how far it is; what happened to money is read from its charges, refunds and disputes. A status
we do not know gives no phase: nothing is guessed.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from shared.ids import parse_id
from shared.rails.providers.stripe_declines import decline_of
from shared.rails.providers.stripe_facts import (
    at,
    back_of,
    disputes_of,
    id_of,
    received_of,
    refunds_of,
    went_in,
)
from shared.rails.providers.stripe_money import from_stripe
from shared.rails.snapshot import Decline, Instrument, Phase, Snapshot, Step

Json = dict[str, Any]

_PHASES = {
    "requires_payment_method": Phase.AWAITING_PAYER,
    "requires_confirmation": Phase.AWAITING_PAYER,
    "requires_action": Phase.AWAITING_PAYER,
    "processing": Phase.PROCESSING,
    "succeeded": Phase.SUCCEEDED,
    "canceled": Phase.CANCELLED,
}
# A core debit may be taken back without a reason for eight weeks (SEPA core rulebook).
_REFUNDABLE = timedelta(weeks=8)


@dataclass(frozen=True, slots=True)
class Seen:
    """All that Stripe has of one payment. `waiting_cash`: arrived on the virtual IBAN, not yet applied."""

    intent: Json | None
    charges: tuple[Json, ...] = ()
    refunds: tuple[Json, ...] = ()
    disputes: tuple[Json, ...] = ()
    session: Json | None = None
    waiting_cash: int = 0


def snapshot_of(seen: Seen, now: datetime) -> Snapshot:
    """The payment as Stripe has it; `now` bounds when money that was announced for later can have come."""
    if seen.intent is None:
        assert seen.session is not None
        return _of_session(seen.session)
    intent, session = seen.intent, seen.session
    amount, currency = from_stripe(intent["amount"], intent["currency"])
    phase = phase_of(intent, session)
    disputes = disputes_of(seen.disputes)
    facts = (*received_of(intent, seen.charges, seen, now), *back_of(intent, seen.charges, seen))
    paid = next((charge for charge in seen.charges if went_in(intent, charge)), None)
    debit = _debit_of(seen.charges)
    return Snapshot(
        provider_ref=session["id"] if session else intent["id"],
        phase=phase,
        raw_status=str(intent["status"]),
        amount_minor=amount,
        currency=currency,
        payment_id=parse_id((intent.get("metadata") or {}).get("payment_id", "")),
        refs=_refs(seen),
        facts=facts,
        step=_step(seen) if phase is Phase.AWAITING_PAYER else None,
        decline=_decline(intent),
        instrument=instrument_of(intent, paid or _latest(seen.charges)),
        disputes=disputes,
        refunds=refunds_of(seen.refunds),
        provider_customer=id_of(intent.get("customer")),
        expected_on=_expected(debit) if phase is Phase.PROCESSING else None,
        refundable_until=_refundable_until(debit),
    )


def phase_of(intent: Json, session: Json | None = None) -> Phase | None:
    """How far it is. A declined attempt that nobody attends, or a debit, has failed: no payer will try again."""
    status = intent["status"]
    if status != "requires_payment_method":
        return _PHASES.get(status)
    if session is not None and session["status"] == "expired":
        return Phase.EXPIRED
    error = intent.get("last_payment_error") or {}
    if error and session is None and not _payer_may_retry(intent, error):
        return Phase.FAILED
    return Phase.AWAITING_PAYER


def _payer_may_retry(intent: Json, error: Json) -> bool:
    if "sepa_debit" in (intent.get("payment_method_types") or ()):
        return False
    if _needs_payer(error):
        return True
    return (intent.get("metadata") or {}).get("attended") != "no"


def _needs_payer(error: Json) -> bool:
    """The bank refused because it wants to see the payer: he is sent a link."""
    return "authentication_required" in (error.get("code"), error.get("decline_code"))


def _of_session(session: Json) -> Snapshot:
    """A Checkout page on which nothing was entered yet."""
    amount, currency = from_stripe(session["amount_total"], session["currency"])
    phases = {"open": Phase.AWAITING_PAYER, "expired": Phase.EXPIRED, "complete": Phase.PROCESSING}
    phase = phases.get(session["status"])
    return Snapshot(
        provider_ref=session["id"],
        phase=phase,
        raw_status=str(session["status"]),
        amount_minor=amount,
        currency=currency,
        payment_id=parse_id((session.get("metadata") or {}).get("payment_id", "")),
        refs=(session["id"],),
        step=_page(session) if phase is Phase.AWAITING_PAYER else None,
        provider_customer=id_of(session.get("customer")),
    )


# -- what the payer does next --------------------------------------------------------------------------------


def _step(seen: Seen) -> Step | None:
    intent = seen.intent
    assert intent is not None
    if seen.session is not None:
        return _page(seen.session)
    action = intent.get("next_action") or {}
    if action.get("type") == "display_bank_transfer_instructions":
        return _bank_details(action["display_bank_transfer_instructions"], seen.waiting_cash)
    if action.get("type") == "redirect_to_url":
        return Step("redirect", {"url": action["redirect_to_url"]["url"]})
    secret = intent.get("client_secret")
    return Step("client_secret", {"client_secret": secret}) if secret else None


def _page(session: Json) -> Step | None:
    return Step("redirect", {"url": session["url"]}) if session.get("url") else None


def _bank_details(told: Json, waiting: int) -> Step:
    """Where to transfer to, under the holder's name exactly as told: the payer's bank compares it."""
    iban = next(each["iban"] for each in told["financial_addresses"] if each.get("iban"))
    remaining, currency = from_stripe(max(told["amount_remaining"] - waiting, 0), told["currency"])
    return Step(
        "bank_details",
        {
            "iban": iban["iban"],
            "bic": iban["bic"],
            "holder": iban["account_holder_name"],
            "reference": told.get("reference") or "",
            "amount_remaining": remaining,
            "currency": currency,
        },
    )


# -- details -------------------------------------------------------------------------------------------------


def _decline(intent: Json) -> Decline | None:
    error = intent.get("last_payment_error")
    return decline_of(error) if error else None


def instrument_of(intent: Json, charge: Json | None) -> Instrument | None:
    """What was paid with; kept for later only if that was agreed."""
    details = (charge or {}).get("payment_method_details") or {}
    keeps = intent.get("setup_future_usage") == "off_session" and intent.get("customer")
    saved = (charge or {}).get("payment_method") if keeps else None
    return instrument(details, saved)


def instrument(details: Json, saved: str | None, mandate: str | None = None) -> Instrument | None:
    """The instrument in `payment_method_details` or in a payment method itself: both have the same parts."""
    if card := details.get("card"):
        expires = None
        if card.get("exp_year") and card.get("exp_month"):
            last = calendar.monthrange(card["exp_year"], card["exp_month"])[1]
            expires = date(card["exp_year"], card["exp_month"], last)
        return Instrument("card", card.get("brand") or "card", card.get("last4") or "", saved, expires)
    if debit := details.get("sepa_debit"):
        label = debit.get("country") or debit.get("bank_code") or ""
        return Instrument(
            "iban", label, debit.get("last4") or "", saved, None, debit.get("mandate") or mandate
        )
    return None


def _latest(charges: Iterable[Json]) -> Json | None:
    return max(charges, key=lambda charge: charge["created"], default=None)


def _debit_of(charges: Iterable[Json]) -> Json | None:
    debits = [c for c in charges if (c.get("payment_method_details") or {}).get("sepa_debit")]
    return _latest(c for c in debits if c["status"] != "failed")


def _debited_on(debit: Json) -> date:
    told = debit["payment_method_details"]["sepa_debit"].get("expected_debit_date")
    return date.fromisoformat(told) if told else at(debit["created"]).date()


def _expected(debit: Json | None) -> date | None:
    """The day Stripe expects to debit on; it does not always tell."""
    told = debit and debit["payment_method_details"]["sepa_debit"].get("expected_debit_date")
    return date.fromisoformat(told) if told else None


def _refundable_until(debit: Json | None) -> date | None:
    return _debited_on(debit) + _REFUNDABLE if debit else None


def _refs(seen: Seen) -> tuple[str, ...]:
    things = (seen.session, seen.intent, *seen.charges, *seen.refunds, *seen.disputes)
    return tuple(dict.fromkeys(thing["id"] for thing in things if thing is not None))
