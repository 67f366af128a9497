"""The invoices file: its columns, and each row as plain checked values.

`InvoiceRow` is also what a FEC or an electronic invoice is read into: one shape for every way in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO, NamedTuple

from shared.errors import DomainError
from shared.iban import parse as parse_iban
from shared.money import digits, parse_currency, parse_decimal, parse_minor
from shared.tabular.reader import open_table
from shared.tabular.rows import RowCheck, RowError, read_day

KINDS = ("invoice", "credit_note")
REQUIRED = ("invoice_number", "customer_ref", "issue_date", "total_incl_vat")
COLUMNS = (
    *("invoice_number", "kind", "customer_ref", "customer_name", "issue_date", "due_date", "currency"),
    *("total_incl_vat", "total_excl_vat", "order_ref", "creditor", "payee_iban", "vat_breakdown", "document"),
)
# Nine invoices in ten have one rate and plain amounts; this shape saves a third of their reading time.
_ONE_RATE = re.compile(r"([0-9.]{1,6}):([0-9]{1,13})\.([0-9]{2}):([0-9]{1,13})\.([0-9]{2})")


class VatShare(NamedTuple):
    """What is taxed at one rate (in percent), and the tax on it; the category (UNTDID 5305) where the format has it."""

    rate: Decimal
    basis_minor: int
    tax_minor: int
    category: str = ""


class InvoiceRow(NamedTuple):
    """One invoice or credit note; amounts are positive for both. No due date: it follows from the terms."""

    line: int
    invoice_number: str
    kind: str
    customer_ref: str
    customer_name: str
    issued_on: date
    due_on: date | None
    currency: str
    total_incl_minor: int
    total_excl_minor: int | None = None
    order_ref: str = ""
    creditor: str = ""
    payee_iban: str = ""
    vat: tuple[VatShare, ...] = ()
    document: str = ""


@dataclass(frozen=True, slots=True)
class InvoicesFile:
    """What the header says, and the rows or their refusals as they are read."""

    format: str
    columns: frozenset[str]
    unknown: tuple[str, ...]
    rows: Iterator[InvoiceRow | RowError]


def read_invoices(source: BinaryIO, currency: str = "EUR") -> InvoicesFile:
    """Read an invoices file (CSV or XLSX); `currency` is meant where the file states none."""
    table = open_table(source, COLUMNS, REQUIRED)

    def invoice(check: RowCheck, cells: tuple[str, ...]) -> InvoiceRow:
        (number, kind, ref, name, issued, due, code, incl, excl, order_ref, creditor, iban, vat, document) = (
            cells
        )
        if not number or not ref:
            check.needed("invoice_number", number)
            check.needed("customer_ref", ref)
        money = (check.read("currency", code, parse_currency) if code else currency) or currency
        issued_on = check.read("issue_date", issued, read_day)
        due_on = check.read("due_date", due, read_day) if due else None
        if due_on and issued_on and due_on < issued_on:
            check.refuse("due_date", due, "The due date lies before the issue date.")
        total = check.read("total_incl_vat", incl, parse_minor, money)
        net = check.read("total_excl_vat", excl, parse_minor, money) if excl else None
        shares = (check.read("vat_breakdown", vat, read_vat, money) or ()) if vat else ()
        if total is not None:
            if net is None and shares:
                net = sum(share.basis_minor for share in shares)
            _check_totals(check, cells, total, net, shares)
        return InvoiceRow(
            check.line,
            number,
            kind if kind in KINDS else check.one_of("kind", kind, KINDS),
            ref,
            name,
            issued_on or date.min,  # a row with a refusal is never handed out
            due_on,
            money,
            total or 0,
            net,
            order_ref,
            creditor,
            (check.read("payee_iban", iban, parse_iban) or "") if iban else "",
            shares,
            document and _document(check, document),
        )

    return InvoicesFile(table.format, table.columns, table.unknown, table.read(invoice))


def read_vat(text: str, currency: str) -> tuple[VatShare, ...]:
    """A VAT breakdown, `rate:basis:tax` for each rate.

    >>> read_vat("20:1000.00:200.00|5.5:100:5.50", "EUR")[1]
    VatShare(rate=Decimal('5.5'), basis_minor=10000, tax_minor=550, category='')
    """
    if (one := _ONE_RATE.fullmatch(text)) and digits(currency) == 2:
        return (VatShare(_rate(one[1]), int(one[2] + one[3]), int(one[4] + one[5])),)
    shares = []
    for part in text.split("|"):
        fields = part.split(":")
        if len(fields) != 3:
            told = "“%(value)s” is not a VAT breakdown: rate:basis:tax, such as 20:1000.00:200.00|5.5:100.00:5.50."
            raise DomainError(told, value=text[:60])
        rate, basis, tax = fields
        shares.append(VatShare(_rate(rate.strip()), parse_minor(basis, currency), parse_minor(tax, currency)))
    return tuple(shares)


@lru_cache(maxsize=256)
def _rate(text: str) -> Decimal:
    rate = parse_decimal(text.removesuffix("%"))
    exponent = rate.as_tuple().exponent
    if not 0 <= rate <= 100 or not isinstance(exponent, int) or exponent < -4:
        raise DomainError("“%(value)s” is not a VAT rate in percent.", value=text[:40])
    return rate


def _check_totals(
    check: RowCheck, cells: tuple[str, ...], total: int, net: int | None, shares: tuple[VatShare, ...]
) -> None:
    """Amounts are positive and agree with each other to the cent."""
    incl, excl, vat = cells[7], cells[8], cells[12]
    if total < 0:
        told = "This amount is negative: write it without a sign, and credit_note in the column kind."
        check.refuse("total_incl_vat", incl, told)
    elif net is not None and not 0 <= net <= total:
        told = "The total without VAT (%(net)s) must lie between zero and the total with VAT (%(total)s)."
        check.refuse("total_excl_vat", excl or vat, told, net=excl or vat, total=incl)
    elif shares and net is not None:
        basis = tax = 0
        for share in shares:
            basis += share.basis_minor
            tax += share.tax_minor
        if basis != net or basis + tax != total:
            told = (
                "The VAT breakdown does not add up to the totals (%(net)s without VAT, %(total)s with VAT)."
            )
            check.refuse("vat_breakdown", vat, told, net=excl or "…", total=incl)


def _document(check: RowCheck, text: str) -> str:
    """A path beside the file: never out of its folder, whatever system wrote it."""
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(text).drive or ".." in path.parts or "\0" in text:
        check.refuse(
            "document", text, "The document must lie beside the file: a plain path without “..” was expected."
        )
    return str(path)
