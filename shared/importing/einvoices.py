"""One electronic invoice into the books: whose it is, who owes it, who is to be paid, what was paid already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import BinaryIO

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.creditors.actions import by_code, the_only_one
from shared.customers.matching import complete, known_ref
from shared.documents.files import MAX_MEGABYTES, PDF, File, only
from shared.errors import RefusedFile
from shared.i18n import N_
from shared.ids import new_id
from shared.invoices.cii import read_cii
from shared.invoices.einvoice import EInvoice
from shared.invoices.facturx import attached_xml
from shared.invoices.files import InvoiceRow
from shared.invoices.importing import Given, import_rows, preview_rows
from shared.invoices.recognise import Format
from shared.invoices.staging import Paper
from shared.invoices.ubl import read_ubl
from shared.ledger.rules import TAKEN_OVER
from shared.payments.receipts import NewReceipt, receive
from shared.tabular.imported import ImportResult, Preview

_CREDITORS = text("SELECT code, siren, vat_id FROM creditor ORDER BY code")
_ITEM = text("""
    SELECT i.id, i.creditor_id, i.customer_id FROM open_item i JOIN creditor k ON k.id = i.creditor_id
    WHERE k.code = :creditor AND i.number = :number AND i.kind = 'invoice'""")


def import_document(
    session: Session, actor: Actor, source: BinaryIO, given: Given, found: Format
) -> ImportResult:
    """Import one electronic invoice. Its file is kept as its document; what was prepaid is settled at once."""
    invoice, file = _read(source, given.file, found)
    row = _row(session, invoice, given, file)
    result = import_rows(session, actor, [row], _given(given, invoice, file))
    if result.created:
        complete(session, row.customer_ref, _details(invoice))
        if prepaid := _prepaid(invoice):
            _settle_prepaid(session, row, prepaid)
    return result


def preview_document(
    session: Session, actor: Actor, source: BinaryIO, given: Given, found: Format
) -> Preview:
    """What `import_document` would do; it changes nothing."""
    invoice, file = _read(source, given.file, found)
    return preview_rows(session, actor, [_row(session, invoice, given, file)], _given(given, invoice, file))


def _read(source: BinaryIO, name: str, found: Format) -> tuple[EInvoice, File]:
    source.seek(0)
    content = source.read(MAX_MEGABYTES * 1024**2 + 1)
    if len(content) > MAX_MEGABYTES * 1024**2:
        raise RefusedFile(N_("This invoice is larger than %(limit)s MB."), limit=MAX_MEGABYTES)
    shown = PurePath(name).name[:200]
    if found is Format.FACTURX:
        return read_cii(attached_xml(source)), File(shown, PDF, content)
    read = read_cii if found is Format.CII else read_ubl
    return read(content), File(shown, "application/xml", content)


def _row(session: Session, invoice: EInvoice, given: Given, file: File) -> InvoiceRow:
    """The row as it is booked: by our own names for creditor and customer, for what the debtor had to pay."""
    row, document = invoice.row, invoice.document
    if (invoice.factored or document.payee) and not row.payee_iban:
        # To pay the seller would not free the debtor (Code civil, article 1342-2), so it may not be suggested.
        told = N_("This invoice is to be paid to %(payee)s, but names no account for it.")
        payee = document.payee.name if document.payee else N_("somebody else")
        raise RefusedFile(told, column="PayeeIBAN", payee=payee)
    buyer = document.buyer
    ref = known_ref(session, buyer.reference, buyer.siren, buyer.vat_id)
    return row._replace(
        creditor=_creditor(session, invoice, given),
        customer_ref=ref or _new_ref(session, invoice),
        customer_name=buyer.name or row.customer_ref,
        total_incl_minor=_payable(invoice),
        document=file.name,
    )


def _new_ref(session: Session, invoice: EInvoice) -> str:
    """The number of a new customer: the one on the invoice, if it is not another customer's."""
    buyer = invoice.document.buyer
    wanted = [found for found in (buyer.reference, buyer.siren, buyer.vat_id, buyer.name) if found]
    taken = set(session.scalars(text("SELECT ref FROM customer WHERE ref = ANY (:refs)"), {"refs": wanted}))
    free = [ref for ref in wanted if ref not in taken]
    if not free:
        raise RefusedFile(
            N_("The buyer “%(name)s” cannot be told from the customer “%(ref)s”, who has another SIREN."),
            column="BuyerTradeParty",
            name=buyer.name[:60],
            ref=wanted[0][:60],
        )
    return free[0]


def _creditor(session: Session, invoice: EInvoice, given: Given) -> str:
    """The creditor who is the seller; an invoice of somebody else's is refused."""
    seller = invoice.document.seller
    for code, siren, vat_id in session.execute(_CREDITORS):
        if (seller.siren and seller.siren == siren) or (seller.vat_id and seller.vat_id == vat_id):
            return str(code)
    chosen = by_code(session, given.creditor) if given.creditor else the_only_one(session)
    if chosen.siren and seller.siren and chosen.siren != seller.siren:
        told = N_("The seller is “%(seller)s” (%(siren)s), who is none of the creditors here.")
        raise RefusedFile(told, column="SellerTradeParty", seller=seller.name[:60], siren=seller.siren[:20])
    return chosen.code


def _payable(invoice: EInvoice) -> int:
    """What the debtor owed before prepaying anything: the total, rounded where the invoice rounds (BT-114).

    A credit note of which a part was refunded already is booked with the rest.
    """
    if invoice.row.kind == "credit_note":
        if invoice.due_minor < 0:
            raise RefusedFile(N_("More was refunded than this credit note gives."), column="BT-113")
        return invoice.due_minor
    if _prepaid(invoice) < 0:
        raise RefusedFile(N_("The prepaid amount is negative."), column="BT-113")
    return invoice.due_minor + _prepaid(invoice)


def _prepaid(invoice: EInvoice) -> int:
    return invoice.document.totals.prepaid_minor if invoice.row.kind == "invoice" else 0


def _given(given: Given, invoice: EInvoice, file: File) -> Given:
    document = invoice.document
    paper = Paper(
        type_code=document.type_code,
        payment_reference=document.payment_reference,
        preceding_number=document.previous[0][0] if document.previous else "",
        factored=invoice.factored,
        payee_name=document.payee.name if document.payee else "",
    )
    return replace(given, find=only(file), paper=paper)


def _details(invoice: EInvoice) -> dict[str, str]:
    buyer = invoice.document.buyer
    country = buyer.country.upper() if len(buyer.country) == 2 and buyer.country.isalpha() else ""
    told = {"siren": buyer.siren, "vat_id": buyer.vat_id, "address": buyer.address, "city": buyer.city}
    return {**told, "postcode": buyer.postcode, "country": country}


def _settle_prepaid(session: Session, row: InvoiceRow, prepaid: int) -> None:
    """Book what the debtor paid before the invoice came: what is open is then what the invoice asks for (BT-115)."""
    item = session.execute(_ITEM, {"creditor": row.creditor, "number": row.invoice_number}).one()
    part = min(prepaid, row.total_incl_minor)
    receipt = NewReceipt(
        id=new_id(),
        creditor_id=item.creditor_id,
        customer_id=item.customer_id,
        currency=row.currency,
        amount_minor=prepaid,
        received_on=row.issued_on,
        method="prepaid",
        against=TAKEN_OVER,
        reason="prepaid",
        allocated_on=row.issued_on,
        journal="AN",
        label=row.invoice_number,
        external_ref=f"prepaid {row.creditor} {row.invoice_number}",
        pays=[(item.id, part)] if part else [],
    )
    receive(session, [receipt])
