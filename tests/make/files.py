"""Write business files of any size, the way customers' systems do."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import xlsxwriter
from pypdf import PdfWriter

from shared.ledger.fec_writer import HEADER

INVOICE_COLUMNS = (
    *("invoice_number", "kind", "customer_ref", "issue_date", "due_date", "currency"),
    *("total_incl_vat", "total_excl_vat", "vat_breakdown"),
)


def csv_bytes(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ",", encoding: str = "utf-8"
) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Numbers and dates become true cells, as in a sheet that a person filled in."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"default_date_format": "dd/mm/yyyy"}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, columns)
        for number, row in enumerate(rows, 1):
            sheet.write_row(number, 0, row)
    return content.getvalue()


def invoice_rows(count: int) -> Iterable[tuple[str, ...]]:
    """Believable invoices: 2,000 customers, two years, amounts that add up."""
    start = date(2024, 9, 2)
    for i in range(count):
        net = 1000 + (i * 7919) % 900_000
        tax = net // 5
        issued = start + timedelta(i % 730)
        yield (
            f"FA{issued.year}-{i:07d}",
            "credit_note" if i % 17 == 0 else "invoice",
            f"C{i % 2000:05d}",
            issued.isoformat(),
            (issued + timedelta(30 + i % 3 * 15)).isoformat(),
            "EUR",
            _decimal(net + tax),
            _decimal(net),
            f"20:{_decimal(net)}:{_decimal(tax)}",
        )


def invoices_csv(count: int) -> bytes:
    return csv_bytes(INVOICE_COLUMNS, invoice_rows(count))


def _decimal(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def fec_lines(entries: Iterable[Sequence[Sequence[str]]], *, separator: str = "\t") -> bytes:
    """A FEC: each entry is a list of lines, each line its eighteen cells."""
    rows = [HEADER, *(line for entry in entries for line in entry)]
    return "".join(separator.join(row) + "\r\n" for row in rows).encode()


def fec_line(
    journal: str,
    number: str,
    day: str,
    account: str,
    amount: int,
    *,
    customer: str = "",
    piece: str = "",
    lettering: str = "",
    label: str = "Écriture",
) -> list[str]:
    """One line of a FEC; a positive amount (in cents) is a debit."""
    debit, credit = (comma(amount), "0,00") if amount > 0 else ("0,00", comma(-amount))
    name = f"Client {customer}" if customer else ""
    return [
        *(journal, f"Journal {journal}", number, day, account, "Compte", customer, name, piece, day, label),
        *(debit, credit, lettering, day if lettering else "", day, "", ""),
    ]


def comma(minor: int) -> str:
    return f"{minor // 100},{minor % 100:02d}"


def cii(**changes: str) -> bytes:
    """A CII invoice of profile EN 16931 with a factor as payee; `changes` replace its values."""
    told = {**_INVOICE, **changes}
    return _CII.format(**told).encode()


def ubl(root: str = "Invoice", **changes: str) -> bytes:
    told = {**_INVOICE, "type": "380" if root == "Invoice" else "381", **changes}
    return _UBL.format(root=root, **told).encode()


def pdf_with(attachments: Sequence[tuple[str, bytes]], *, password: str = "") -> bytes:
    """A PDF of one page with files attached, as any office program writes it."""
    writer = PdfWriter()
    writer.add_blank_page(width=595, height=842)
    for name, content in attachments:
        writer.add_attachment(name, content)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def zip_bomb(megabytes: int) -> bytes:
    """A workbook whose sheet unpacks to blanks without end."""
    out = io.BytesIO()
    honest = zipfile.ZipFile(io.BytesIO(xlsx_bytes(["customer_ref", "name"], [["C1", "A"]])))
    with honest, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as container:
        for part in honest.infolist():
            with container.open(part.filename, "w") as target:
                target.write(honest.read(part))
                if part.filename == "xl/worksheets/sheet1.xml":
                    for _ in range(megabytes):
                        target.write(b" " * 1024**2)
    return out.getvalue()


def with_document_type(workbook: bytes) -> bytes:
    """The workbook with an entity bomb at the head of its sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as honest, zipfile.ZipFile(out, "w") as container:
        for part in honest.infolist():
            content = honest.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                content = content.replace(b"<worksheet", entity_bomb("worksheet") + b"<worksheet", 1)
            container.writestr(part.filename, content)
    return out.getvalue()


def entity_bomb(root: str) -> bytes:
    layers = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return f'<!DOCTYPE {root} [<!ENTITY l0 "ha">{layers}]>'.encode()


_INVOICE = {
    "number": "F2026-000123",
    "type": "380",
    "currency": "EUR",
    "net": "1000.00",
    "tax": "200.00",
    "gross": "1200.00",
    "prepaid": "200.00",
    "due": "1000.00",
    "iban": "FR7630006000011234567890189",
    "siren": "857147961",
    "note_code": "ACC",
}

