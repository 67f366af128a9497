"""UBL 2.1 (OASIS), Invoice and CreditNote: paths of EN 16931's business terms."""

from __future__ import annotations

import re

from lxml import etree

from shared.errors import RefusedFile
from shared.invoices.cii import percent
from shared.invoices.einvoice import Document, EInvoice, Party, Totals, einvoice
from shared.invoices.files import VatShare
from shared.invoices.xml import (
    amount_of,
    currency_of,
    day,
    find,
    find_all,
    iban,
    line_of,
    local_name,
    minor,
    needed,
    read_root,
    text,
)

# UBL has no subject codes: EN 16931 writes them into the text, `#PMT#text`.
_SUBJECT = re.compile(r"#([A-Z]{3})#(.*)", re.DOTALL)
_SIREN_SCHEMES = ("0002", None)
_DIGITS = re.compile(r"[0-9]{9}")


def read_ubl(content: bytes) -> EInvoice:
    """Read one UBL document."""
    root = read_root(content)
    name = local_name(root)
    if name not in ("Invoice", "CreditNote"):
        raise RefusedFile(
            "This is not a UBL invoice; its root is %(root)s.", line=1, root=str(root.tag)[-60:]
        )
    currency = currency_of(root, "DocumentCurrencyCode")
    issued_on = day(root, "IssueDate")
    if issued_on is None:
        raise RefusedFile("The invoice has no issue date.", column="IssueDate")
    means = find_all(root, "PaymentMeans")
    transfer = next((m for m in means if text(m, "PayeeFinancialAccount/ID")), means[0] if means else None)
    payee = find(root, "PayeeParty")
    tax = _tax_total(root, currency)
    document = Document(
        syntax="ubl",
        profile=text(root, "CustomizationID"),
        framework=text(root, "ProfileID"),
        type_code=text(root, f"{name}TypeCode") or ("380" if name == "Invoice" else "381"),
        number=needed(root, "ID", "The invoice has no number."),
        issued_on=issued_on,
        due_on=day(root, "DueDate") or day(transfer, "PaymentDueDate"),
        currency=currency,
        totals=_totals(find(root, "LegalMonetaryTotal"), tax, currency),
        vat=tuple(_share(share, currency) for share in find_all(tax, "TaxSubtotal")),
        seller=_party(find(root, "AccountingSupplierParty/Party")),
        buyer=_party(find(root, "AccountingCustomerParty/Party")),
        payee=_party(payee) if payee is not None else None,
        payee_iban=_iban(transfer, "PayeeFinancialAccount/ID"),
        payment_reference=text(transfer, "PaymentID"),
        means_code=text(transfer, "PaymentMeansCode"),
        mandate=text(transfer, "PaymentMandate/ID"),
        creditor_id=_creditor_id(root),
        debited_iban=_iban(transfer, "PaymentMandate/PayerFinancialAccount/ID"),
        terms=text(root, "PaymentTerms/Note"),
        order_ref=text(root, "OrderReference/ID"),
        contract_ref=text(root, "ContractDocumentReference/ID"),
        buyer_reference=text(root, "BuyerReference"),
        previous=tuple(
            (text(p, "ID"), day(p, "IssueDate"))
            for p in find_all(root, "BillingReference/InvoiceDocumentReference")
        ),
        notes=tuple(_note(note) for note in find_all(root, "Note")),
    )
    return einvoice(document)


def _totals(total: etree._Element | None, tax: etree._Element | None, currency: str) -> Totals:
    gross, due = minor(total, "TaxInclusiveAmount", currency), minor(total, "PayableAmount", currency)
    if gross is None or due is None:
        raise RefusedFile("The invoice has no total, or no amount due.", column="LegalMonetaryTotal")
    return Totals(
        minor(total, "TaxExclusiveAmount", currency),
        minor(tax, "TaxAmount", currency),
        gross,
        minor(total, "PrepaidAmount", currency) or 0,
        minor(total, "PayableRoundingAmount", currency) or 0,
        due,
    )


def _tax_total(root: etree._Element, currency: str) -> etree._Element | None:
    """The tax may be given twice: in the invoice's currency, and in that of the accounts."""
    for total in find_all(root, "TaxTotal"):
        amount = find(total, "TaxAmount")
        if amount is not None and amount.get("currencyID", currency) == currency:
            return total
    return None


def _share(share: etree._Element, currency: str) -> VatShare:
    basis, tax = find(share, "TaxableAmount"), find(share, "TaxAmount")
    if basis is None or tax is None:
        raise RefusedFile("A VAT rate has no basis or no amount.", line=line_of(share), column="TaxSubtotal")
    rate, category = percent(share, "TaxCategory/Percent"), text(share, "TaxCategory/ID")
    return VatShare(rate, amount_of(basis, currency), amount_of(tax, currency), category)


def _party(node: etree._Element | None) -> Party:
    legal = find(node, "PartyLegalEntity/CompanyID")
    company = (
        (legal.text or "").strip() if legal is not None and legal.get("schemeID") in _SIREN_SCHEMES else ""
    )
    return Party(
        name=text(node, "PartyLegalEntity/RegistrationName", "PartyName/Name"),
        reference=text(node, "PartyIdentification/ID"),
        siren=company[:9] if _DIGITS.match(company) else "",
        vat_id=text(node, "PartyTaxScheme/CompanyID")[:40],
        endpoint=text(node, "EndpointID"),
        address=text(node, "PostalAddress/StreetName"),
        postcode=text(node, "PostalAddress/PostalZone"),
        city=text(node, "PostalAddress/CityName"),
        country=text(node, "PostalAddress/Country/IdentificationCode")[:2],
    )


def _iban(means: etree._Element | None, path: str) -> str:
    """UBL puts IBANs and other account numbers into the same element; only what looks like an IBAN must be one."""
    found = text(means, path)
    return iban(means, path) if re.match(r"[A-Za-z]{2}[0-9]{2}", found) else ""


def _creditor_id(root: etree._Element) -> str:
    ids = [
        *find_all(root, "AccountingSupplierParty/Party/PartyIdentification/ID"),
        *find_all(root, "PayeeParty/PartyIdentification/ID"),
    ]
    return next(((node.text or "").strip()[:35] for node in ids if node.get("schemeID") == "SEPA"), "")


def _note(node: etree._Element) -> tuple[str, str]:
    told = " ".join((node.text or "").split())[:500]
    coded = _SUBJECT.fullmatch(told)
    return (coded[1], coded[2].strip()) if coded else ("", told)
