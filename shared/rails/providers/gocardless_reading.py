"""What GoCardless has, in the core's words. Pure: objects of its API in, snapshots out; nothing is decided.

Money is read from the events of a payment, for its state alone does not tell what happened before: a payment may fail
after it was confirmed, be tried again, be charged back and given back, several times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from shared.rails.providers.gocardless_events import our_id
from shared.rails.providers.gocardless_orders import Collection
from shared.rails.providers.gocardless_words import MANDATES, PAYMENTS, REFUNDS, REQUESTS, SET_UPS, decline_of
from shared.rails.providers.protocols import MandateSeen, SetUpSeen, Unclear
from shared.rails.snapshot import (
    Decline,
    FactKind,
    Instrument,
    MoneyFact,
    Phase,
    RefundSeen,
    Snapshot,
    Step,
)

Thing = Mapping[str, Any]

# A debtor may have a SEPA Core debit refunded for eight weeks without saying why (EPC016-06, rulebook of the scheme).
_REFUNDABLE = timedelta(weeks=8)
_IN, _BACK, _DISPUTED = "in", "back", "disputed"


def payment_seen(
    payment: Thing, events: Sequence[Thing], refunds: Sequence[tuple[Thing, Sequence[Thing]]] = ()
) -> Snapshot:
    """A payment with all its events, oldest first, and its refunds, each with its own events."""
    facts = money_of(payment, events)
    seen = [_refund_seen(refund) for refund, _ in refunds]
    phase, raw = PAYMENTS.get(payment["status"]), str(payment["status"])
    if None in seen:
        phase, raw = (
            None,
            "refund: " + str(next(r["status"] for r, _ in refunds if r["status"] not in REFUNDS)),
        )
    charged_on = date.fromisoformat(payment["charge_date"]) if payment.get("charge_date") else None
    is_debit = payment.get("scheme") == "sepa_core"
    return Snapshot(
        provider_ref=payment["id"],
        phase=phase,
        raw_status=raw,
        amount_minor=_minor(payment["amount"]),
        currency=payment["currency"],
        payment_id=our_id(payment.get("metadata") or {}, "payment_id"),
        refs=(payment["id"], *(refund["id"] for refund, _ in refunds)),
        facts=(*facts, *(fact for refund, told in refunds for fact in money_of_refund(refund, told))),
        decline=None if facts else _decline(phase, events),
        refunds=tuple(each for each in seen if each),
        expected_on=charged_on,
        refundable_until=charged_on + _REFUNDABLE if charged_on and is_debit else None,
    )


def money_of(payment: Thing, events: Iterable[Thing]) -> list[MoneyFact]:
    """The facts of a payment's money but for its payouts. A retry after a failure is a new movement of its own, and so
    is every chargeback: their references differ."""
    facts: list[MoneyFact] = []
    tries, stands = 1, ""

    def add(kind: FactKind, ref: str, event: Thing) -> None:
        facts.append(_fact(kind, ref, payment, event))

    for event in events:
        action, ref = event["action"], payment["id"] if tries == 1 else f"{payment['id']}:{tries}"
        if action == "resubmission_requested":
            if stands == _IN:  # only what failed is tried again: its failure got lost
                add(FactKind.RETURNED, ref, event)
            tries, stands = tries + 1, ""
        elif action in ("confirmed", "paid_out") and not stands:
            add(FactKind.RECEIVED, ref, event)
            stands = _IN
        elif action == "failed" and stands == _IN:
            add(FactKind.RETURNED, ref, event)
            stands = _BACK
        elif action == "charged_back" and stands == _IN:
            add(FactKind.CHARGED_BACK, event["id"], event)
            stands = _DISPUTED
        elif action == "chargeback_cancelled" and stands == _DISPUTED:
            add(FactKind.CHARGEBACK_REVERSED, event["id"], event)
            stands = _IN
    if payment["status"] in ("confirmed", "paid_out") and not stands:
        # Events are kept for 18 months, the payment for longer.
        day = date.fromisoformat(payment["charge_date"])
        noon = datetime.combine(day, time(12), UTC).isoformat()
        ref = payment["id"] if tries == 1 else f"{payment['id']}:{tries}"
        add(FactKind.RECEIVED, ref, {"created_at": noon})
    return facts


def money_of_refund(refund: Thing, events: Sequence[Thing]) -> list[MoneyFact]:
    """A refund's money: gone when it is paid, and with us again when it did not arrive after that."""
    actions = {event["action"]: event for event in events}
    if refund["status"] != "paid" and "paid" not in actions:
        return []
    paid = actions.get("paid") or {"created_at": refund["created_at"]}
    facts = [_fact(FactKind.REFUNDED, refund["id"], refund, paid)]
    if refund["status"] in ("bounced", "funds_returned"):
        came = actions.get("funds_returned") or actions.get("failed") or paid
        facts.append(_fact(FactKind.REFUND_RETURNED, refund["id"], refund, came))
    return facts


