"""A payment file for the debtor's own bank tool: transfers as pain.001.001.09 (ISO 20022, SEPA rules).

Parties are given by name only. Since 15 November 2026 banks refuse unstructured addresses (EPC rulebooks), and a
name alone is allowed: so no address is ever written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from lxml import etree

from shared import iban
from shared.money import Money, total
from shared.payments import reference as references
from shared.payments.sepa_text import NoPaymentFile, bic, identifier, name, transliterate

_SPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_NAME = f"{{{_SPACE}}}%s"
_DEFAULT: Any = {None: _SPACE}
_SMALLEST, _LARGEST = Money(1, "EUR"), Money(99_999_999_999, "EUR")


@dataclass(frozen=True)
class Transfer:
    """One payment. A creditor reference says all; a text stands in where there is none."""

    creditor_name: str
    creditor_iban: str
    amount: Money
    end_to_end_id: str
    reference: str | None = None
    text: str | None = None
    creditor_bic: str | None = None


@dataclass(frozen=True)
class Order:
    """Transfers from one account of the debtor, all executed on one day."""

    message_id: str
    created_at: datetime
    debtor_name: str
    debtor_iban: str
    execute_on: date
    transfers: tuple[Transfer, ...]
    debtor_bic: str | None = None


def write(order: Order) -> bytes:
    """The file, valid against the XSD of pain.001.001.09. What a bank would refuse is refused here first."""
    if not order.transfers:
        raise NoPaymentFile()
    if order.execute_on < order.created_at.date():
        raise NoPaymentFile("The day of execution, %(day)s, has passed.", day=order.execute_on)
    document = etree.Element(_NAME % "Document", nsmap=_DEFAULT)
    initiation = _under(document, "CstmrCdtTrfInitn")
    count, amount = str(len(order.transfers)), _sum(order.transfers)
    header = _under(initiation, "GrpHdr")
    _leaf(header, "MsgId", identifier(order.message_id))
    _leaf(header, "CreDtTm", order.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _leaf(header, "NbOfTxs", count)
    _leaf(header, "CtrlSum", amount)
    _leaf(header, "InitgPty/Nm", name(order.debtor_name))
    payment = _under(initiation, "PmtInf")
    _leaf(payment, "PmtInfId", identifier(order.message_id))
    _leaf(payment, "PmtMtd", "TRF")
    _leaf(payment, "NbOfTxs", count)
    _leaf(payment, "CtrlSum", amount)
    _leaf(payment, "PmtTpInf/SvcLvl/Cd", "SEPA")
    _leaf(payment, "ReqdExctnDt/Dt", order.execute_on.isoformat())
    _leaf(payment, "Dbtr/Nm", name(order.debtor_name))
    _leaf(payment, "DbtrAcct/Id/IBAN", iban.parse(order.debtor_iban))
    if order.debtor_bic:
        _leaf(payment, "DbtrAgt/FinInstnId/BICFI", bic(order.debtor_bic))
    else:  # the element is mandatory, the BIC has not been since 2016: the IBAN says it
        _leaf(payment, "DbtrAgt/FinInstnId/Othr/Id", "NOTPROVIDED")
    _leaf(payment, "ChrgBr", "SLEV")
    for transfer in order.transfers:
        _transfer(payment, transfer)
    return bytes(etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _transfer(payment: Any, transfer: Transfer) -> None:
    entry = _under(payment, "CdtTrfTxInf")
    _leaf(entry, "PmtId/EndToEndId", identifier(transfer.end_to_end_id))
    _leaf(entry, "Amt/InstdAmt", f"{transfer.amount.decimal:.2f}").set("Ccy", "EUR")
    if transfer.creditor_bic:
        _leaf(entry, "CdtrAgt/FinInstnId/BICFI", bic(transfer.creditor_bic))
    _leaf(entry, "Cdtr/Nm", name(transfer.creditor_name))
    _leaf(entry, "CdtrAcct/Id/IBAN", iban.parse(transfer.creditor_iban))
    if transfer.reference:
        if not references.is_valid(transfer.reference):
            raise NoPaymentFile(
                "“%(value)s” is not a creditor reference (RF…).", value=transfer.reference[:40]
            )
        remittance = etree.SubElement(
            etree.SubElement(etree.SubElement(entry, "RmtInf"), "Strd"), "CdtrRefInf"
        )
        kind = etree.SubElement(remittance, "Tp")
        _leaf(kind, "CdOrPrtry/Cd", "SCOR")
        _leaf(kind, "Issr", "ISO")
        _leaf(remittance, "Ref", transfer.reference)
    elif text := transliterate(transfer.text or ""):
        if len(text) > 140:
            raise NoPaymentFile("The text of a transfer has 140 characters at most.")
        _leaf(entry, "RmtInf/Ustrd", text)


def _sum(transfers: tuple[Transfer, ...]) -> str:
    for transfer in transfers:
        if transfer.amount.currency != "EUR" or not _SMALLEST <= transfer.amount <= _LARGEST:
            raise NoPaymentFile("A transfer needs an amount in euros between 0.01 and 999 999 999.99.")
    return f"{total((transfer.amount for transfer in transfers), 'EUR').decimal:.2f}"


def _leaf(parent: Any, path: str, text: str) -> Any:
    leaf = _under(parent, path)
    leaf.text = text
    return leaf


def _under(parent: Any, path: str) -> Any:
    """A new chain of elements under `parent`; its last one."""
    for step in path.split("/"):
        parent = etree.SubElement(parent, _NAME % step)
    return parent
