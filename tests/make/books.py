"""Build small books for tests, through the same verbs the product uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import text

from shared import actor, clock, db
from shared.actor import SYSTEM
from shared.creditors import actions as creditors
from shared.customers.models import Customer, CustomerIban
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.ledger.rules import BANK, CUSTOMERS, SALES, UNASSIGNED, Entry, Line

# Valid by their check digits, of no bank.
OWN_IBAN = "FR7610107375867753219372266"
SECOND_IBAN = "FR1420041010050500013M02606"
FACTOR_IBAN = "FR3030003035400005000000178"
PAYER_IBAN = "FR7630006000011234567890189"


@dataclass
class Books:
    """One creditor with an account; customers and documents are added as a test needs them."""

    name: str = "Ateliers Vernaison SAS"
    iban: str = OWN_IBAN
    creditor_id: UUID = field(init=False)
    account_id: UUID = field(init=False)
    statement_id: UUID = field(init=False)
    lines: int = 0

    def __post_init__(self) -> None:
        with db.writing(SYSTEM) as session:
            creditor = creditors.add_creditor(session, SYSTEM, name=self.name)
            account = creditors.add_account(session, SYSTEM, creditor, self.iban, bic="AGRIFRPP")
            self.creditor_id, self.account_id = creditor.id, account.id
            self.statement_id = new_id()
            session.execute(
                text(
                    "INSERT INTO bank_statement (id, bank_account_id, creditor_id, reference, format, currency,"
                    " entries, credits_minor, debits_minor, file_name, file_sha256, imported_at)"
                    " VALUES (:id, :account, :creditor, 'S1', 'camt.053', 'EUR', 0, 0, 0, 's1.xml', :hash, :now)"
                ),
                {
                    "id": self.statement_id,
                    "account": account.id,
                    "creditor": creditor.id,
                    "hash": sha256(b"s1").digest(),
                    "now": clock.now(),
                },
            )

    def customer(self, ref: str, *, group: str | None = None, iban: str | None = None) -> UUID:
        with db.writing(SYSTEM) as session:
            now = clock.now()
            customer = Customer(
                id=new_id(), ref=ref, name=f"Client {ref}", search_key=ref.lower(), group_code=group,
                created_at=now, updated_at=now,
            )  # fmt: skip
            session.add(customer)
            session.flush()
            if iban:
                session.add(CustomerIban(customer_id=customer.id, iban=iban, since=now))
            return customer.id

    def invoice(
        self,
        customer_id: UUID,
        number: str,
        amount_minor: int,
        *,
        due_on: date | None = None,
        payee: UUID | None = None,
        currency: str = "EUR",
    ) -> UUID:
        """An invoice, or a credit note when the amount is negative."""
        issued = clock.today() - timedelta(days=20)
        item_id = new_id()
        with db.writing(SYSTEM) as session:
            ledger.open_item(
                session,
                item_id=item_id,
                creditor_id=self.creditor_id,
                customer_id=customer_id,
                kind="invoice" if amount_minor > 0 else "credit_note",
                number=number,
                currency=currency,
                amount_minor=amount_minor,
                issued_on=issued,
                due_on=due_on or issued + timedelta(days=30),
                payee_account_id=payee,
            )
            lines = [Line(CUSTOMERS, amount_minor, customer_id, item_id), Line(SALES, -amount_minor)]
            ledger.post(session, [Entry(self.creditor_id, "VT", "invoice", issued, currency, number, lines)])
        return item_id

    def bank_line(
        self,
        amount_minor: int,
        remittance: str = "",
        *,
        reference: str | None = None,
        iban: str | None = None,
    ) -> UUID:
        line_id = new_id()
        self.lines += 1
        with db.writing(SYSTEM) as session:
            session.execute(
                text(
                    "INSERT INTO bank_line (id, statement_id, bank_account_id, creditor_id, position, identity,"
                    " occurrence, booked_on, amount_minor, open_minor, currency, creditor_ref, party_iban,"
                    " remittance, raw) VALUES (:id, :statement, :account, :creditor, :position, :identity, 1, :day,"
                    " :minor, greatest(:minor, 0), 'EUR', :reference, :iban, :remittance, '')"
                ),
                {
                    "id": line_id,
                    "statement": self.statement_id,
                    "account": self.account_id,
                    "creditor": self.creditor_id,
                    "position": self.lines,
                    "identity": line_id.bytes,
                    "day": clock.today(),
                    "minor": amount_minor,
                    "reference": reference,
                    "iban": iban,
                    "remittance": remittance,
                },
            )
            if amount_minor > 0:
                lines = [Line(BANK, amount_minor), Line(UNASSIGNED, -amount_minor)]
                day = clock.today()
                ledger.post(session, [Entry(self.creditor_id, "BQ", "statement", day, "EUR", "S1", lines)])
        return line_id

    def debtor(self, *customer_ids: UUID) -> actor.Actor:
        return actor.debtor(new_id(), "Camille Aubry", customer_ids)

    def open_minor(self, item_id: UUID) -> int:
        with db.reading(SYSTEM) as session:
            return int(
                session.scalar(text("SELECT open_minor FROM open_item WHERE id = :id"), {"id": item_id})
            )

    def line_open_minor(self, line_id: UUID) -> int:
        with db.reading(SYSTEM) as session:
            return int(
                session.scalar(text("SELECT open_minor FROM bank_line WHERE id = :id"), {"id": line_id})
            )
