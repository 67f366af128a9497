"""Collections that came back, as the account's bank tells them in camt.053 statements and camt.054 notifications.

A return is a transaction with return information (`RtrInf`), or one of the codes for unpaid and refunded debits
where a bank gives no more. The same return stands in the notification of the day and in the statement after it:
`Return.identity` is equal in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

from lxml import etree

from shared.bank_statements.camt import NOTIFICATIONS, STATEMENTS, read_camt
from shared.bank_statements.camt_entry import Element, Values, text_of
from shared.bank_statements.reading import Entry, StatementHead

# Issued direct debits (IDDT): unpaid, refunded, cancelled on request (ISO 20022 bank transaction codes).
_UNPAID = frozenset({"UPDD", "PRDD", "RCDD"})
_NO_REFERENCE = frozenset({"NOTPROVIDED", "NONREF"})


@dataclass(frozen=True, slots=True)
class Return:
    """One payment that came back. `amount_minor` is signed as on the account: a returned collection is negative, a
    returned transfer of ours positive. The bank may add charges, or interest, to what was collected (`original`)."""

    account: str
    end_to_end_id: str | None
    mandate_reference: str | None
    batch_id: str | None  # the PmtInfId of our own file
    message_id: str | None  # of our own file
    reason: str | None  # None: the bank gives none
    info: str | None
    amount_minor: int
    original_minor: int | None
    charges_minor: int
    currency: str
    booked_on: date | None
    bank_ref: str | None

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What makes a return recognisable in another message of the bank."""
        return (self.account, self.end_to_end_id or self.bank_ref, self.mandate_reference, self.reason)


def read_returns(source: BinaryIO, file: str) -> Iterator[Return]:
    """The returns of a camt.053 or camt.054 file, in its order; other bookings are passed over. Flat in memory.

    Raises `RefusedFile`, possibly after some returns: keep nothing unless the iterator ends by itself.
    """
    account = ""
    for part in read_camt(source, file, STATEMENTS | NOTIFICATIONS):
        if isinstance(part, StatementHead):
            account = part.account
        elif isinstance(part, Entry) and part.is_booked:
            yield from returns_of(part, account, file)


def returns_of(entry: Entry, account: str, file: str) -> Iterator[Return]:
    """The returns among one entry's transactions. An entry that cannot hold any costs one look at its text."""
    if "RtrInf" not in entry.raw and not any(code in entry.raw for code in _UNPAID):
        return
    values = Values(file)
    # The entry was cut out of a file that the hardened parser took, and that declared no entity.
    root = etree.fromstring(entry.raw, etree.XMLParser(resolve_entities=False, no_network=True))
    transactions = list(root.iter("{*}TxDtls"))
    for transaction in transactions or [root]:
        if _is_return(transaction) or (len(transactions) <= 1 and _is_return(root)):
            yield _read(values, entry, transaction, account, alone=len(transactions) <= 1)


def _is_return(element: Element) -> bool:
    if next(element.iter("{*}RtrInf"), None) is not None:
        return True
    codes = element.find("{*}BkTxCd")
    return codes is not None and any(text_of(leaf) in _UNPAID for leaf in codes.iter("{*}SubFmlyCd"))


def _read(values: Values, entry: Entry, transaction: Element, account: str, *, alone: bool) -> Return:
    info = transaction.find("{*}RtrInf")
    reason = None if info is None else values.child(info, "Rsn")
    refs = values.child(transaction, "Refs")
    sign = 1 if entry.amount_minor >= 0 else -1
    if (indicator := values.child(transaction, "CdtDbtInd")) is not None:
        sign = values.sign(transaction, indicator, "TxDtls/CdtDbtInd")
    original = _amount(values, entry, transaction, "InstdAmt")
    amount = _own_amount(values, entry, transaction) or (abs(entry.amount_minor) if alone else original)
    if amount is None:
        raise values.missing(transaction, "TxDtls/Amt")
    return Return(
        account=account,
        end_to_end_id=_reference(values, refs, "EndToEndId"),
        mandate_reference=_reference(values, refs, "MndtId"),
        batch_id=_reference(values, refs, "PmtInfId"),
        message_id=_reference(values, refs, "MsgId"),
        reason=values.inner(reason, "Cd") or values.inner(reason, "Prtry"),
        info=values.inner(info, "AddtlInf"),
        amount_minor=sign * amount,
        original_minor=original,
        charges_minor=_charges(values, entry, transaction),
        currency=entry.currency,
        booked_on=entry.booked_on,
        bank_ref=_reference(values, refs, "AcctSvcrRef") or (entry.entry_ref if alone else None),
    )


def _own_amount(values: Values, entry: Entry, transaction: Element) -> int | None:
    """What was booked for this transaction, in the account's currency."""
    amount = values.child(transaction, "Amt")
    if amount is not None and amount.get("Ccy") == entry.currency:
        return values.minor(amount, "TxDtls/Amt")
    return _amount(values, entry, transaction, "TxAmt")


def _amount(values: Values, entry: Entry, transaction: Element, kind: str) -> int | None:
    amount = transaction.find(f"{{*}}AmtDtls/{{*}}{kind}/{{*}}Amt")
    if amount is None or amount.get("Ccy") != entry.currency:
        return None
    return values.minor(amount, f"TxDtls/AmtDtls/{kind}/Amt")


def _charges(values: Values, entry: Entry, transaction: Element) -> int:
    """The bank's charges on a return: single records (since version 3), or one amount."""
    charges = transaction.find("{*}Chrgs")
    if charges is None:
        return 0
    records = charges.findall("{*}Rcrd/{*}Amt") or charges.findall("{*}Amt")
    found = [each for each in records if each.get("Ccy") == entry.currency]
    return sum(values.minor(each, "TxDtls/Chrgs") for each in found)


def _reference(values: Values, refs: Element | None, name: str) -> str | None:
    told = values.inner(refs, name)
    return None if told is None or told.upper() in _NO_REFERENCE else told
