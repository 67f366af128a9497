"""What the customers' accounts of a FEC mean: invoices, credit notes, payments, and who paid what.

Lettering (lettrage) tells which lines settle each other. Within a lettered group, credits settle the oldest debits
first, so what is left over stands on the newest (partial lettering). For every customer, invoices less credit notes
less payments is the balance of the account: nothing is lost, nothing is invented.

A FEC holds no due dates: they follow from the customer's terms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from shared.customers.files import CustomerRow
from shared.invoices.fec import Fec, Receivable, read_fec
from shared.invoices.files import InvoiceRow
from shared.payments.history_file import PaymentRow

_METHODS = {"sale": "credit_note", "payment": "", "opening": "opening", "other": "adjustment"}


class Settlement(NamedTuple):
    """So much of a credit line settles so much of a debit line."""

    debit: Receivable
    credit: Receivable
    amount_minor: int


@dataclass(frozen=True, slots=True)
class FecBooks:
    """Rows as the other readers give them, and the file they come from."""

    customers: list[CustomerRow]
    invoices: list[InvoiceRow]
    payments: list[PaymentRow]
    file: Fec


def read_fec_books(source: BinaryIO, currency: str = "EUR") -> FecBooks:
    """Read a FEC and derive what its customers owe. O(n log n) in the lines of customers' accounts."""
    fec = read_fec(source, currency)
    numbers = _numbers(fec.receivables)
    left = {row.line: abs(row.amount_minor) for row in fec.receivables}
    payments: list[PaymentRow] = []
    for done in settlements(fec.receivables):
        left[done.credit.line] -= done.amount_minor
        payments.append(_payment(done.credit, done.amount_minor, currency, numbers[done.debit.line]))
    open_credits = [row for row in fec.receivables if row.amount_minor < 0 and left[row.line]]
    payments += [_payment(row, left[row.line], currency) for row in open_credits if row.nature != "sale"]
    notes = [row for row in open_credits if row.nature == "sale"]
    owed = {row.line: row.amount_minor for row in fec.receivables if row.amount_minor > 0}
    invoices = [
        *_documents(
            "invoice", [row for row in fec.receivables if row.amount_minor > 0], numbers, owed, currency
        ),
        *_documents("credit_note", notes, numbers, left, currency),
    ]
    return FecBooks(_customers(fec.receivables), sorted(invoices), sorted(payments), fec)


def settlements(rows: Iterable[Receivable]) -> Iterator[Settlement]:
    """Who settles whom, from the lettering. Its codes are unique per account only."""
    groups: dict[tuple[str, str, str], list[Receivable]] = defaultdict(list)
    for row in rows:
        if row.lettering:
            groups[row.account, row.customer_ref, row.lettering].append(row)
    for group in groups.values():
        group.sort(key=lambda row: (row.booked_on, row.line))
        debits = iter([row for row in group if row.amount_minor > 0])
        debit, owed = None, 0
        for credit in (row for row in group if row.amount_minor < 0):
            rest = -credit.amount_minor
            while rest:
                if not owed:
                    debit = next(debits, None)
                    if debit is None:
                        break
                    owed = debit.amount_minor
                part = min(rest, owed)
                assert debit is not None
                yield Settlement(debit, credit, part)
                rest, owed = rest - part, owed - part
            if debit is None:
                break


def _numbers(rows: Iterable[Receivable]) -> dict[int, str]:
    """A document number for each line, unique among customers: the piece, where the piece is a document of its own.

    A customer's sale over several lines (instalments, retention) is one invoice: its lines share their number.
    """
    rows = list(rows)
    names = {row.line: _name(row) for row in rows}
    owners: dict[str, set[str]] = defaultdict(set)
    debits: set[str] = set()
    for row in rows:
        owners[names[row.line]].add(row.customer_ref)
        if row.amount_minor > 0:
            debits.add(names[row.line])
    taken: dict[int, str] = {}
    for row in rows:
        name = names[row.line]
        if len(owners[name]) > 1:
            name = f"{name}-{row.customer_ref}"
        if row.amount_minor < 0 and names[row.line] in debits:
            name = f"{name}-{row.journal}-{row.entry}-{row.line}"
        taken[row.line] = name
    return taken


def _name(row: Receivable) -> str:
    match row.nature:
        case "sale":
            return row.piece or f"{row.journal}-{row.entry}"
        case "opening":
            # An opening balance that was not carried forward piece by piece is one item, the à-nouveau.
            return row.piece or f"{row.journal}-{row.customer_ref}"
        case _:
            return f"{row.journal}-{row.entry or row.line}"


def _documents(
    kind: str, rows: Iterable[Receivable], numbers: dict[int, str], amounts: dict[int, int], currency: str
) -> Iterator[InvoiceRow]:
    """One document for each number, of the amounts of its lines."""
    documents: dict[str, list[Receivable]] = defaultdict(list)
    for row in rows:
        documents[numbers[row.line]].append(row)
    for number, lines in documents.items():
        yield _invoice(kind, lines[0], number, sum(amounts[row.line] for row in lines), currency)


def _invoice(kind: str, row: Receivable, number: str, total: int, currency: str) -> InvoiceRow:
    net = None
    if row.tax_minor is not None and total == abs(row.amount_minor):
        net = total - abs(row.tax_minor)
    return InvoiceRow(
        row.line,
        number,
        kind,
        row.customer_ref,
        row.customer_name,
        row.piece_on,
        None,
        currency,
        total,
        net if net is not None and 0 <= net <= total else None,
    )


def _payment(credit: Receivable, amount: int, currency: str, number: str = "") -> PaymentRow:
    reference = credit.piece or f"{credit.journal}-{credit.entry}"
    method = _METHODS[credit.nature]
    return PaymentRow(
        credit.line, reference, credit.customer_ref, credit.booked_on, amount, currency, number, method
    )


def _customers(rows: Iterable[Receivable]) -> list[CustomerRow]:
    named: dict[str, CustomerRow] = {}
    for row in rows:
        named.setdefault(row.customer_ref, CustomerRow(row.line, row.customer_ref, row.customer_name))
    return list(named.values())
