"""One `Ntry` of a camt message, read in a single pass over its elements.

Local names only: thirteen versions differ in their namespace and in a few wrappers (`Sts/Cd`, `Dbtr/Pty`) that
are looked through here. The amount of a line is `Ntry/Amt` with `Ntry/CdtDbtInd` and nothing else; `RvslInd` does
not turn it round, as the indicator already is the booked direction.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any

from lxml import etree

from shared.bank_statements.reading import NOBODY, Detail, Entry, Party
from shared.errors import DomainError, RefusedFile
from shared.money import parse_xml_minor

Element = Any  # lxml brings no types

# What banks write where a reference is mandatory and they have none.
_NO_REFERENCE = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NONREF"})
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:$|[T+Z-])")
_SIGNS = {"CRDT": 1, "DBIT": -1}
_CODE_LEAVES = ("{*}Cd", "{*}SubFmlyCd")
# An amount stands in an entry two or three times; reading it once is enough.
_minor = lru_cache(maxsize=1024)(parse_xml_minor)


class LocalNames(dict[str, str]):
    """The name of a tag without its namespace, found once per tag.

    >>> LocalNames()["{urn:iso:std:iso:20022:tech:xsd:camt.053.001.08}Ntry"]
    'Ntry'
    """

    def __missing__(self, tag: str) -> str:
        name = self[tag] = tag.rpartition("}")[2]
        return name


class Values:
    """Reads single values of a file; what cannot be read is refused with its place."""

    def __init__(self, file: str) -> None:
        self.names = LocalNames()
        self._file = file
        self._days: dict[str, date] = {}

    def refuse(self, element: Element, column: str, sentence: str, /, **params: Any) -> RefusedFile:
        return RefusedFile(sentence, file=self._file, line=element.sourceline, column=column, **params)

    def missing(self, element: Element, column: str) -> RefusedFile:
        return self.refuse(
            element, column, "<%(element)s> is missing here.", element=column.rpartition("/")[2]
        )

    def child(self, element: Element, name: str) -> Element | None:
        names = self.names
        for child in element:
            if names[child.tag] == name:
                return child
        return None

    def inner(self, element: Element | None, *path: str) -> str | None:
        """The text at the end of a path of children."""
        for name in path:
            if element is None:
                return None
            element = self.child(element, name)
        return None if element is None else text_of(element)

    def minor(self, amount: Element, column: str) -> int:
        """An amount's minor units, never negative: the standard puts the sign elsewhere."""
        currency = amount.get("Ccy")
        if currency is None:
            raise self.missing(amount, f"{column}/@Ccy")
        try:
            minor = _minor(amount.text or "", currency)
        except DomainError as error:
            raise self.refuse(amount, column, error.sentence, **error.params) from None
        if minor < 0:
            sentence = "The amount is %(value)s: an amount without a sign was expected, as CdtDbtInd gives the direction."
            raise self.refuse(amount, column, sentence, value=amount.text.strip()[:60])
        return minor

    def sign(self, parent: Element, indicator: Element | None, column: str) -> int:
        if indicator is None:
            raise self.missing(parent, column)
        told = (indicator.text or "").strip()
        if told not in _SIGNS:
            sentence = "“%(value)s” is not a direction: CRDT or DBIT was expected."
            raise self.refuse(indicator, column, sentence, value=told[:40])
        return _SIGNS[told]

    def day(self, choice: Element | None, column: str) -> date | None:
        """The day of a `Dt` or `DtTm`, on the bank's own calendar: a time zone does not move it."""
        if choice is None:
            return None
        told = (choice[0].text or "") if len(choice) else ""
        found = self._days.get(told)
        if found is None:
            shape = _DAY.match(told.strip())
            try:
                found = self._days[told] = date(*map(int, shape.groups())) if shape else date.min
            except ValueError:
                found = date.min
            if found == date.min:
                sentence = "“%(value)s” is not a day: one such as 2026-05-03 was expected."
                raise self.refuse(choice, column, sentence, value=told.strip()[:40])
        return found


