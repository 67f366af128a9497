"""A bank: writes camt.053.001.08 statements as French banks do, with balances that chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lxml import etree

from shared.i18n import amount

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


@dataclass(frozen=True, slots=True)
class Movement:
    """One booked line; `amount_minor` is negative for money that leaves. `reference`: a structured RF reference."""

    amount_minor: int
    party: str
    party_iban: str
    text: str
    bank_ref: str
    reference: str = ""
    end_to_end_id: str = "NOTPROVIDED"


@dataclass(frozen=True, slots=True)
class DayStatement:
    iban: str
    owner: str
    number: int
    day: date
    opening_minor: int
    movements: Sequence[Movement]

    @property
    def closing_minor(self) -> int:
        return self.opening_minor + sum(movement.amount_minor for movement in self.movements)


def write_camt053(statements: Sequence[DayStatement], message_id: str) -> bytes:
    """One message with these statements."""
    root = etree.Element(f"{{{_NAMESPACE}}}Document", nsmap={None: _NAMESPACE})  # type: ignore[dict-item]
    report = _add(root, "BkToCstmrStmt")
    head = _add(report, "GrpHdr")
    _add(head, "MsgId", message_id)
    _add(head, "CreDtTm", f"{max(s.day for s in statements).isoformat()}T06:30:00+01:00")
    for statement in statements:
        _statement(report, statement)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _statement(report: etree._Element, told: DayStatement) -> None:
    statement = _add(report, "Stmt")
    _add(statement, "Id", f"{told.iban[-8:]}-{told.day:%Y%m%d}")
    _add(statement, "ElctrncSeqNb", str(told.number))
    _add(statement, "CreDtTm", f"{told.day.isoformat()}T23:00:00+01:00")
    account = _add(statement, "Acct")
    _add(_add(account, "Id"), "IBAN", told.iban)
    _add(account, "Ccy", "EUR")
    _add(_add(account, "Ownr"), "Nm", told.owner)
    _balance(statement, "OPBD", told.opening_minor, told.day)
    _balance(statement, "CLBD", told.closing_minor, told.day)
    for movement in told.movements:
        _entry(statement, movement, told.day)


def _balance(statement: etree._Element, code: str, minor: int, day: date) -> None:
    balance = _add(statement, "Bal")
    _add(_add(_add(balance, "Tp"), "CdOrPrtry"), "Cd", code)
    _money(balance, minor)
    _add(_add(balance, "Dt"), "Dt", day.isoformat())


def _entry(statement: etree._Element, movement: Movement, day: date) -> None:
    comes_in = movement.amount_minor > 0
    entry = _add(statement, "Ntry")
    _money(entry, movement.amount_minor)
    _add(_add(entry, "Sts"), "Cd", "BOOK")
    for name in ("BookgDt", "ValDt"):
        _add(_add(entry, name), "Dt", day.isoformat())
    _add(entry, "AcctSvcrRef", movement.bank_ref)
    family = _add(_add(entry, "BkTxCd"), "Domn")
    _add(family, "Cd", "PMNT")
    _add(_add(family, "Fmly"), "Cd", "RCDT" if comes_in else "ICDT")
    details = _add(_add(entry, "NtryDtls"), "TxDtls")
    _add(_add(details, "Refs"), "EndToEndId", movement.end_to_end_id)
    _money(details, movement.amount_minor)
    parties = _add(details, "RltdPties")
    side = "Dbtr" if comes_in else "Cdtr"
    _add(_add(_add(parties, side), "Pty"), "Nm", movement.party)
    if movement.party_iban:
        _add(_add(_add(parties, f"{side}Acct"), "Id"), "IBAN", movement.party_iban)
    _remittance(details, movement)


def _remittance(details: etree._Element, movement: Movement) -> None:
    if not (movement.text or movement.reference):
        return
    remittance = _add(details, "RmtInf")
    if movement.text:
        _add(remittance, "Ustrd", movement.text[:140])
    if movement.reference:
        told = _add(_add(remittance, "Strd"), "CdtrRefInf")
        _add(_add(_add(told, "Tp"), "CdOrPrtry"), "Cd", "SCOR")
        _add(told, "Ref", movement.reference)


def _money(parent: etree._Element, minor: int) -> None:
    money = _add(parent, "Amt", amount("en", abs(minor), "EUR").replace(",", ""))
    money.set("Ccy", "EUR")
    _add(parent, "CdtDbtInd", "CRDT" if minor >= 0 else "DBIT")


def _add(parent: etree._Element, name: str, content: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
    child.text = content
    return child
