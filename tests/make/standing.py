"""What stands on file: saved cards, mandates that collect, autopay switched on; and days that pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM, Actor
from shared.autopay.actions import AutopayTerms, switch_on
from shared.ids import new_id
from shared.mandates.signing import Circumstances
from shared.outbox.facts import Fact, Handler
from tests.make.books import Books
from tests.make.mandates import lets_collect, signed
from tests.make.rails import an_account

HOW = Circumstances("en", "192.0.2.7", "Firefox")
MONDAY = date(2026, 11, 2)


@contextmanager
def on(day: date) -> Iterator[None]:
    """The morning of a day."""
    with clock.frozen(datetime.combine(day, time(7, 0), UTC)):
        yield


def a_card(
    account_id: UUID, customer_id: UUID, *, last4: str = "4242", expires_on: date | None = None
) -> UUID:
    card_id = new_id()
    with db.writing(SYSTEM) as session:
        session.execute(
            text(
                "INSERT INTO saved_card (id, account_id, customer_id, ref, brand, last4, saved_by, saved_at, expires_on)"
                " VALUES (:id, :account, :customer, :ref, 'visa', :last4, 'n', :now, :expires)"
            ),
            {"id": card_id, "account": account_id, "customer": customer_id, "ref": f"pm_{card_id}", "last4": last4,
             "now": clock.now(), "expires": expires_on},
        )  # fmt: skip
    return card_id


@dataclass
class Standing:
    """One creditor that takes cards and debits, one customer with a person and an address."""

    books: Books = field(init=False)
    customer: UUID = field(init=False)
    person: Actor = field(init=False)
    stripe: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.books = Books()
        self.customer = self.books.customer("C1")
        self.person = self.books.debtor(self.customer)
        self.stripe = an_account(self.books)
        self.run("UPDATE customer SET email = 'compta@client.fr', language = 'en'")

    @property
    def creditor(self) -> UUID:
        return self.books.creditor_id

    def card(self, **given: Any) -> UUID:
        return a_card(self.stripe, self.customer, **given)

    def mandate(self) -> UUID:
        """A mandate for the creditor's own bank, with fourteen days' notice."""
        an_account(self.books, "own_bank")
        return signed(self.person, lets_collect(self.creditor, self.books.iban))

    def autopay(self, instrument: UUID | None = None, cap_minor: int = 100_000, offset: int = 0) -> UUID:
        terms = AutopayTerms(instrument or self.card(), cap_minor, offset)
        return self.act(switch_on, self.customer, self.creditor, terms, HOW)

    def invoice(self, number: str, minor: int, due_on: date) -> UUID:
        return self.books.invoice(self.customer, number, minor, due_on=due_on)

    def act(self, verb: Any, *given: Any, actor: Actor | None = None, **named: Any) -> Any:
        who = actor or self.person
        with db.writing(who) as session:
            return verb(session, who, *given, **named)

    def told(self, handler: Handler, subject: UUID, name: str = "payment_failed") -> None:
        """What the worker does with a fact."""
        with db.writing(SYSTEM) as session:
            handler(session, Fact(1, name, subject, {}, clock.now()))

    def rows(self, query: str, **given: Any) -> list[Any]:
        with db.reading(SYSTEM) as session:
            return list(session.execute(text(query), given))

    def run(self, statement: str, **given: Any) -> None:
        with db.writing(SYSTEM) as session:
            session.execute(text(statement), given)

    def mails(self, kind: str = "") -> list[Any]:
        return self.rows(
            "SELECT * FROM message WHERE kind LIKE :kind ORDER BY created_at, id", kind=kind + "%"
        )

    def debits(self) -> list[Any]:
        return self.rows("SELECT * FROM autopay_debit ORDER BY noticed_at, execute_on")

    def payments(self) -> list[Any]:
        return self.rows("SELECT * FROM payment ORDER BY started_at, id")


def after(day: date, days: int) -> date:
    return day + timedelta(days=days)
