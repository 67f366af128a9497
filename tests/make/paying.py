"""Payments over a rail, as a provider would tell of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from shared import clock, db
from shared.actor import SYSTEM
from shared.creditors.models import Creditor
from shared.payments.rules import Choice
from shared.rails import applying, payouts
from shared.rails.accounts import Keys, add_account
from shared.rails.snapshot import FactKind, Method, MoneyFact, PayoutLine, PayoutSeen, Phase, Snapshot
from shared.rails.starting import Terms, pay
from tests.make.books import Books


@dataclass
class Rails(Books):
    """Books of a creditor with an account at a provider."""

    provider: str = "stripe"
    provider_account: UUID = field(init=False)
    facts: dict[UUID, list[MoneyFact]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        with db.writing(SYSTEM) as session:
            creditor = session.get_one(Creditor, self.creditor_id)
            keys = Keys("sk_test_1", "whsec_1", "pk_test_1")
            self.provider_account = add_account(
                session, SYSTEM, creditor, self.provider, mode="test", keys=keys
            ).id

    def payment(self, customer: UUID, item: UUID, minor: int, method: Method = Method.CARD) -> UUID:
        """An attempt over one item, whose provider knows it as `pi_<last of its id>`."""
        debtor = self.debtor(customer)
        with db.writing(debtor) as session:
            terms = Terms(self.provider_account, method, "en")
            payment = pay(session, debtor, [Choice(item, minor)], terms)
        self.facts[payment] = []
        return payment

    def collected(self, ref: str, minor: int) -> UUID:
        """A payment of a fresh invoice, received."""
        customer = self.customer(f"C-{ref}")
        payment = self.payment(customer, self.invoice(customer, f"F-{ref}", minor), minor)
        self.tell(payment, FactKind.RECEIVED, f"ch_{ref}", minor)
        return payment

    def tell(self, payment: UUID, kind: FactKind, ref: str, minor: int) -> None:
        """The provider says what happened to money of a payment."""
        self.facts[payment].append(MoneyFact(kind, ref, minor, "EUR", clock.now()))
        self.show(payment)

    def show(self, payment: UUID, **seen) -> None:
        received = next(f for f in self.facts[payment] if f.kind is FactKind.RECEIVED)
        snapshot = Snapshot(
            provider_ref=ref_of(payment), phase=Phase.SUCCEEDED, raw_status="succeeded",
            amount_minor=received.amount_minor, currency="EUR", payment_id=payment,
            facts=tuple(self.facts[payment]), **seen,
        )  # fmt: skip
        with db.writing(SYSTEM) as session:
            applying.apply(session, payment, snapshot)

    def payout(self, seen: PayoutSeen) -> UUID:
        """The provider's payout as a fetch brings it."""
        with db.writing(SYSTEM) as session:
            payouts.expect(session, self.provider_account, seen.ref)
            payout_id = session.connection().exec_driver_sql(
                "SELECT id FROM payout WHERE provider_ref = %s", (seen.ref,)
            ).scalar_one()  # fmt: skip
            payouts.apply(session, payout_id, seen)
            return payout_id


def ref_of(payment: UUID) -> str:
    return f"pi_{payment.hex[-12:]}"


def line(
    ref: str, kind: str, gross: str, fee: str = "0", payment: UUID | None = None, label: str = ""
) -> PayoutLine:
    return PayoutLine(ref, kind, kind, gross, fee, ref_of(payment) if payment else None, label)