def request_seen(
    request: Thing, collection: Collection | None = None, step_url: str | None = None
) -> Snapshot:
    """A billing request that has no payment yet; the amount is what is asked for, or to be collected."""
    asked = request.get("payment_request") or {}
    return Snapshot(
        provider_ref=request["id"],
        phase=REQUESTS.get(request["status"]),
        raw_status=str(request["status"]),
        amount_minor=collection.amount_minor if collection else _minor(asked["amount"]),
        currency=collection.currency if collection else asked["currency"],
        payment_id=our_id(request.get("metadata") or {}, "payment_id"),
        refs=(request["id"],),
        step=Step("redirect", {"url": step_url}) if step_url else None,
        decline=decline_of("payment_cancelled") if request["status"] == "cancelled" else None,
    )


def as_requested(request: Thing, payment: Snapshot, mandate: Thing | None) -> Snapshot:
    """The payment a request became: it goes on under the request's name. `mandate`: signed for it just now."""
    account = (request.get("resources") or {}).get("customer_bank_account")
    return replace(
        payment,
        provider_ref=request["id"],
        refs=(request["id"], *payment.refs),
        payment_id=our_id(request.get("metadata") or {}, "payment_id"),
        instrument=instrument(account, mandate) if account else None,
        provider_customer=customer_of(request),
    )


def payment_of(request: Thing) -> str | None:
    """The payment a billing request became by itself."""
    return (request.get("links") or {}).get("payment_request_payment")


def mandate_of(request: Thing) -> str | None:
    """The mandate a billing request became."""
    return (request.get("links") or {}).get("mandate_request_mandate")


def customer_of(request: Thing) -> str | None:
    """The customer, once it is clear who that is: an unanswered request stands on an empty one."""
    return (request.get("links") or {}).get("customer") if request["status"] == "fulfilled" else None


def set_up_seen(request: Thing, mandate: Thing | None = None, step_url: str | None = None) -> SetUpSeen:
    """A billing request for a mandate alone."""
    state = SET_UPS.get(request["status"])
    if state is None:
        raise Unclear(f"GoCardless says “{request['status']}” of {request['id']}, which we do not know.")
    account = (request.get("resources") or {}).get("customer_bank_account") or {}
    return SetUpSeen(
        provider_ref=request["id"],
        state=state,
        set_up_id=our_id(request.get("metadata") or {}, "set_up_id"),
        refs=tuple(ref for ref in (request["id"], mandate_of(request)) if ref),
        step_url=step_url,
        instrument=instrument(account, mandate) if mandate else None,
        provider_customer=customer_of(request),
    )


def instrument(account: Thing, mandate: Thing | None = None, *, signed: bool = True) -> Instrument:
    """An account, as safe to show as GoCardless gives it: of an IBAN, the last two digits. `signed`: only now, so
    that the mandate is one to be kept."""
    return Instrument(
        kind="iban",
        label=account.get("bank_name") or account.get("country_code") or "",
        last4=account.get("account_number_ending") or "",
        saved_ref=mandate["id"] if mandate and signed else None,
        mandate_ref=mandate.get("reference") if mandate else None,
    )


def mandate_seen(mandate: Thing, events: Iterable[Thing] = ()) -> MandateSeen:
    """A mandate; the reason is that of the latest event which has one."""
    state = MANDATES.get(mandate["status"])
    if state is None:
        raise Unclear(f"GoCardless says “{mandate['status']}” of {mandate['id']}, which we do not know.")
    codes = [code for event in events if (code := (event.get("details") or {}).get("reason_code"))]
    return MandateSeen(mandate["id"], state, mandate.get("reference"), codes[-1] if codes else None)


def _refund_seen(refund: Thing) -> RefundSeen | None:
    state = REFUNDS.get(refund["status"])
    if state is None:
        return None
    return RefundSeen(
        ref=refund["id"],
        state=state,
        amount_minor=_minor(refund["amount"]),
        refund_id=our_id(refund.get("metadata") or {}, "refund_id"),
        error=str(refund["status"]) if state == "failed" else None,
    )


def _fact(kind: FactKind, ref: str, moved: Thing, event: Thing) -> MoneyFact:
    details = event.get("details") or {}
    return MoneyFact(
        kind=kind,
        ref=ref,
        amount_minor=_minor(moved["amount"]),
        currency=moved["currency"],
        occurred_at=datetime.fromisoformat(event["created_at"]),
        reason_code=details.get("reason_code"),
        cause=details.get("cause"),
    )


def _decline(phase: Phase | None, events: Sequence[Thing]) -> Decline | None:
    """Why it ended without money, by the latest event that ended it; GoCardless' causes, not the banks' codes."""
    if phase not in (Phase.FAILED, Phase.CANCELLED):
        return None
    ends = ("failed", "cancelled", "customer_approval_denied")
    causes = [(event.get("details") or {}).get("cause") for event in events if event["action"] in ends]
    cause = str(causes[-1] or "") if causes else ""
    return decline_of(cause or ("payment_cancelled" if phase is Phase.CANCELLED else "other"))


def _minor(amount: object) -> int:
    """Minor units as GoCardless writes them: whole numbers."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise ValueError(f"{amount!r}: whole minor units were expected")
    return amount
