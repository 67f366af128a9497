"""CII (UN/CEFACT Cross Industry Invoice D16B and later), the XML of Factur-X: paths of EN 16931's business terms."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from lxml import etree

from shared.errors import RefusedFile
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

_SIREN_SCHEME = "0002"


def read_cii(content: bytes) -> EInvoice:
    """Read one CII document."""
    root = read_root(content)
    if local_name(root) != "CrossIndustryInvoice":
        raise RefusedFile(
            "This is not a CII invoice; its root is %(root)s.", line=1, root=str(root.tag)[-60:]
        )
    trade = find(root, "SupplyChainTradeTransaction")
    agreement = find(trade, "ApplicableHeaderTradeAgreement")
    settlement = find(trade, "ApplicableHeaderTradeSettlement")
    exchanged, context = find(root, "ExchangedDocument"), find(root, "ExchangedDocumentContext")
    currency = currency_of(settlement, "InvoiceCurrencyCode")
    issued_on = day(exchanged, "IssueDateTime/DateTimeString")
    if issued_on is None:
        raise RefusedFile("The invoice has no issue date.", column="IssueDateTime")
    means = find_all(settlement, "SpecifiedTradeSettlementPaymentMeans")
    transfer = next(
        (m for m in means if text(m, "PayeePartyCreditorFinancialAccount/IBANID")),
        means[0] if means else None,
    )
    terms = find_all(settlement, "SpecifiedTradePaymentTerms")
    payee = find(settlement, "PayeeTradeParty")
    document = Document(
        syntax="cii",
        profile=text(context, "GuidelineSpecifiedDocumentContextParameter/ID"),
        framework=text(context, "BusinessProcessSpecifiedDocumentContextParameter/ID"),
        type_code=needed(exchanged, "TypeCode", "The invoice has no type code."),
        number=needed(exchanged, "ID", "The invoice has no number."),
        issued_on=issued_on,
        # Several dates are instalments: the whole is late only after the last.
        due_on=max(
            (found for t in terms if (found := day(t, "DueDateDateTime/DateTimeString"))), default=None
        ),
        currency=currency,
        totals=_totals(find(settlement, "SpecifiedTradeSettlementHeaderMonetarySummation"), currency),
        vat=tuple(_share(tax, currency) for tax in find_all(settlement, "ApplicableTradeTax")),
        seller=_party(find(agreement, "SellerTradeParty")),
        buyer=_party(find(agreement, "BuyerTradeParty")),
        payee=_party(payee) if payee is not None else None,
        payee_iban=iban(transfer, "PayeePartyCreditorFinancialAccount/IBANID"),
        payment_reference=text(settlement, "PaymentReference"),
        means_code=text(transfer, "TypeCode"),
        mandate=" ".join(filter(None, (text(t, "DirectDebitMandateID") for t in terms))),
        creditor_id=text(settlement, "CreditorReferenceID"),
        debited_iban=iban(transfer, "PayerPartyDebtorFinancialAccount/IBANID"),
        terms="; ".join(filter(None, (text(t, "Description") for t in terms))),
        order_ref=text(agreement, "BuyerOrderReferencedDocument/IssuerAssignedID"),
        contract_ref=text(agreement, "ContractReferencedDocument/IssuerAssignedID"),
        buyer_reference=text(agreement, "BuyerReference"),
        previous=tuple(
            (text(p, "IssuerAssignedID"), day(p, "FormattedIssueDateTime/DateTimeString"))
            for p in find_all(settlement, "InvoiceReferencedDocument")
        ),
        notes=tuple(
            (text(n, "SubjectCode"), text(n, "Content")) for n in find_all(exchanged, "IncludedNote")
        ),
    )
    return einvoice(document)


def _totals(summation: etree._Element | None, currency: str) -> Totals:
    gross = minor(summation, "GrandTotalAmount", currency)
    due = minor(summation, "DuePayableAmount", currency)
    if gross is None or due is None:
        raise RefusedFile("The invoice has no total, or no amount due.", column="GrandTotalAmount")
    # The tax may be given twice: in the invoice's currency, and in that of the accounts.
    taxes = find_all(summation, "TaxTotalAmount")
    tax = next((t for t in taxes if t.get("currencyID", currency) == currency), None)
    return Totals(
        minor(summation, "TaxBasisTotalAmount", currency),
        None if tax is None else amount_of(tax, currency),
        gross,
        minor(summation, "TotalPrepaidAmount", currency) or 0,
        minor(summation, "RoundingAmount", currency) or 0,
        due,
    )


def _share(tax: etree._Element, currency: str) -> VatShare:
    basis, amount = minor(tax, "BasisAmount", currency), minor(tax, "CalculatedAmount", currency)
    if basis is None or amount is None:
        raise RefusedFile(
            "A VAT rate has no basis or no amount.", line=line_of(tax), column="ApplicableTradeTax"
        )
    return VatShare(percent(tax, "RateApplicablePercent"), basis, amount, text(tax, "CategoryCode"))


def percent(node: etree._Element, path: str) -> Decimal:
    """A VAT rate; categories without VAT may leave it out."""
    told = text(node, path) or "0"
    try:
        rate = Decimal(told)
    except InvalidOperation:
        rate = Decimal(-1)
    if not rate.is_finite() or not 0 <= rate <= 100:
        raise RefusedFile("“%(value)s” is not a VAT rate in percent.", line=line_of(node), value=told[:40])
    return rate


def _party(node: etree._Element | None) -> Party:
    legal = find(node, "SpecifiedLegalOrganization/ID")
    siren = (legal.text or "").strip() if legal is not None and legal.get("schemeID") == _SIREN_SCHEME else ""
    vat = next((t for t in find_all(node, "SpecifiedTaxRegistration/ID") if t.get("schemeID") == "VA"), None)
    return Party(
        name=text(node, "Name"),
        reference=text(node, "ID"),
        siren=siren[:9],
        vat_id=(vat.text or "").strip()[:40] if vat is not None else "",
        endpoint=text(node, "URIUniversalCommunication/URIID"),
        address=text(node, "PostalTradeAddress/LineOne"),
        postcode=text(node, "PostalTradeAddress/PostcodeCode"),
        city=text(node, "PostalTradeAddress/CityName"),
        country=text(node, "PostalTradeAddress/CountryID")[:2],
    )