_CII = """<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
 xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
<rsm:ExchangedDocumentContext>
<ram:BusinessProcessSpecifiedDocumentContextParameter><ram:ID>S1</ram:ID></ram:BusinessProcessSpecifiedDocumentContextParameter>
<ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>urn:cen.eu:en16931:2017</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>
</rsm:ExchangedDocumentContext>
<rsm:ExchangedDocument><ram:ID>{number}</ram:ID><ram:TypeCode>{type}</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="102">20260131</udt:DateTimeString></ram:IssueDateTime>
<ram:IncludedNote><ram:Content>Créance cédée au factor.</ram:Content><ram:SubjectCode>{note_code}</ram:SubjectCode></ram:IncludedNote>
</rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction>
<ram:ApplicableHeaderTradeAgreement><ram:BuyerReference>SERVICE-9</ram:BuyerReference>
<ram:SellerTradeParty><ram:Name>Fournil SAS</ram:Name></ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:ID>C00042</ram:ID><ram:Name>Boulangerie Dupont</ram:Name>
<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">{siren}</ram:ID></ram:SpecifiedLegalOrganization>
<ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR85857147961</ram:ID></ram:SpecifiedTaxRegistration></ram:BuyerTradeParty>
<ram:BuyerOrderReferencedDocument><ram:IssuerAssignedID>BC-77</ram:IssuerAssignedID></ram:BuyerOrderReferencedDocument>
</ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeSettlement><ram:PaymentReference>RF18539007547034</ram:PaymentReference>
<ram:InvoiceCurrencyCode>{currency}</ram:InvoiceCurrencyCode>
<ram:PayeeTradeParty><ram:Name>Factor SA</ram:Name></ram:PayeeTradeParty>
<ram:SpecifiedTradeSettlementPaymentMeans><ram:TypeCode>30</ram:TypeCode>
<ram:PayeePartyCreditorFinancialAccount><ram:IBANID>{iban}</ram:IBANID></ram:PayeePartyCreditorFinancialAccount>
</ram:SpecifiedTradeSettlementPaymentMeans>
<ram:ApplicableTradeTax><ram:CalculatedAmount>{tax}</ram:CalculatedAmount><ram:TypeCode>VAT</ram:TypeCode>
<ram:BasisAmount>{net}</ram:BasisAmount><ram:CategoryCode>S</ram:CategoryCode><ram:RateApplicablePercent>20.00</ram:RateApplicablePercent></ram:ApplicableTradeTax>
<ram:SpecifiedTradePaymentTerms><ram:Description>30 jours net</ram:Description>
<ram:DueDateDateTime><udt:DateTimeString format="102">20260302</udt:DateTimeString></ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>
<ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:TaxBasisTotalAmount>{net}</ram:TaxBasisTotalAmount>
<ram:TaxTotalAmount currencyID="{currency}">{tax}</ram:TaxTotalAmount><ram:GrandTotalAmount>{gross}</ram:GrandTotalAmount>
<ram:TotalPrepaidAmount>{prepaid}</ram:TotalPrepaidAmount><ram:DuePayableAmount>{due}</ram:DuePayableAmount>
</ram:SpecifiedTradeSettlementHeaderMonetarySummation>
<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>F2025-9</ram:IssuerAssignedID></ram:InvoiceReferencedDocument>
</ram:ApplicableHeaderTradeSettlement></rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>
"""

_UBL = """<?xml version="1.0" encoding="UTF-8"?>
<{root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{root}-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ProfileID>S1</cbc:ProfileID>
<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-01-31</cbc:IssueDate>
<cbc:{root}TypeCode>{type}</cbc:{root}TypeCode><cbc:Note>#{note_code}#Créance cédée au factor.</cbc:Note>
<cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode><cbc:BuyerReference>SERVICE-9</cbc:BuyerReference>
<cac:OrderReference><cbc:ID>BC-77</cbc:ID></cac:OrderReference>
<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>F2025-9</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>
<cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Fournil SAS</cbc:Name></cac:PartyName></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyIdentification><cbc:ID>C00042</cbc:ID></cac:PartyIdentification>
<cac:PartyTaxScheme><cbc:CompanyID>FR85857147961</cbc:CompanyID></cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>Boulangerie Dupont</cbc:RegistrationName><cbc:CompanyID schemeID="0002">{siren}</cbc:CompanyID></cac:PartyLegalEntity>
</cac:Party></cac:AccountingCustomerParty>
<cac:PayeeParty><cac:PartyName><cbc:Name>Factor SA</cbc:Name></cac:PartyName></cac:PayeeParty>
<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cbc:PaymentDueDate>2026-03-02</cbc:PaymentDueDate>
<cbc:PaymentID>RF18539007547034</cbc:PaymentID>
<cac:PayeeFinancialAccount><cbc:ID>{iban}</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>
<cac:PaymentTerms><cbc:Note>30 jours net</cbc:Note></cac:PaymentTerms>
<cac:TaxTotal><cbc:TaxAmount currencyID="{currency}">{tax}</cbc:TaxAmount>
<cac:TaxSubtotal><cbc:TaxableAmount currencyID="{currency}">{net}</cbc:TaxableAmount><cbc:TaxAmount currencyID="{currency}">{tax}</cbc:TaxAmount>
<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20.00</cbc:Percent></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount currencyID="{currency}">{net}</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="{currency}">{gross}</cbc:TaxInclusiveAmount><cbc:PrepaidAmount currencyID="{currency}">{prepaid}</cbc:PrepaidAmount>
<cbc:PayableAmount currencyID="{currency}">{due}</cbc:PayableAmount></cac:LegalMonetaryTotal>
</{root}>
"""
