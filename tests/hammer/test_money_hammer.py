"""People, debtors and runs at the same moment on the same money: refused in a sentence or done, never twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.creditors import actions as creditors
from shared.errors import Conflict, DomainError
from shared.matching import run
from shared.matching.actions import Part, assign, undo
from shared.payments import announcing
from shared.payments.queries import payables
from shared.payments.rules import Choice
from shared.sandbox.camt_files import ACCOUNT, Camt053, Statement, believable
from tests.conftest import DEEP
from tests.make.at_once import at_once, refused
from tests.make.books import Books
from tests.make.truth import assert_books_agree

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 60 if DEEP else 6
RUN = """
from shared.actor import SYSTEM
from shared.matching import run
run.BATCH = 20
for result in run.run(SYSTEM, progress=lambda done, total: print(done, flush=True)):
    pass
print("finished", flush=True)
"""
IMPORT = """
import sys
from shared import db
from shared.actor import SYSTEM
from shared.bank_statements.importing import import_statement
with db.writing(SYSTEM) as session, open(sys.argv[1], "rb") as source:
    import_statement(session, SYSTEM, source, "bank.xml")
"""


@pytest.fixture
def books(database: object) -> Books:
    return Books()


def ask(query: str) -> object:
    with db.reading(SYSTEM) as session:
        return session.scalar(text(query))


def by_hand(line: UUID, *parts: Part, seen: int | None = None, on_account: UUID | None = None) -> UUID:
    with db.writing(SYSTEM) as session:
        return assign(session, SYSTEM, line, parts, on_account, seen_minor=seen)


def take_back(match: UUID) -> None:
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match, "hammered")


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_clerks_who_assign_the_same_line_assign_it_once(books: Books) -> None:
    customer = books.customer("C1")
    for n in range(ROUNDS):
        invoice, line = books.invoice(customer, f"F-{n:04}", 10_000), books.bank_line(10_000)
        # Half of the line: there is room for both, but the second clerk saw the whole.
        answers = at_once(*[lambda: by_hand(line, Part(invoice, 5_000), seen=10_000)] * 2)  # noqa: B023
        assert refused(answers) == 1
        assert (books.open_minor(invoice), books.line_open_minor(line)) == (5_000, 5_000)
    assert_books_agree()


def test_a_basket_announced_by_four_sessions_has_one_reference(books: Books) -> None:
    customer = books.customer("C1")
    debtor = books.debtor(customer)
    for n in range(ROUNDS):
        choices = [
            Choice(books.invoice(customer, f"F-{n:04}", 10_000)),
            Choice(books.invoice(customer, f"A-{n:04}", -500)),
        ]

        def announce(choices: list[Choice] = choices) -> str:
            with db.writing(debtor) as session:
                return announcing.announce(session, debtor, choices, clock.today())[0].reference

        answers = at_once(*[announce] * 4)
        assert refused(answers) == 0 and len(set(answers)) == 1
    assert ask("SELECT count(*) FROM expected_payment") == ROUNDS


def test_an_invoice_announced_while_it_is_settled_is_never_asked_for_again(books: Books) -> None:
    customer = books.customer("C1")
    debtor = books.debtor(customer)
    for n in range(ROUNDS):
        invoice = books.invoice(customer, f"F-{n:04}", 10_000)
        books.bank_line(10_000, f"F-{n:04}")

        def announce(invoice: UUID = invoice) -> None:
            with db.writing(debtor) as session:
                announcing.announce(session, debtor, [Choice(invoice, 10_000)], clock.today())

        at_once(announce, lambda: list(run.run(SYSTEM)))
        assert books.open_minor(invoice) == 0
    assert ask("SELECT count(*) FROM expected_payment WHERE received_at IS NULL") == 0
    assert_books_agree()


def test_a_match_undone_while_its_line_is_assigned_leaves_each_cent_once(books: Books) -> None:
    customer = books.customer("C1")
    for n in range(ROUNDS):
        invoice, line = books.invoice(customer, f"F-{n:04}", 10_000), books.bank_line(10_000)
        match = by_hand(line, Part(invoice, 6_000))
        verbs = [lambda m=match: take_back(m)] * 2 + [lambda i=invoice, b=line: by_hand(b, Part(i, 4_000))]
        assert refused(at_once(*verbs)) == 1, "one of the undos"
        assert (books.open_minor(invoice), books.line_open_minor(line)) == (6_000, 6_000)
    assert_books_agree()


def test_runs_at_once_decide_each_line_once(books: Books) -> None:
    customer = books.customer("C1")
    for n in range(40):
        books.invoice(customer, f"F-2026-{n:04}", 1_000 + n)
        books.bank_line(1_000 + n, f"F-2026-{n:04}")
    books.bank_line(-500, "FRAIS"), books.bank_line(77, "inconnu")
    at_once(*[lambda: list(run.run(SYSTEM))] * 3)
    assert ask("SELECT count(*) FROM match WHERE outcome = 'applied'") == 40
    assert ask("SELECT count(*) FROM match") == 42, "each line was told about once"
    assert ask("SELECT count(*) FROM fact WHERE name = 'payment_received'") == 40
    assert_books_agree()


def test_a_run_meets_a_clerk_at_the_same_line_and_the_rest_is_matched(books: Books) -> None:
    customer = books.customer("C1")
    for n in range(ROUNDS):
        invoice = books.invoice(customer, f"F-2026-{n:04}", 10_000)
        line = books.bank_line(10_000, f"F-2026-{n:04}")
        other = books.invoice(customer, f"F-2027-{n:04}", 7_000)
        books.bank_line(7_000, f"F-2027-{n:04}")
        _, ran = at_once(
            lambda b=line, i=invoice: by_hand(b, Part(i, 2_000), seen=10_000), lambda: list(run.run(SYSTEM))
        )
        assert isinstance(ran, list), "a clerk never stops a run"
        assert books.open_minor(invoice) in (0, 8_000) and books.open_minor(other) == 0
    assert_books_agree()


def test_a_run_killed_in_the_middle_is_finished_by_the_next(books: Books) -> None:
    customer = books.customer("C1")
    for n in range(120):
        books.invoice(customer, f"F-2026-{n:04}", 1_000)
        books.bank_line(1_000, f"F-2026-{n:04}")
    with process(RUN) as first:
        assert first.stdout and first.stdout.readline().strip() == "20"
        time.sleep(random.uniform(0, 0.15))
        first.send_signal(signal.SIGKILL)
    assert_books_agree()
    done = ask("SELECT count(*) FROM match WHERE outcome = 'applied'")
    assert isinstance(done, int) and done >= 20 and done % 20 == 0, (
        "a batch is in the books whole or not at all"
    )
    with process(RUN) as second:
        assert second.communicate(timeout=60)[0].strip().endswith("finished")
    assert ask("SELECT count(*) FROM match WHERE outcome = 'applied'") == 120
    assert ask("SELECT count(*) FROM receipt") == 120
    assert ask("SELECT count(*) FROM fact WHERE name = 'payment_received'") == 120
    assert ask("SELECT sum(abs(open_minor)) FROM open_item") == 0
    assert_books_agree()


def test_a_statement_imported_by_two_processes_at_once_is_in_the_books_once(
    database: object, tmp_path: Path
) -> None:
    with db.writing(SYSTEM) as session:
        creditors.add_account(
            session, SYSTEM, creditors.add_creditor(session, SYSTEM, name="Ateliers"), ACCOUNT
        )
    file = tmp_path / "bank.xml"
    with file.open("wb") as out:
        Camt053().write(out, [Statement(list(believable(800)))])
    with process(IMPORT, str(file)) as one, process(IMPORT, str(file)) as other:
        assert (one.wait(60), other.wait(60)) == (0, 0)
    assert ask("SELECT count(*) FROM bank_line") == 800
    assert ask("SELECT count(*) FROM journal_entry") == 1
    assert_books_agree()


def test_any_verbs_in_four_threads_end_in_a_sentence_or_a_deed(books: Books) -> None:
    customers = [books.customer(f"C{n}", group="G") for n in range(4)]
    numbers = [f"F-2026-{n:04}" for n in range(40)]
    invoices = [books.invoice(customers[n % 4], number, 1_000) for n, number in enumerate(numbers)]
    lines = [books.bank_line(1_500, f"{numbers[n]} {numbers[-1 - n]}") for n in range(40)]
    debtor = books.debtor(*customers)
    end = time.monotonic() + (60 if DEEP else 5)

    def hand(dice: random.Random) -> None:
        parts = [Part(item, dice.choice([300, 500])) for item in dice.sample(invoices, 2)]
        by_hand(dice.choice(lines), *parts, on_account=dice.choice([None, *customers]))

    def back(dice: random.Random) -> None:
        with db.reading(SYSTEM) as session:
            found = session.scalars(text("SELECT id FROM match WHERE outcome = 'applied'")).all()
        take_back(dice.choice(found)) if found else None

    def announce(dice: random.Random) -> None:
        with db.writing(debtor) as session:
            found = dice.sample(payables(session, debtor), 2)
            announcing.announce(session, debtor, [Choice(p.item_id) for p in found], clock.today())

    def cancel(dice: random.Random) -> None:
        with db.reading(SYSTEM) as session:
            found = session.scalars(text("SELECT id FROM expected_payment")).all()
        if found:
            with db.writing(debtor) as session:
                announcing.cancel(session, debtor, dice.choice(found))

    def match(_dice: random.Random) -> None:
        list(run.run(SYSTEM))

    def live(seed: int) -> int:
        dice, done = random.Random(seed), 0
        while time.monotonic() < end:
            try:
                dice.choice([hand, hand, back, announce, cancel, match])(dice)
                done += 1
            except DomainError as no:
                assert not (isinstance(no, Conflict) and "deadlock" in repr(no.__cause__)), "a deadlock"
        return done

    done = at_once(*[lambda seed=n: live(seed) for n in range(4)])
    assert all(isinstance(count, int) and count > 3 for count in done), done
    assert_books_agree()
    assert ask("SELECT count(*) FROM expected_payment WHERE received_at < announced_at") == 0
