"""The payments file: what was already settled elsewhere, so that habits and open amounts are known from day one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, NamedTuple

from shared.iban import parse as parse_iban
from shared.money import parse_currency, parse_minor
from shared.tabular.reader import open_table
from shared.tabular.rows import RowCheck, RowError, read_day

REQUIRED = ("customer_ref", "received_on", "amount")
COLUMNS = (
    *("payment_ref", "customer_ref", "received_on", "amount", "currency"),
    *("invoice_number", "method", "payer_iban"),
)


class PaymentRow(NamedTuple):
    """Money received before we kept the books; without an invoice number it stands on the customer's account."""

    line: int
    payment_ref: str
    customer_ref: str
    received_on: date
    amount_minor: int
    currency: str
    invoice_number: str = ""
    method: str = ""
    payer_iban: str = ""


@dataclass(frozen=True, slots=True)
class PaymentsFile:
    """What the header says, and the rows or their refusals as they are read."""

    format: str
    columns: frozenset[str]
    unknown: tuple[str, ...]
    rows: Iterator[PaymentRow | RowError]


def read_payments(source: BinaryIO, currency: str = "EUR") -> PaymentsFile:
    """Read a payments file (CSV or XLSX); `currency` is meant where the file states none."""
    table = open_table(source, COLUMNS, REQUIRED)

    def payment(check: RowCheck, cells: tuple[str, ...]) -> PaymentRow:
        reference, customer_ref, received, amount, code, number, method, iban = cells
        money = (check.read("currency", code, parse_currency) if code else currency) or currency
        minor = check.read("amount", amount, parse_minor, money)
        if minor is not None and minor <= 0:
            check.refuse("amount", amount, "A payment received must be more than zero.")
        return PaymentRow(
            check.line,
            reference,
            check.needed("customer_ref", customer_ref),
            check.read("received_on", received, read_day) or date.min,  # a refused row is never handed out
            minor or 0,
            money,
            number,
            method.lower(),
            (check.read("payer_iban", iban, parse_iban) or "") if iban else "",
        )

    return PaymentsFile(table.format, table.columns, table.unknown, table.read(payment))
