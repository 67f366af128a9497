"""Bring a payment to what its provider says: new facts are stored and booked, then the status is worked out anew.

The same snapshot twice changes nothing the second time. A snapshot that contradicts us changes nothing at all and
calls a person.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from psycopg.errors import CheckViolation
from sqlalchemy import case, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import clock
from shared.db import hold
from shared.i18n import N_
from shared.ids import new_id
from shared.money import Money
from shared.outbox.actions import record_fact
from shared.rails.alerts import raise_alert
from shared.rails.booking import clearing_of, hold_customers, money_back, money_in
from shared.rails.models import (
    Payment,
    PaymentDispute,
    PaymentFact,
    ProviderAccount,
    ProviderCustomer,
    Refund,
    SavedCard,
)
from shared.rails.rules import OWN_BANK, next_look
from shared.rails.snapshot import FactKind, Instrument, Method, MoneyFact, Phase, Snapshot
from shared.rails.states import LIVE, Status, may_become, status_of, totals

_BACK = frozenset({FactKind.REFUNDED, FactKind.RETURNED, FactKind.CHARGED_BACK})
_FACTS = text("SELECT kind, amount_minor FROM payment_fact WHERE payment_id = :payment")
_REF = text(
    "INSERT INTO payment_ref (account_id, ref, payment_id) VALUES (:account, :ref, :payment) ON CONFLICT DO NOTHING"
)


def hold_payment(session: Session, payment_id: UUID) -> Payment:
    """The payment, held for the rest of the transaction together with its customers' money."""
    hold(session, "payment", [payment_id])
    payment = session.get_one(Payment, payment_id, populate_existing=True)
    hold_customers(session, payment)
    return payment


def apply(session: Session, payment_id: UUID, seen: Snapshot) -> Status:
    """Apply a snapshot; gives the status that follows."""
    payment = hold_payment(session, payment_id)
    account = session.get_one(ProviderAccount, payment.account_id)
    about: dict[str, Any] = {"account_id": account.id, "payment_id": payment.id, "provider": account.provider}
    if (seen.amount_minor, seen.currency) != (payment.amount_minor, payment.currency):
        raise_alert(
            session,
            "amount_differs",
            **about,
            theirs=Money(seen.amount_minor, seen.currency),
            ours=Money(payment.amount_minor, payment.currency),
        )
        return Status(payment.status)
    if seen.phase is None:
        raise_alert(session, "unknown_status", about=seen.raw_status, status=seen.raw_status, **about)
    phase = seen.phase or Phase(payment.phase)
    before = Status(payment.status)
    try:
        with session.begin_nested():
            fresh = _store_facts(session, payment, seen)
            now = status_of(phase, totals(_facts(session, payment.id)))
            if not may_become(before, now):
                raise _Impossible(now)
            for fact_id, fact in fresh:
                _book(session, payment, fact_id, fact)
    except _Impossible as refused:
        raise_alert(session, "impossible_move", about=refused.status, old=before, new=refused.status, **about)
        return before
    except IntegrityError as error:
        cause = error.orig
        if not isinstance(cause, CheckViolation) or cause.diag.constraint_name != "payment_fact_within":
            raise
        raise_alert(session, "facts_refused", **about)
        return before
    if before not in LIVE and fresh and before in (Status.FAILED, Status.CANCELLED, Status.EXPIRED):
        raise_alert(session, "money_after_end", old=before, **about)
    _keep(session, payment, seen, phase, now, asked=account.provider != OWN_BANK)
    _refunds(session, payment, seen, about)
    _disputes(session, payment, seen, about)
    if now is not before:
        record_fact(session, f"payment_{now}", payment.id, customer_id=payment.customer_id, before=before)
    return now


class _Impossible(Exception):
    def __init__(self, status: Status) -> None:
        self.status = status


def _facts(session: Session, payment_id: UUID) -> list[tuple[FactKind, int]]:
    return [(FactKind(kind), minor) for kind, minor in session.execute(_FACTS, {"payment": payment_id})]


def _store_facts(session: Session, payment: Payment, seen: Snapshot) -> list[tuple[int, MoneyFact]]:
    """Insert what we do not have yet; the order in which they happened is the order they are booked in."""
    fresh = []
    for fact in sorted(seen.facts, key=lambda f: (f.occurred_at, f.kind not in _IN, f.ref)):
        fact_id = session.scalar(
            insert(PaymentFact)
            .values(
                account_id=payment.account_id,
                payment_id=payment.id,
                customer_id=payment.customer_id,
                recorded_at=clock.now(),
                **asdict(fact),
            )
            .on_conflict_do_nothing()
            .returning(PaymentFact.id)
        )
        if fact_id is not None:
            fresh.append((fact_id, fact))
    return fresh


_IN = frozenset({FactKind.RECEIVED, FactKind.REFUND_RETURNED, FactKind.CHARGEBACK_REVERSED})


def _book(session: Session, payment: Payment, fact_id: int, fact: MoneyFact) -> None:
    clearing = clearing_of(session, payment.account_id)
    on = clock.day_of(fact.occurred_at)
    if fact.kind in _IN:
        # A refund that came back belongs to who was refunded: it waits on account for a person to send it again.
        settles = fact.kind is not FactKind.REFUND_RETURNED
        money_in(session, payment, clearing, fact_id, fact.amount_minor, on, settles=settles)
    elif fact.kind in _BACK:
        opened = money_back(session, payment, clearing, fact_id, fact.kind, fact.amount_minor, on)
        record_fact(
            session,
            "payment_money_back",
            payment.id,
            kind=fact.kind,
            amount_minor=fact.amount_minor,
            currency=fact.currency,
            customer_id=payment.customer_id,
            reason_code=fact.reason_code,
            items=opened,
            fact_id=fact_id,
        )
        if fact.kind is not FactKind.REFUNDED:
            raise_alert(
                session,
                "came_back",
                account_id=payment.account_id,
                payment_id=payment.id,
                about=str(fact_id),
                reason=fact.reason_code or fact.cause or N_("no reason given"),
            )


