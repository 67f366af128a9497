"""Generated lives of a small ledger: whatever people and banks do, in whatever order, the books agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.engine import URL

from shared import clock, db
from shared.actor import SYSTEM
from shared.audit import checks as audit_checks
from shared.errors import DomainError
from shared.ledger import checks as ledger_checks
from shared.matching import checks as matching_checks
from shared.matching import run
from shared.matching.actions import Part, assign, undo
from shared.payments import announcing
from shared.payments.queries import payables
from shared.payments.rules import Choice
from tests.conftest import DEEP, empty
from tests.make.books import Books

CHECKS = (
    ledger_checks.items_equal_their_allocations,
    ledger_checks.entries_balance,
    ledger_checks.items_equal_the_ledger,
    matching_checks.lines_equal_their_receipts,
    matching_checks.unassigned_money_equals_the_ledger,
    audit_checks.chain,
)
AMOUNTS = st.sampled_from([1, 99, 100, 5_000, 12_000, 12_000, 33_333])


class Histories(RuleBasedStateMachine):
    database: ClassVar[URL]

    @initialize()
    def start(self) -> None:
        empty(self.database)
        self.books = Books()
        self.customers = [self.books.customer(f"C{n}", group="G") for n in range(2)]
        self.numbers = 0
        self.items: dict[str, UUID] = {}
        self.lines: list[UUID] = []
        self.references: list[tuple[str, int]] = []
        self.money = 0

    @rule(who=st.integers(0, 1), amount=AMOUNTS, credit=st.booleans())
    def invoice(self, who: int, amount: int, credit: bool) -> None:
        self.numbers += 1
        number = f"F-2026-{self.numbers:05}"
        self.items[number] = self.books.invoice(self.customers[who], number, -amount if credit else amount)

    @rule(data=st.data(), amount=AMOUNTS)
    def transfer_with_numbers(self, data: st.DataObject, amount: int) -> None:
        numbers = (
            data.draw(st.lists(st.sampled_from(sorted(self.items)), max_size=3, unique=True))
            if self.items
            else []
        )
        total = sum(self.books.open_minor(self.items[number]) for number in numbers)
        self.line(total if total > 0 and data.draw(st.booleans()) else amount, " ".join(numbers))

    @rule(data=st.data(), wrong=st.booleans())
    def transfer_with_reference(self, data: st.DataObject, wrong: bool) -> None:
        if self.references:
            reference, amount = data.draw(st.sampled_from(self.references))
            self.line(amount + wrong, "", reference)

    def line(self, amount: int, remittance: str, reference: str | None = None) -> None:
        self.lines.append(self.books.bank_line(amount, remittance, reference=reference))
        self.money += amount

    @rule(data=st.data())
    def announce(self, data: st.DataObject) -> None:
        debtor = self.books.debtor(*self.customers)
        with db.reading(debtor) as session:
            found = payables(session, debtor)
        if not found:
            return
        chosen = data.draw(
            st.lists(st.sampled_from(found), min_size=1, max_size=3, unique_by=lambda p: p.item_id)
        )
        choices = [Choice(p.item_id, data.draw(st.sampled_from([None, p.free_minor // 2]))) for p in chosen]

        def try_it() -> None:
            with db.writing(debtor) as session:
                for payment in announcing.announce(session, debtor, choices, clock.today()):
                    self.references.append((payment.reference, payment.amount_minor))

        refused_or_done(try_it)

    @rule()
    def match(self) -> None:
        list(run.run(SYSTEM))

    @rule(data=st.data(), keep=st.booleans())
    def assign_by_hand(self, data: st.DataObject, keep: bool) -> None:
        if not (self.lines and self.items):
            return
        line = data.draw(st.sampled_from(self.lines))
        numbers = data.draw(st.lists(st.sampled_from(sorted(self.items)), max_size=2, unique=True))
        parts = [Part(self.items[n], data.draw(st.sampled_from([50, 100, 12_000, -100]))) for n in numbers]

        def try_it() -> None:
            with db.writing(SYSTEM) as session:
                assign(session, SYSTEM, line, parts, on_account=self.customers[0] if keep else None)

        refused_or_done(try_it)

    @rule(data=st.data())
    def undo_one(self, data: st.DataObject) -> None:
        with db.reading(SYSTEM) as session:
            applied = list(
                session.scalars(text("SELECT id FROM match WHERE outcome = 'applied' ORDER BY id"))
            )
        if not applied:
            return
        chosen = data.draw(st.sampled_from(applied))

        def try_it() -> None:
            with db.writing(SYSTEM) as session:
                undo(session, SYSTEM, chosen, "generated")

        refused_or_done(try_it)

    @invariant()
    def the_books_agree(self) -> None:
        with db.reading(SYSTEM) as session:
            for check in CHECKS:
                assert check(session) is None, check.__name__
            in_bank = session.scalar(
                text("SELECT coalesce(sum(amount_minor), 0) FROM journal_line WHERE account = '512'")
            )
        assert in_bank == self.money, "money is neither made nor lost"


def refused_or_done(verb: Callable[[], None]) -> None:
    """A verb may be refused with a sentence; anything else is a defect."""
    try:
        verb()
    except DomainError as refused:
        assert str(refused)


def test_generated_histories_keep_the_books_in_agreement(database: URL) -> None:
    Histories.database = database
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=200 if DEEP else 8, stateful_step_count=40 if DEEP else 20, deadline=None
        ),
    )
