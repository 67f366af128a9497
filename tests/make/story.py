"""Books with one of everything the back office shows."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM, Actor
from shared.creditors.models import Creditor
from shared.mandates.signing import Circumstances
from shared.matching import run
from shared.matching.actions import Part, assign, undo
from shared.money import Money
from shared.payments import announcing
from shared.payments.rules import Choice
from shared.plans.deciding import set_policy
from shared.plans.proposing import Proposal, propose
from shared.plans.rules import Limits
from shared.rails import collection_answers, collections
from shared.rails.accounts import add_account
from shared.rails.models import Payment
from shared.rails.snapshot import Method, PayoutSeen
from shared.rails.starting import pay
from shared.rails.terms import Terms
from tests.make.account_changes import ask_change
from tests.make.books import PAYER_IBAN, SECOND_IBAN
from tests.make.collecting import pain002
from tests.make.mandates import lets_collect, signed
from tests.make.paying import Rails, line
from tests.make.people import an_invitation


class Story(Rails):
    """A customer with invoices in every state, a group, lines matched, undone and waiting."""

    def __post_init__(self) -> None:
        super().__post_init__()
        today = clock.today()
        self.parent = self.customer("C001", group="G1", iban=PAYER_IBAN)
        self.child = self.customer("C002", group="G1")
        self.late = self.invoice(self.parent, "F-2026-0001", 120000, due_on=today - timedelta(days=45))
        self.open = self.invoice(self.child, "F-2026-0002", 50000)
        self.credit = self.invoice(self.parent, "A-2026-0003", -10000)
        self.paid = self.invoice(self.child, "F-2026-0004", 7700)
        self.announced = self.invoice(self.parent, "F-2026-0005", 30000)
        debtor = self.debtor(self.parent)
        with db.writing(debtor) as session:
            announcing.announce(session, debtor, [Choice(self.announced)], today)
        self.matched_line = self.bank_line(7700, "F-2026-0004")
        self.waiting_line = self.bank_line(
            169000, "VIR FACTURES F-2026-0001 ET F-2026-0002 ACOMPTE", iban=PAYER_IBAN
        )
        self.other_line = self.bank_line(999, "inconnu")
        list(run.run(SYSTEM))
        partly = self.bank_line(2000, "acompte")
        with db.writing(SYSTEM) as session:
            undone = assign(session, SYSTEM, partly, [Part(self.open, 2000)])
        with db.writing(SYSTEM) as session:
            undo(session, SYSTEM, undone, "wrong customer")
        an_invitation("lea@client.fr", self.parent)
        self.card = self.collected("card", 4100)
        lines = (line("txn_1", "payment", "4100", "100", self.card),)
        self.sent = self.payout(PayoutSeen("po_1", "paid", 4000, "EUR", today, lines=lines, complete=True))
        self.mandate = signed(debtor, lets_collect(self.creditor_id, self.iban))
        self.change = ask_change(self.creditor_id, iban=SECOND_IBAN)
        self.batch, self.answer = self._collection(debtor)
        self.plan = self._plan(debtor)

    def _collection(self, debtor: Actor) -> tuple[UUID, UUID]:
        """A file for the creditor's own bank with one debit in it, and the bank's answer that refuses it."""
        item = self.invoice(self.parent, "F-2026-0006", 6600)
        with db.writing(SYSTEM) as session:
            creditor = session.get_one(Creditor, self.creditor_id)
            own_bank = add_account(session, SYSTEM, creditor, "own_bank", mode="live").id
        with db.writing(debtor) as session:
            terms = Terms(own_bank, Method.DEBIT_CORE, "en", mandate_id=self.mandate)
            payment = pay(session, debtor, [Choice(item)], terms)
        with db.writing(SYSTEM) as session:
            due = session.get_one(Payment, payment).collect_on
            batch = collections.make(session, SYSTEM, due)[0]
            collections.mark_sent(session, SYSTEM, batch)
            reference = session.scalar(
                text("SELECT message_id FROM collection_batch WHERE id = :id"), {"id": batch}
            )
            refused = io.BytesIO(pain002(reference, {payment: "AM04"}))
            return batch, collection_answers.take_answer(session, SYSTEM, refused, "answer.xml")

    def _plan(self, debtor: Actor) -> UUID:
        """A plan beyond the limits, waiting for a person."""
        item = self.invoice(self.parent, "F-2026-0007", 9900, due_on=clock.today() - timedelta(days=40))
        with db.writing(SYSTEM) as session:
            limits = Limits(1, 0, Money(100, "EUR"), 0, False, 5)
            set_policy(session, SYSTEM, self.creditor_id, limits, enabled=True)
        with db.writing(debtor) as session:
            wanted = Proposal((item,), 3, clock.today() + timedelta(days=20))
            return propose(
                session, debtor, wanted, Circumstances("en", "192.0.2.7", "Firefox"), ask_a_person=True
            )

    def ids(self) -> dict[str, UUID]:
        """By the names the addresses use."""
        with db.reading(SYSTEM) as session:
            match = session.scalar(text("SELECT id FROM match WHERE outcome = 'applied' ORDER BY id LIMIT 1"))
        return {
            "line_id": self.waiting_line,
            "match_id": match,
            "item_id": self.late,
            "customer_id": self.parent,
            "account_id": self.account_id,
            "statement_id": self.statement_id,
            "payment_id": self.card,
            "payout_id": self.sent,
            "provider_account_id": self.provider_account,
            "mandate_id": self.mandate,
            "change_id": self.change,
            "batch_id": self.batch,
            "plan_id": self.plan,
            "creditor_id": self.creditor_id,
            "answer_id": self.answer,
        }