def _keep(
    session: Session, payment: Payment, seen: Snapshot, phase: Phase, now: Status, *, asked: bool
) -> None:
    """`asked`: there is a provider to ask again later; the own bank is none."""
    values: dict[str, Any] = {
        "phase": phase,
        "status": now,
        "unclear": False,
        "provider_ref": seen.provider_ref,
        "step": _step(payment, seen, now),
        "decline": seen.decline.code if seen.decline else None,
        "decline_code": seen.decline.provider_code if seen.decline else None,
        "expected_on": seen.expected_on,
        "refundable_until": seen.refundable_until or payment.refundable_until,
    }
    first_seen = payment.instrument is None
    if seen.instrument:
        shown = seen.instrument
        values["instrument"] = {"kind": shown.kind, "label": shown.label, "last4": shown.last4}
    if any(getattr(payment, name) != value for name, value in values.items()):
        values |= {"changed_at": clock.now(), "version": payment.version + 1}
    look = None
    if asked:
        look = next_look(
            now, Method(payment.method), payment.started_at, clock.now(), values["refundable_until"]
        )
    # Who asked for a look while this one was under way still gets it.
    values["sync_due_at"] = case((Payment.sync_due_at <= clock.now(), Payment.sync_due_at), else_=look)
    session.execute(update(Payment).where(Payment.id == payment.id).values(**values))
    for ref in {seen.provider_ref, *seen.refs}:
        session.execute(_REF, {"account": payment.account_id, "ref": ref, "payment": payment.id})
    if seen.provider_customer:
        keep_customer(session, payment.account_id, payment.customer_id, seen.provider_customer)
    if seen.instrument and seen.instrument.saved_ref and seen.instrument.kind == "iban":
        if first_seen:
            _tell_mandate(session, payment, seen.instrument)
    elif seen.instrument and seen.instrument.saved_ref and payment.save_instrument:
        keep_card(session, payment.account_id, payment.customer_id, seen, payment.started_by)


def _step(payment: Payment, seen: Snapshot, now: Status) -> dict[str, Any] | None:
    """What the payer does next; a provider may tell where only once, when it is asked to start."""
    if seen.step is None:
        return payment.step if now is Status.AWAITING_PAYER else None
    return asdict(seen.step) if now in LIVE else None


def _tell_mandate(session: Session, payment: Payment, signed: Instrument) -> None:
    """A mandate was signed with this payment; who keeps mandates hears of it."""
    about = {"customer_id": payment.customer_id, "instrument": {**asdict(signed), "expires_on": ""}}
    record_fact(session, "payment_mandate_signed", payment.id, **about)


def keep_customer(session: Session, account_id: UUID, customer_id: UUID, ref: str) -> None:
    row = {"account_id": account_id, "customer_id": customer_id, "ref": ref}
    session.execute(insert(ProviderCustomer).values(**row).on_conflict_do_nothing())


def keep_card(session: Session, account_id: UUID, customer_id: UUID, seen: Snapshot, by: str) -> None:
    """Remember a card the payer agreed to keep; known already is kept already."""
    card = seen.instrument
    assert card is not None
    session.execute(
        insert(SavedCard)
        .values(
            id=new_id(),
            account_id=account_id,
            customer_id=customer_id,
            ref=card.saved_ref,
            brand=card.label,
            last4=card.last4,
            expires_on=card.expires_on,
            saved_by=by,
            saved_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )


def _refunds(session: Session, payment: Payment, seen: Snapshot, about: dict[str, Any]) -> None:
    """Bring our refunds to what the provider says of them; what was refunded there without us is told."""
    ours = {r.id: r for r in session.scalars(select(Refund).where(Refund.payment_id == payment.id))}
    for each in seen.refunds:
        refund = ours.get(each.refund_id) if each.refund_id else None
        if refund is None:
            raise_alert(
                session,
                "refund_elsewhere",
                about=each.ref,
                amount=Money(each.amount_minor, payment.currency),
                **about,
            )
            continue
        state = {"pending": "pending", "paid": "paid", "failed": "failed"}[each.state]
        if (refund.state, refund.ref) == (state, each.ref):
            continue
        refund.state, refund.ref, refund.error = state, each.ref, each.error
        session.flush()
        record_fact(
            session, f"refund_{state}", refund.id, payment_id=payment.id, amount_minor=refund.amount_minor
        )
        if state == "failed":
            raise_alert(session, "refund_failed", about=each.ref, error=each.error or "", **about)


def _disputes(session: Session, payment: Payment, seen: Snapshot, about: dict[str, Any]) -> None:
    for each in seen.disputes:
        values = {
            "state": each.state,
            "reason": each.reason,
            "amount_minor": each.amount_minor,
            "answer_by": each.answer_by,
            "changed_at": clock.now(),
        }
        session.execute(
            insert(PaymentDispute)
            .values(
                id=new_id(),
                account_id=payment.account_id,
                payment_id=payment.id,
                customer_id=payment.customer_id,
                ref=each.ref,
                currency=each.currency,
                opened_at=each.opened_at,
                **values,
            )
            .on_conflict_do_update(index_elements=["account_id", "ref"], set_=values)
        )
        if each.state in ("warning", "to_answer"):
            raise_alert(session, "dispute", about=each.ref, **about)
