"""Electronic invoices (EN 16931): what CII, UBL and Factur-X files say, as one shape and one `InvoiceRow`.

The standards differ in their paths only; what a document means, and what must agree in it, is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shared.errors import RefusedFile
from shared.invoices.files import InvoiceRow, VatShare
from shared.money import Money

# UNTDID 1001 as EN 16931 (BR-CL-01) and the French specifications (G1.01) use it. 325, pro forma, asks for no money.
CREDIT_TYPES = frozenset("81 83 261 262 296 308 381 396 420 458 502 503 532".split())
INVOICE_TYPES = frozenset(
    (
        "71 80 82 84 102 130 202 203 204 211 218 219 295 326 331 380 382 383 384 385 386 387 388 389 390 393 394 "
        "395 456 457 471 472 473 500 501 527 553 575 623 633 751 780 817 870 875 876 877 935"
    ).split()
)
CORRECTIVE_TYPES = frozenset("384 471 472 473".split())
FACTORED_TYPES = frozenset("393 396 501 502".split())
DEPOSIT_TYPES = frozenset("386 500 503".split())
# UNTDID 4451: the clause by which the claim was assigned to a factor (subrogation).
_SUBROGATION = "ACC"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody named on an invoice, with what identifies them."""

    name: str = ""
    reference: str = ""  # the number the other party gave them
    siren: str = ""
    vat_id: str = ""
    endpoint: str = ""
    address: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """BT-109, 110, 112, 113, 114, 115, in the invoice's currency; a profile without detail leaves some out."""

    net_minor: int | None
    tax_minor: int | None
    gross_minor: int
    prepaid_minor: int
    rounding_minor: int
    due_minor: int


@dataclass(frozen=True, slots=True)
class Document:
    """All that a CII or UBL document says about the money, as it says it (signs included)."""

    syntax: str
    profile: str
    framework: str
    type_code: str
    number: str
    issued_on: date
    due_on: date | None
    currency: str
    totals: Totals
    vat: tuple[VatShare, ...]
    seller: Party
    buyer: Party
    payee: Party | None
    payee_iban: str = ""
    payment_reference: str = ""
    means_code: str = ""
    mandate: str = ""
    creditor_id: str = ""
    debited_iban: str = ""
    terms: str = ""
    order_ref: str = ""
    contract_ref: str = ""
    buyer_reference: str = ""
    previous: tuple[tuple[str, date | None], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EInvoice:
    """The row every format is read into, the document behind it, and the words that change who is paid."""

    row: InvoiceRow
    document: Document
    due_minor: int  # what is still to be paid (BT-115); below zero when more was prepaid than is owed
    corrective: bool  # replaces the invoice it names
    deposit: bool
    factored: bool
    subrogation: str


def einvoice(document: Document) -> EInvoice:
    """Decide what a document is and check that its amounts agree."""
    totals, code = document.totals, document.type_code
    if code not in CREDIT_TYPES and code not in INVOICE_TYPES:
        told = "Documents of type %(code)s are not taken: an invoice (380 …) or credit note (381 …) was expected."
        raise RefusedFile(told, column="TypeCode", code=code[:20])
    credit = code in CREDIT_TYPES
    if credit and totals.gross_minor < 0:
        told = (
            "A credit note (type %(code)s) with a negative total could mean either direction: it is refused."
        )
        raise RefusedFile(told, column="TypeCode", code=code)
    _check_totals(document)
    # A corrective invoice may lower the first one: less than nothing is owed, which is a credit.
    sign = -1 if totals.gross_minor < 0 else 1
    factored = code in FACTORED_TYPES
    row = InvoiceRow(
        line=1,
        invoice_number=document.number,
        kind="credit_note" if credit or sign < 0 else "invoice",
        customer_ref=_customer_ref(document.buyer),
        customer_name=document.buyer.name,
        issued_on=document.issued_on,
        due_on=document.due_on,
        currency=document.currency,
        total_incl_minor=sign * totals.gross_minor,
        total_excl_minor=None if totals.net_minor is None else sign * totals.net_minor,
        order_ref=document.order_ref,
        payee_iban=document.payee_iban,
        vat=tuple(
            VatShare(s.rate, sign * s.basis_minor, sign * s.tax_minor, s.category) for s in document.vat
        ),
    )
    subrogation = " ".join(told for subject, told in document.notes if subject == _SUBROGATION)
    return EInvoice(
        row,
        document,
        due_minor=sign * totals.due_minor,
        corrective=code in CORRECTIVE_TYPES,
        deposit=code in DEPOSIT_TYPES,
        factored=factored or bool(subrogation),
        subrogation=subrogation,
    )


def _customer_ref(buyer: Party) -> str:
    """What the importer looks the customer up by; a MINIMUM profile may give a name only."""
    found = buyer.reference or buyer.siren or buyer.vat_id or buyer.name
    if not found:
        raise RefusedFile("The invoice does not say who the buyer is.", column="BuyerTradeParty")
    return found


def _check_totals(document: Document) -> None:
    """BR-CO-14, 15 and 16 of EN 16931: tax and totals agree to the cent."""
    totals = document.totals

    def refuse(column: str, expected: int, found: int) -> None:
        told = "The totals do not agree: %(expected)s was expected here, %(found)s stands there."
        right, wrong = Money(expected, document.currency), Money(found, document.currency)
        raise RefusedFile(told, column=column, expected=str(right), found=str(wrong))

    if totals.net_minor is not None and totals.tax_minor is not None:
        expected = totals.net_minor + totals.tax_minor
        if expected != totals.gross_minor:
            refuse("BT-112", expected, totals.gross_minor)
    expected = totals.gross_minor - totals.prepaid_minor + totals.rounding_minor
    if expected != totals.due_minor:
        refuse("BT-115", expected, totals.due_minor)
    if document.vat and totals.tax_minor is not None:
        tax = sum(share.tax_minor for share in document.vat)
        if tax != totals.tax_minor:
            refuse("BT-110", tax, totals.tax_minor)