class EntryReader:
    """Reads the entries of one account."""

    def __init__(self, values: Values, account: str) -> None:
        self._values = values
        self._account = account

    def read(self, entry: Element, position: int) -> Entry:
        """All that counts of an entry. O(elements), each looked at once."""
        values, names = self._values, self._values.names
        amount = indicator = booking = value = None
        status = entry_ref = transaction_code = info = None
        is_reversal = False
        transactions: list[Element] = []
        for child in entry:
            match names[child.tag]:
                case "Amt":
                    amount = child
                case "CdtDbtInd":
                    indicator = child
                case "RvslInd":
                    is_reversal = text_of(child) in ("true", "1")
                case "Sts":  # a text until version 7, then a choice of Cd and Prtry
                    status = text_of(child[0]) if len(child) else text_of(child)
                case "BookgDt":
                    booking = child
                case "ValDt":
                    value = child
                case "AcctSvcrRef":
                    entry_ref = _reference(child)
                case "BkTxCd":
                    transaction_code = self._transaction_code(child)
                case "NtryDtls":
                    transactions += [each for each in child if names[each.tag] == "TxDtls"]
                case "AddtlNtryInf":
                    info = text_of(child)
        if amount is None:
            raise values.missing(entry, "Ntry/Amt")
        if status is None:
            raise values.missing(entry, "Ntry/Sts")
        minor = values.minor(amount, "Ntry/Amt") * values.sign(entry, indicator, "Ntry/CdtDbtInd")
        currency = amount.get("Ccy")
        value_on = values.day(value, "Ntry/ValDt")
        booked_on = values.day(booking, "Ntry/BookgDt") or value_on
        if booked_on is None and status == "BOOK":
            raise values.missing(entry, "Ntry/BookgDt")
        details = tuple([self._detail(each, minor, currency, is_reversal) for each in transactions])
        told = details[0] if len(details) == 1 else _NO_DETAIL
        return Entry(
            position=position,
            amount_minor=minor,
            currency=currency,
            status=status,
            booked_on=booked_on,
            value_on=value_on,
            entry_ref=entry_ref or told.bank_ref,
            end_to_end_id=told.end_to_end_id,
            transaction_code=transaction_code,
            is_reversal=is_reversal,
            party=told.party,
            texts=told.texts,
            references=told.references,
            info=info or told.info,
            unexplained_minor=_unexplained(minor, details),
            details=details if len(details) > 1 else (),
            raw=etree.tostring(entry, encoding="unicode", with_tail=False),
        )

    def _detail(self, transaction: Element, entry_minor: int, currency: str, is_reversal: bool) -> Detail:
        names = self._values.names
        amount = indicator = amounts = None
        end_to_end_id = bank_ref = info = None
        texts: tuple[str, ...] = ()
        references: tuple[str, ...] = ()
        party, parties = NOBODY, None
        for child in transaction:
            match names[child.tag]:
                case "Refs":
                    for ref in child:
                        match names[ref.tag]:
                            case "EndToEndId":
                                end_to_end_id = _reference(ref)
                            case "AcctSvcrRef":
                                bank_ref = _reference(ref)
                case "Amt":
                    amount = child
                case "CdtDbtInd":
                    indicator = child
                case "AmtDtls":
                    amounts = child
                case "RltdPties":
                    parties = child
                case "RmtInf":
                    texts, references = self._remittance(child)
                case "AddtlTxInf":
                    info = text_of(child)
        sign = 1 if entry_minor >= 0 else -1
        if indicator is not None:
            sign = self._values.sign(transaction, indicator, "TxDtls/CdtDbtInd")
        if parties is not None:
            party = self._party(parties, sign > 0, is_reversal)
        minor = self._detail_minor(amount, amounts, currency)
        return Detail(
            None if minor is None else minor * sign, end_to_end_id, bank_ref, party, texts, references, info
        )

    def _detail_minor(self, amount: Element | None, amounts: Element | None, currency: str) -> int | None:
        """The transaction's amount in the entry's currency; the instructed amount is what somebody asked for, not it."""
        if amount is not None and amount.get("Ccy") == currency:
            return self._values.minor(amount, "TxDtls/Amt")
        if amounts is not None:
            choice = self._values.child(amounts, "TxAmt")
            amount = None if choice is None else self._values.child(choice, "Amt")
            if amount is not None and amount.get("Ccy") == currency:
                return self._values.minor(amount, "TxDtls/AmtDtls/TxAmt/Amt")
        return None

    def _remittance(self, remittance: Element) -> tuple[tuple[str, ...], tuple[str, ...]]:
        names = self._values.names
        texts: list[str] = []
        references: list[str] = []
        for child in remittance:
            match names[child.tag]:
                case "Ustrd":
                    # Only line breaks of a pretty printer go: a blank at a cut belongs to the text.
                    if told := (child.text or "").strip("\r\n\t"):
                        texts.append(told)
                case "Strd":
                    for part in child:
                        match names[part.tag]:
                            case "CdtrRefInf":
                                references.append(self._values.inner(part, "Ref") or "")
                            case "RfrdDocInf":
                                references.append(self._values.inner(part, "Nb") or "")
                            case "AddtlRmtInf":
                                texts.append(text_of(part) or "")
        return tuple(texts), tuple([each for each in references if each])

    def _party(self, parties: Element, is_credit: bool, is_reversal: bool) -> Party:
        """The other side: who paid a credit, who got a debit.

        A reversal (a bounced debit, a returned transfer) keeps the roles of the original payment, so the sides are
        changed there; not all banks do, and the account that is our own is never the other side.
        """
        names = self._values.names
        roles = {names[child.tag]: child for child in parties}
        first, second = ("Dbtr", "Cdtr") if is_credit != is_reversal else ("Cdtr", "Dbtr")
        party = self._side(roles, first)
        if is_reversal and (party is NOBODY or party.iban == self._account):
            other = self._side(roles, second)
            return NOBODY if other.iban == self._account else other
        return NOBODY if party.iban == self._account and not party.name else party

    def _side(self, roles: dict[str, Element], role: str) -> Party:
        name = iban = account = None
        ids: tuple[str, ...] = ()
        if (who := roles.get(role)) is not None:
            name, ids = self._who(who)
        if (holder := roles.get(f"{role}Acct")) is not None:
            iban, account = account_of(self._values, holder)
        ultimate = roles.get(f"Ultmt{role}")
        beyond = None if ultimate is None else self._who(ultimate)[0]
        if not (name or iban or account or beyond or ids):
            return NOBODY
        return Party(name, iban, account, beyond, ids)

    def _who(self, party: Element) -> tuple[str | None, tuple[str, ...]]:
        names = self._values.names
        name = None
        ids: tuple[str, ...] = ()
        for child in party:
            match names[child.tag]:
                case "Nm":
                    name = text_of(child)
                case "Id":
                    ids = self._party_ids(child)
                case "Pty":
                    return self._who(child)
                case "Agt":
                    name = self._values.inner(child, "FinInstnId", "Nm")
        return name, ids

    def _party_ids(self, choice: Element) -> tuple[str, ...]:
        """Register numbers and BICs of an organisation or person; not the day and place somebody was born."""
        found = []
        for kind in choice:
            for each in kind:
                match self._values.names[each.tag]:
                    case "Othr":
                        found.append(self._values.inner(each, "Id"))
                    case "AnyBIC" | "BICOrBEI" | "LEI":
                        found.append(text_of(each))
        return tuple([each for each in found if each])

    def _transaction_code(self, code: Element) -> str | None:
        """The transaction code in one text: `PMNT-RCDT-ESCT`, a bank's own code after a blank."""
        names = self._values.names
        told = []
        for child in code:
            match names[child.tag]:
                case "Domn":
                    told.append(
                        "-".join([leaf.text.strip() for leaf in child.iter(*_CODE_LEAVES) if leaf.text])
                    )
                case "Prtry":
                    told.append(self._values.inner(child, "Cd") or "")
        return " ".join([each for each in told if each]) or None


_NO_DETAIL = Detail(None, None, None, NOBODY, (), (), None)


def text_of(element: Element) -> str | None:
    told = element.text
    return (told.strip() or None) if told else None


def account_of(values: Values, account: Element) -> tuple[str | None, str | None]:
    """IBAN, else another identification, of an `Acct`, `DbtrAcct` or `CdtrAcct`."""
    choice = values.child(account, "Id")
    if choice is None:
        return None, None
    if iban := values.inner(choice, "IBAN"):
        return "".join(iban.split()).upper(), None
    return None, values.inner(choice, "Othr", "Id")


def _reference(element: Element) -> str | None:
    told = text_of(element)
    return None if told is None or told.upper() in _NO_REFERENCE else told


def _unexplained(minor: int, details: tuple[Detail, ...]) -> int:
    """The part of an entry's amount that its transactions do not account for: charges, or details left out."""
    if len(details) == 1:  # a single transaction has the entry's amount unless it names its own
        (only,) = details
        own = minor if only.amount_minor is None else abs(only.amount_minor) * (1 if minor >= 0 else -1)
        return minor - own
    return minor - sum([each.amount_minor or 0 for each in details]) if details else 0
