"""Eighteen months of invoices and payments, as the two files an accounting system would export."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

from shared.customers.terms import due_on, parse_terms
from shared.demo.company import ENTITIES, FACTOR_IBAN, SEED, Company, Entity

MONTHS = 18
# Payments older than this stand in the payments file; younger ones come with the bank's statements.
STATEMENT_DAYS = 21


@dataclass(frozen=True, slots=True)
class Paper:
    """An invoice or credit note. `paid_on`: when its customer pays it, None when it does not yet."""

    number: str
    kind: str
    customer: Company
    entity: Entity
    issued_on: date
    due_on: date
    net_minor: int
    rate: str
    paid_on: date | None
    part_minor: int | None = None
    factored: bool = False
    document: str = ""

    @property
    def vat_minor(self) -> int:
        per_thousand = {"20": 200, "10": 100, "5.5": 55}[self.rate]
        return (self.net_minor * per_thousand + 500) // 1000

    @property
    def total_minor(self) -> int:
        return self.net_minor + self.vat_minor


def papers(customers: Iterable[Company], today: date) -> list[Paper]:
    """All documents, oldest first, numbered per entity and year without gaps."""
    random = Random(SEED + 1)  # noqa: S311 - believable, not secret
    drafts = []
    first = _months_before(today.replace(day=1), MONTHS)
    for customer in customers:
        for month in range(MONTHS + 1):
            start = _months_before(first, -month)
            for _ in range(customer.size if random.random() < 0.8 else 0):
                issued = start + timedelta(days=random.randint(0, 27))
                if issued <= today:
                    drafts.append(_draft(random, customer, issued, today))
    drafts.sort(key=lambda paper: (paper.issued_on, paper.customer.ref))
    return _awkward(_numbered(drafts), today)


def _draft(random: Random, customer: Company, issued: date, today: date) -> Paper:
    due = due_on(parse_terms(customer.terms), issued)
    paid: date | None = None
    if customer.pace is not None:
        paid = _working_day(due + timedelta(days=customer.pace + random.randint(-2, 4)))
    elif due < today - timedelta(days=150):  # slow payers stopped about five months ago
        paid = _working_day(due + timedelta(days=random.randint(20, 45)))
    forgotten = random.random() < 0.1 and issued > today - timedelta(days=110)
    if paid is not None and (paid <= issued or forgotten):
        paid = None
    net = int(random.lognormvariate(7.1, 0.7) * 100) // 500 * 500 + 5000
    return Paper(
        "", "invoice", customer, random.choice(ENTITIES), issued, due, net,
        random.choices(("20", "10", "5.5"), (8, 1, 1))[0], paid if paid and paid < today else None,
    )  # fmt: skip


def _numbered(drafts: list[Paper]) -> list[Paper]:
    counters: dict[tuple[str, int], int] = {}
    result = []
    for paper in drafts:
        key = (paper.entity.code, paper.issued_on.year)
        counters[key] = counters.get(key, 0) + 1
        result.append(replace(paper, number=f"{paper.entity.prefix}-{key[1]}-{counters[key]:05}"))
    return result


def _awkward(found: list[Paper], today: date) -> list[Paper]:
    """The cases that trip receivables systems up: part-paid, credit notes, factored."""
    group = [n for n, p in enumerate(found) if p.customer.group_code and p.paid_on is None]
    overdue = [n for n in group if found[n].due_on < today - timedelta(days=STATEMENT_DAYS)]
    part, factored = overdue[-1], group[-1]
    found[part] = replace(found[part], part_minor=found[part].total_minor // 3)
    found[factored] = replace(found[factored], factored=True)
    return [*found, *(_credit_note(found[n], today) for n in (group[-2], group[-3]))]


def _credit_note(original: Paper, today: date) -> Paper:
    """A quarter of the goods came back."""
    return replace(
        original,
        number=original.number.replace("-", "-A", 1),
        kind="credit_note",
        issued_on=min(today, original.issued_on + timedelta(days=2)),
        due_on=max(original.due_on, today),
        net_minor=original.net_minor // 4,
    )


def write_customers(path: Path, customers: Iterable[Company]) -> None:
    _write(
        path,
        [
            {
                "customer_ref": c.ref,
                "name": c.name,
                "siren": c.siren,
                "vat_id": c.vat_id,
                "country": "FR",
                "language": "fr",
                "email": c.email,
                "address": c.address,
                "postcode": c.postcode,
                "city": c.city,
                "segment": c.segment,
                "sales_owner": c.sales_owner,
                "group_code": c.group_code,
                "payment_terms": c.terms,
                "iban": c.iban,
                "kind": c.kind,
            }
            for c in customers
        ],
    )


def write_invoices(path: Path, found: Iterable[Paper]) -> None:
    _write(
        path,
        [
            {
                "invoice_number": p.number,
                "kind": p.kind,
                "customer_ref": p.customer.ref,
                "issue_date": p.issued_on,
                "due_date": p.due_on,
                "currency": "EUR",
                "total_incl_vat": euros(p.total_minor),
                "total_excl_vat": euros(p.net_minor),
                "creditor": p.entity.code,
                "payee_iban": FACTOR_IBAN if p.factored else "",
                "vat_breakdown": f"{p.rate}:{euros(p.net_minor)}:{euros(p.vat_minor)}",
                "document": p.document,
            }
            for p in found
        ],
    )


def write_payments(path: Path, found: Iterable[Paper], today: date) -> None:
    limit = today - timedelta(days=STATEMENT_DAYS)
    rows = []
    for paper in found:
        paid, minor = paper.paid_on, paper.total_minor
        if paper.part_minor is not None:
            paid, minor = paper.due_on, paper.part_minor
        if paid is not None and paid < limit:
            rows.append((paid, paper, minor))
    rows.sort(key=lambda row: (row[0], row[1].number))
    _write(
        path,
        [
            {
                "payment_ref": f"P{n:06}",
                "customer_ref": p.customer.ref,
                "received_on": paid,
                "amount": euros(minor),
                "currency": "EUR",
                "invoice_number": p.number,
                "method": "transfer",
                "payer_iban": p.customer.iban,
            }
            for n, (paid, p, minor) in enumerate(rows, 1)
        ],
    )


def euros(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def _months_before(day: date, months: int) -> date:
    count = day.year * 12 + day.month - 1 - months
    return date(count // 12, count % 12 + 1, 1)


def _working_day(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
