"""The outbox of commands: claim one and commit, send it, write what came of it. Never a transaction across the network.

A worker that dies in between leaves a claim that runs out; the command is then sent again under the same key, so that
it has one effect. Nothing but a clear answer ends a command.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select, text, update
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import SYSTEM
from shared.config import settings
from shared.customers.models import Customer
from shared.db import reading, writing
from shared.errors import DomainError
from shared.outbox.actions import record_fact
from shared.rails import setting_up
from shared.rails.accounts import access
from shared.rails.adapters import adapter_of
from shared.rails.alerts import raise_alert
from shared.rails.applying import apply, hold_payment
from shared.rails.debits import must_not_be_in_a_file
from shared.rails.models import Operation, Payment, ProviderAccount, ProviderCustomer, Refund, SavedCard
from shared.rails.providers.protocols import (
    Access,
    Busy,
    Payer,
    RefundOrder,
    Refunds,
    Rejected,
    SetsUp,
    SetUpSeen,
    Start,
    TakesPayments,
    Unclear,
)
from shared.rails.rules import OWN_BANK, wait_before
from shared.rails.snapshot import Decline, Method, Phase, Snapshot
from shared.rails.states import Status, Totals, status_of

# Longer than an adapter ever waits for its provider, retries included.
_CLAIM = timedelta(minutes=3)
# Providers keep keys for 24 hours at least (payments over rails: their documentation); after that we look first.
_KEYS_LIVE = timedelta(hours=23)
_TOO_LONG = timedelta(minutes=15)

# Due times are the database's, as for mail: they are about machines, not about business days. A cancellation waits
# until it is known what it cancels.
_TAKE = text("""
    UPDATE payment_operation SET state = 'sent', attempts = attempts + 1, due_at = now() + :claim,
                                 first_sent_at = coalesce(first_sent_at, now())
    WHERE id = (SELECT o.id FROM payment_operation o
                WHERE o.state IN ('pending', 'sent', 'unknown') AND o.due_at <= now()
                  AND (o.kind <> 'cancel' OR NOT EXISTS (
                       SELECT FROM payment_operation s WHERE s.payment_id = o.payment_id AND s.kind = 'start'
                       AND s.state IN ('pending', 'sent', 'unknown')))
                ORDER BY o.due_at, o.id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, account_id, customer_id, payment_id, refund_id, set_up_id, kind, request, attempts, first_sent_at,
              now() AS taken_at""")


def perform_waiting(stop: threading.Event | None = None) -> int:
    """Carry out every command that is due; gives how many got a clear answer. O(commands), one call each."""
    done = 0
    while not (stop and stop.is_set()) and (operation := _claim()) is not None:
        done += _perform(operation)
    return done


def _claim() -> Row[Any] | None:
    with writing(SYSTEM) as session:
        return session.execute(_TAKE, {"claim": _CLAIM}).first()


def _perform(operation: Row[Any]) -> bool:
    try:
        with reading(SYSTEM) as session:
            reach = access(session, operation.account_id)
            if reach.provider == OWN_BANK:
                return _cancel_debit(operation)
            command = _prepare(session, operation)
        answer = _send(adapter_of(reach), operation, command)
    except Unclear as unclear:
        _unclear(operation, reach, str(unclear))
        return False
    except Busy as busy:
        _later(operation, str(busy), timedelta(seconds=busy.seconds))
        return False
    except Rejected as rejected:
        _rejected(operation, reach, rejected)
        return True
    except DomainError as wrong:
        _blocked(operation, str(wrong))
        return False
    _answered(operation, answer)
    return True


def _cancel_debit(operation: Row[Any]) -> bool:
    """The own bank has nothing to be told of a debit that is in no file yet; of one that is, it is too late."""
    with writing(SYSTEM) as session:
        hold_payment(session, operation.payment_id)
        try:
            must_not_be_in_a_file(session, operation.payment_id)
        except DomainError as late:
            _finish(session, operation, "rejected", str(late))
        else:
            _finish(session, operation, "ok")
            _end(session, operation, Status.CANCELLED, None)
    return True


def _prepare(session: Session, operation: Row[Any]) -> Any:
    """What the adapter is told; worked out from the books anew at each try, and equal each time."""
    if operation.kind in ("start", "cancel"):
        return _payment_command(session, operation)
    if operation.kind == "refund":
        return _refund_order(session, operation)
    return setting_up.command(session, operation)


def _send(adapter: TakesPayments, operation: Row[Any], command: Any) -> Snapshot | SetUpSeen | None:
    if operation.kind == "start":
        assert isinstance(command, Start)
        if operation.attempts > 1 and operation.taken_at - operation.first_sent_at > _KEYS_LIVE:
            found = adapter.find(command.payment_id, operation.first_sent_at)
            if found is not None:
                return found
        return adapter.start(command)
    if operation.kind == "cancel":
        return adapter.cancel(command, str(operation.id)) if command else None
    if operation.kind == "refund":
        assert isinstance(adapter, Refunds)
        return adapter.refund(command)
    assert isinstance(adapter, SetsUp)
    return setting_up.send(adapter, operation, command)


def _payment_command(session: Session, operation: Row[Any]) -> Start | str | None:
    payment = session.get_one(Payment, operation.payment_id)
    if operation.kind == "cancel":
        return payment.provider_ref
    customer = session.get_one(Customer, payment.customer_id)
    payer = payer_of(session, payment.account_id, customer, operation.request.get("email"))
    card = session.get(SavedCard, payment.saved_card_id) if payment.saved_card_id else None
    return Start(
        key=str(operation.id),
        payment_id=payment.id,
        reference=payment.reference,
        method=Method(payment.method),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        description=operation.request.get("description") or payment.reference,
        payer=payer,
        return_url=f"{settings().portal_url}/pay/payments/{payment.id}/back",
        language=payment.language,
        country=customer.country,
        instrument_ref=card.ref if card else setting_up.mandate_ref(session, payment.mandate_id),
        off_session=payment.origin != "debtor",
        save=payment.save_instrument,
        collect_on=payment.collect_on,
        expires_at=payment.expires_at,
    )


def payer_of(session: Session, account_id: Any, customer: Customer, email: str | None) -> Payer:
    ref = session.scalar(
        select(ProviderCustomer.ref).where(
            ProviderCustomer.account_id == account_id, ProviderCustomer.customer_id == customer.id
        )
    )
    return Payer(customer.id, customer.name, email or customer.email, customer.country, ref)


# Without this very refund, so that a second try says the same. What is on its way counts for the provider already.
_REFUNDED = text("""
    SELECT coalesce((SELECT sum(CASE f.kind WHEN 'refunded' THEN f.amount_minor ELSE -f.amount_minor END)
                     FROM payment_fact f WHERE f.payment_id = :payment AND f.kind IN ('refunded', 'refund_returned')
                     AND f.ref IS DISTINCT FROM (SELECT ref FROM refund WHERE id = :refund)), 0)::bigint
         + coalesce((SELECT sum(r.amount_minor) FROM refund r
                     WHERE r.payment_id = :payment AND r.id <> :refund AND r.state = 'pending'
                     AND NOT EXISTS (SELECT FROM payment_fact f WHERE f.payment_id = r.payment_id
                                     AND f.kind = 'refunded' AND f.ref = r.ref)), 0)::bigint""")


def _refund_order(session: Session, operation: Row[Any]) -> RefundOrder:
    refund = session.get_one(Refund, operation.refund_id)
    payment = session.get_one(Payment, refund.payment_id)
    assert payment.provider_ref is not None
    return RefundOrder(
        key=str(operation.id),
        refund_id=refund.id,
        payment_id=payment.id,
        provider_ref=payment.provider_ref,
        amount_minor=refund.amount_minor,
        currency=payment.currency,
        refunded_before_minor=session.scalar(_REFUNDED, {"payment": payment.id, "refund": refund.id}) or 0,
    )


# -- what came of it -----------------------------------------------------------------------------------------


def _answered(operation: Row[Any], answer: Snapshot | SetUpSeen | None) -> None:
    with writing(SYSTEM) as session:
        _finish(session, operation, "ok")
        if isinstance(answer, Snapshot):
            apply(session, operation.payment_id or _payment_of_refund(session, operation), answer)
        elif isinstance(answer, SetUpSeen):
            setting_up.apply(session, operation.set_up_id, answer)
        elif operation.kind == "cancel":
            _end(session, operation, Status.CANCELLED, None)


def _payment_of_refund(session: Session, operation: Row[Any]) -> Any:
    return session.get_one(Refund, operation.refund_id).payment_id


def _unclear(operation: Row[Any], reach: Access, error: str) -> None:
    with writing(SYSTEM) as session:
        _mark(session, operation, "unknown", error, wait_before(operation.attempts))
        if operation.kind == "start":
            payment = hold_payment(session, operation.payment_id)
            status = status_of(Phase(payment.phase), Totals(), unclear=True)
            if Status(payment.status) is Status.CREATED:
                session.execute(
                    update(Payment)
                    .where(Payment.id == payment.id)
                    .values(unclear=True, status=status, changed_at=clock.now(), version=payment.version + 1)
                )
        if operation.taken_at - operation.first_sent_at > _TOO_LONG:
            raise_alert(
                session,
                "no_answer",
                account_id=reach.account_id,
                payment_id=operation.payment_id,
                about=str(operation.id),
                provider=reach.provider,
                since=f"{operation.first_sent_at:%d/%m %H:%M}",
            )


def _later(operation: Row[Any], error: str, wait: timedelta) -> None:
    """Certainly not carried out this time. A command whose earlier try is unclear stays so."""
    with writing(SYSTEM) as session:
        _mark(session, operation, "pending" if operation.attempts == 1 else "unknown", error, wait)


def _blocked(operation: Row[Any], error: str) -> None:
    """A setting is wrong, not the command: it waits until somebody mends it."""
    _later(operation, error, wait_before(operation.attempts))
    with writing(SYSTEM) as session:
        account = session.get_one(ProviderAccount, operation.account_id)
        raise_alert(
            session,
            "rejected",
            account_id=account.id,
            payment_id=operation.payment_id,
            about=str(operation.id),
            provider=account.provider,
            error=error,
        )


def _rejected(operation: Row[Any], reach: Access, rejected: Rejected) -> None:
    with writing(SYSTEM) as session:
        _finish(session, operation, "rejected", str(rejected))
        if rejected.snapshot is not None and operation.payment_id:
            apply(session, operation.payment_id, rejected.snapshot)
        if operation.kind == "start":
            _end(session, operation, Status.FAILED, rejected.decline)
        elif operation.kind == "refund":
            _refund_rejected(session, operation, reach, str(rejected))
        elif operation.kind == "set_up":
            setting_up.fail(session, operation.set_up_id)


def _refund_rejected(session: Session, operation: Row[Any], reach: Access, error: str) -> None:
    refund = session.get_one(Refund, operation.refund_id)
    refund.state, refund.error = "failed", error
    session.flush()
    record_fact(
        session, "refund_failed", refund.id, payment_id=refund.payment_id, amount_minor=refund.amount_minor
    )
    raise_alert(
        session,
        "refund_failed",
        account_id=reach.account_id,
        payment_id=refund.payment_id,
        about=str(refund.id),
        error=error,
    )


def _end(session: Session, operation: Row[Any], status: Status, decline: Decline | None) -> None:
    """The provider never had it, or refused it: the attempt is over, unless money says otherwise."""
    payment = hold_payment(session, operation.payment_id)
    if Status(payment.status) not in (Status.CREATED, Status.UNKNOWN, Status.AWAITING_PAYER):
        return
    before = payment.status
    session.execute(
        update(Payment)
        .where(Payment.id == payment.id)
        .values(
            phase=status.value,
            status=status.value,
            unclear=False,
            step=None,
            decline=decline.code if decline else None,
            decline_code=decline.provider_code if decline else None,
            changed_at=clock.now(),
            sync_due_at=None,
            version=payment.version + 1,
        )
    )
    record_fact(session, f"payment_{status}", payment.id, customer_id=payment.customer_id, before=before)


def _finish(session: Session, operation: Row[Any], state: str, error: str | None = None) -> None:
    session.execute(
        update(Operation)
        .where(Operation.id == operation.id)
        .values(state=state, error=error, finished_at=clock.now())
    )


def _mark(session: Session, operation: Row[Any], state: str, error: str, wait: timedelta) -> None:
    session.execute(
        update(Operation)
        .where(Operation.id == operation.id)
        .values(state=state, error=error, due_at=text("now() + :wait").bindparams(wait=wait))
    )
