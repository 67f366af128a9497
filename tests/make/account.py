"""A debtor with every case a portal must show: two creditors, two companies, credits, a factor, a mistake taken back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM, Actor
from shared.creditors import actions as creditors
from shared.creditors.models import Creditor
from shared.ids import new_id
from shared.ledger.rules import UNASSIGNED
from shared.payments.receipts import NewReceipt, receive, take_back
from tests.make.books import FACTOR_IBAN, SECOND_IBAN, Books

UNCONFIRMED_IBAN = "DE89370400440532013000"
PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def in_days(days: int) -> date:
    return clock.today() + timedelta(days=days)


@dataclass
class Account:
    """`books` sells goods, `services` services; `lyon` and `paris` are the debtor's, `stranger` is somebody else's."""

    books: Books = field(init=False)
    services: Books = field(init=False)
    items: dict[str, UUID] = field(default_factory=dict)
    receipts: dict[str, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.books, self.services = Books(), Books("Vernaison Services SARL", SECOND_IBAN)
        self.lyon, self.paris = (
            self.books.customer("C0001", group="G"),
            self.books.customer("C0002", group="G"),
        )
        self.stranger = self.books.customer("C0666")
        self.actor: Actor = self.books.debtor(self.lyon, self.paris)
        self.factor = self._factor(FACTOR_IBAN, "Facto Nord SA", confirmed=True)
        self.doubtful = self._factor(UNCONFIRMED_IBAN, "Unknown Factor", confirmed=False)
        self._documents()
        self._money()

    def _documents(self) -> None:
        add, lyon = self._add, self.lyon
        add("late", "F2026-000101", 120_000, -40, lyon)
        add("part", "F2026-000102", 80_000, -5, lyon)
        add("soon", "F2026-000103", 45_050, 3, lyon)
        add("later", "F2026-000104", 250_000, 25, lyon)
        add("settled", "F2026-000090", 60_000, -60, lyon)
        add("credit", "A2026-000007", -20_000, -10, lyon)
        add("factored", "F2026-000105", 90_000, 12, lyon, payee=self.factor)
        add("doubtful", "F2026-000106", 33_000, 14, lyon, payee=self.doubtful)
        add("paris", "F2026-000107", 70_000, 6, self.paris)
        self.items["service"] = self.services.invoice(lyon, "S-2026-14", 36_000, due_on=in_days(-2))
        self.items["theirs"] = self.books.invoice(self.stranger, "F2026-000200", 99_900)
        self.paper(
            "late", vat=[("20", 100_000, 20_000)], order_ref="PO-7781", document=self.document("late.pdf")
        )
        self.paper("factored", vat=[("20", 75_000, 15_000)], factored=True)
        self.paper("theirs", customer=self.stranger, document=self.document("theirs.pdf", self.stranger))

    def _money(self) -> None:
        self._receive("whole", 60_000, -55, [("settled", 60_000)])
        self._receive("half", 30_000, -3, [("part", 30_000)])
        self._receive("mistake", 15_000, -8, [("late", 15_000)])
        self._receive("spare", 5_000, -1, [])
        with db.writing(SYSTEM) as session:
            take_back(session, [self.receipts["mistake"]], reason="wrong customer")
        self._receive("theirs", 10_000, -2, [("theirs", 10_000)], customer=self.stranger)

    def _add(
        self, name: str, number: str, minor: int, due: int, customer: UUID, *, payee: UUID | None = None
    ) -> None:
        self.items[name] = self.books.invoice(customer, number, minor, due_on=in_days(due), payee=payee)

    def _receive(
        self, name: str, minor: int, day: int, pays: list[tuple[str, int]], customer: UUID | None = None
    ) -> None:
        self.receipts[name] = new_id()
        new = NewReceipt(
            id=self.receipts[name], creditor_id=self.books.creditor_id, customer_id=customer or self.lyon,
            currency="EUR", amount_minor=minor, received_on=in_days(day), method="transfer", against=UNASSIGNED,
            reason="paid", pays=[(self.items[item], part) for item, part in pays],
            allocated_on=in_days(day),
        )  # fmt: skip
        with db.writing(SYSTEM) as session:
            receive(session, [new])

    def _factor(self, iban: str, holder: str, *, confirmed: bool) -> UUID:
        with db.writing(SYSTEM) as session:
            creditor = session.get_one(Creditor, self.books.creditor_id)
            return creditors.add_factor_account(
                session, SYSTEM, creditor, iban, holder_name=holder, bic="CEPAFRPP", confirmed=confirmed
            ).id

    def document(self, name: str, customer: UUID | None = None, media_type: str = "application/pdf") -> UUID:
        """A file of the customer's."""
        content = PDF + name.encode()
        given = {
            "id": new_id(), "customer": customer or self.lyon, "hash": sha256(content).digest(), "name": name,
            "type": media_type, "size": len(content), "now": clock.now(), "bytes": content,
        }  # fmt: skip
        with db.writing(SYSTEM) as session:
            session.execute(text("INSERT INTO document_content VALUES (:hash, :bytes)"), given)
            session.execute(
                text(
                    "INSERT INTO document (id, customer_id, sha256, name, media_type, size_bytes, created_at)"
                    " VALUES (:id, :customer, :hash, :name, :type, :size, :now)"
                ),
                given,
            )
        return given["id"]

    def paper(
        self,
        item: str,
        *,
        customer: UUID | None = None,
        vat: list[tuple[str, int, int]] | None = None,
        order_ref: str | None = None,
        document: UUID | None = None,
        factored: bool = False,
    ) -> None:
        """What the invoice says beside its amount."""
        shares = [{"rate": r, "base_minor": b, "vat_minor": v, "category": "S"} for r, b, v in vat or ()]
        with db.writing(SYSTEM) as session:
            session.execute(
                text(
                    "INSERT INTO invoice (id, customer_id, type_code, total_excl_minor, vat, order_ref, factored,"
                    " document_id, source_format) VALUES (:id, :customer, '380', :net, CAST(:vat AS jsonb), :order,"
                    " :factored, :document, 'csv')"
                ),
                {
                    "id": self.items[item], "customer": customer or self.lyon, "vat": json.dumps(shares),
                    "net": sum(s["base_minor"] for s in shares) if shares else None, "order": order_ref,
                    "factored": factored, "document": document,
                },
            )  # fmt: skip


def many_items(books: Books, customer_id: UUID, count: int) -> None:
    """Open invoices by the thousand, in one statement."""
    with db.writing(SYSTEM) as session:
        session.execute(
            text(
                "INSERT INTO open_item (id, creditor_id, customer_id, kind, number, number_key, currency,"
                " amount_minor, open_minor, issued_on, due_on, created_at)"
                " SELECT gen_random_uuid(), :creditor, :customer, 'invoice', 'B' || n, 'B' || n, 'EUR', 1000 + n,"
                " 1000 + n, :day, CAST(:day AS date) + (n % 60), now() FROM generate_series(1, :count) n"
            ),
            {
                "creditor": books.creditor_id, "customer": customer_id, "count": count,
                "day": clock.today() - timedelta(days=30),
            },
        )  # fmt: skip
