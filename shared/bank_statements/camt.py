"""camt.053 statements (ISO 20022, versions 02 to 13), streamed: memory stays flat whatever the file's size.

Banks' files are taken as they are: local names instead of namespaces, prefixes, a wrapper around the document, no
validation against the schema, which half of the real files break. What decides about money is checked instead.
Only statements (camt.053) are booked; who looks for single transactions may ask for notifications (camt.054) too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import BinaryIO, NamedTuple

from lxml import etree

from shared.bank_statements.camt_entry import Element, EntryReader, Values, account_of, text_of
from shared.bank_statements.reading import Entry, Remark, StatementEnd, StatementHead
from shared.errors import RefusedFile
from shared.i18n import N_
from shared.money import Money, digits

# The messages, with the name each gives to what it says about one account.
STATEMENTS = {"BkToCstmrStmt": "Stmt"}
NOTIFICATIONS = {"BkToCstmrDbtCdtNtfctn": "Ntfctn"}
_PREVIEWS = {"BkToCstmrAcctRpt": "camt.052", "BkToCstmrDbtCdtNtfctn": "camt.054"}

_CHUNK = 1 << 16
# How much may be read without meeting the message, or the end of an entry, before it cannot be a bank's file.
# Entries of 10,000 transactions (about 12 MB) exist; the tree of 32 MB still fits in memory.
_PREAMBLE = 1 << 20
_LARGEST_ENTRY = 1 << 25


def read_camt(
    source: BinaryIO, file: str, messages: Mapping[str, str] = STATEMENTS
) -> Iterator[StatementHead | Entry | StatementEnd]:
    """Read the statements of a camt.053 file; `file` is its name, `messages` the kinds that are taken.

    Raises `RefusedFile`, possibly after some entries: keep nothing unless the iterator ends by itself.

    >>> from io import BytesIO
    >>> document = b'''<Document><BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId></GrpHdr><Stmt><Id>S1</Id>
    ...   <Acct><Id><IBAN>FR7610107375867753219372266</IBAN></Id><Ccy>EUR</Ccy></Acct>
    ...   <Ntry><Amt Ccy="EUR">139.56</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
    ...     <BookgDt><Dt>2026-09-01</Dt></BookgDt></Ntry></Stmt></BkToCstmrStmt></Document>'''
    >>> head, entry, end = read_camt(BytesIO(document), "september.xml")
    >>> head.account, entry.position, entry.amount_minor, entry.booked_on, end.credits_minor
    ('FR7610107375867753219372266', 1, 13956, datetime.date(2026, 9, 1), 13956)
    >>> list(read_camt(BytesIO(b"<Document><CstmrCdtTrfInitn/></Document>"), "other.xml"))
    Traceback (most recent call last):
    shared.errors.RefusedFile: other.xml: This is not a bank statement: BkToCstmrStmt of a camt.053 was expected in <Document>.
    """
    watched = ("Document", "Ntry", *_PREVIEWS, *messages, *messages.values())
    # The parser opens nothing, resolves nothing, and stops at 256 levels and at texts of 10 MB.
    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=[f"{{*}}{name}" for name in watched],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    message = _Message(file, messages)
    unseen = 0
    while chunk := source.read(_CHUNK):
        _feed(parser, chunk, file)
        unseen += len(chunk)
        for event, element in parser.read_events():
            unseen = 0
            yield from message.take(event, element)
        if unseen > (_LARGEST_ENTRY if message.seen else _PREAMBLE):
            raise message.endless(unseen)
    root = _close(parser, file)
    for event, element in parser.read_events():
        yield from message.take(event, element)
    message.finish(root)


def _feed(parser: etree.XMLPullParser, chunk: bytes, file: str) -> None:
    try:
        parser.feed(chunk)
    except etree.XMLSyntaxError as error:
        raise _not_xml(error, file) from None


def _close(parser: etree.XMLPullParser, file: str) -> Element:
    try:
        return parser.close()
    except etree.XMLSyntaxError as error:
        raise _not_xml(error, file) from None


def _not_xml(error: etree.XMLSyntaxError, file: str) -> RefusedFile:
    line, column = error.position
    sentence = N_("The file breaks off or is not XML: %(reason)s. A complete camt.053 file was expected.")
    reason = (error.msg or "").partition(", line ")[0].strip()[:200] or "nothing was found in it"
    return RefusedFile(sentence, file=file, line=line or None, column=column or None, reason=reason)


class _Message:
    """What is known so far of the message that is being read."""

    def __init__(self, file: str, messages: Mapping[str, str]) -> None:
        self.seen = False
        self._file = file
        self._messages = messages
        self._values = Values(file)
        self._begun = False
        self._container: Element | None = None
        self._message: str | None = None
        self._statement: _Statement | None = None
        self._statements = 0

    def take(self, event: str, element: Element) -> Iterator[StatementHead | Entry | StatementEnd]:
        name = self._values.names[element.tag]
        if event == "end":
            if name == "Ntry":
                yield from self._entry(element)
            elif self._statement is not None and element is self._statement.element:
                yield from self._statement.finish()
                self._statement = None
                element.clear()
        elif not self._begun:
            self._begin(element)
        if event == "start":
            self._start(name, element)

    def finish(self, root: Element) -> None:
        """After the last byte: a file without a statement is not one."""
        if not self._statements:
            sentence = N_(
                "This is not a bank statement: BkToCstmrStmt of a camt.053 was expected in <%(root)s>."
            )
            raise RefusedFile(sentence, file=self._file, root=self._values.names[root.tag][:60])

    def endless(self, size: int) -> RefusedFile:
        sentence = N_("%(size)s MB were read without meeting the end of an entry of a camt.053 statement.")
        return RefusedFile(sentence, file=self._file, size=size >> 20)

    def _begin(self, element: Element) -> None:
        self._begun = True
        if element.getroottree().docinfo.doctype:
            sentence = N_(
                "The file declares a DOCTYPE, which no bank's file does; it could smuggle other files in."
            )
            raise RefusedFile(sentence, file=self._file, line=1)

    def _start(self, name: str, element: Element) -> None:
        if name in _PREVIEWS and name not in self._messages:
            sentence = N_(
                "This is a %(kind)s message, which previews or details a statement; the camt.053 statement was expected."
            )
            raise self._values.refuse(element, name, sentence, kind=_PREVIEWS[name])
        if name in self._messages:
            self._container, self.seen = element, True
        elif name in self._messages.values():
            if self._container is None or element.getparent() is not self._container:
                raise self._misplaced(element, name)
            if self._message is None:
                header = self._values.child(self._container, "GrpHdr")
                self._message = self._values.inner(header, "MsgId")
            while (before := element.getprevious()) is not None:
                self._container.remove(before)
            self._statement = _Statement(self._values, element, self._message)
            self._statements += 1

    def _entry(self, element: Element) -> Iterator[StatementHead | Entry]:
        if self._statement is None or element.getparent() is not self._statement.element:
            raise self._misplaced(element, "Ntry")
        return self._statement.take(element)

    def _misplaced(self, element: Element, name: str) -> RefusedFile:
        return self._values.refuse(
            element, name, N_("<%(element)s> stands outside of a statement."), element=name
        )


class _Balance(NamedTuple):
    code: str
    currency: str
    minor: int
    on: date | None


class _Statement:
    """One statement: its head as far as read, and its sums."""

    def __init__(self, values: Values, element: Element, message: str | None) -> None:
        self.element = element
        self._values = values
        self._message = message
        self._id: str | None = None
        self._account: str | None = None
        self._currency: str | None = None
        self._owner: str | None = None
        self._sequence: str | None = None
        self._created: str | None = None
        self._period: tuple[date | None, date | None] = (None, None)
        self._balances: list[_Balance] = []
        self._declared: tuple[str | None, str | None] = (None, None)
        self._reader: EntryReader | None = None
        self._entries = self._not_booked = self._credit = self._debit = self._turnover = 0
        self._foreign: dict[str, int] = {}

    def take(self, element: Element) -> Iterator[StatementHead | Entry]:
        """An entry; before the first one the head, which stands before it in the file."""
        while (before := element.getprevious()) is not None:
            if self._values.names[before.tag] != "Ntry":
                self._header(before)
            self.element.remove(before)
        self._entries += 1
        if self._reader is None:
            head = self._head(self._values.child(element, "Amt"))
            self._reader = EntryReader(self._values, head.account)
            yield head
        entry = self._reader.read(element, self._entries)
        self._count(entry)
        yield entry

    def finish(self) -> Iterator[StatementHead | StatementEnd]:
        for rest in self.element:
            if self._values.names[rest.tag] != "Ntry":
                self._header(rest)
        if self._reader is None:
            yield self._head(None)
        opening, closing = self._balance("OPBD", "PRCD"), self._balance("CLBD")
        computed = None if opening is None else opening.minor + self._credit - self._debit
        proof = None if closing is None or computed is None else (computed, closing.minor)
        yield StatementEnd(
            statement=self._id or "",
            opening_minor=opening.minor if opening else None,
            closing_minor=closing.minor if closing else None,
            opening_on=opening.on if opening else None,
            closing_on=closing.on if closing else None,
            entries=self._entries,
            not_booked=self._not_booked,
            credits_minor=self._credit,
            debits_minor=self._debit,
            balance_ok=proof[0] == proof[1] if proof else None,
            remarks=tuple(self._remarks(proof)),
        )

    def _header(self, part: Element) -> None:
        """One child of the statement that is not an entry."""
        inner = self._values.inner
        match self._values.names[part.tag]:
            case "Id":
                self._id = text_of(part)
            case "ElctrncSeqNb":
                self._sequence = text_of(part)
            case "CreDtTm":
                self._created = text_of(part)
            case "FrToDt":
                self._period = (_day(inner(part, "FrDtTm")), _day(inner(part, "ToDtTm")))
            case "Acct":
                iban, other = account_of(self._values, part)
                self._account = iban or other
                self._currency = inner(part, "Ccy")
                self._owner = inner(part, "Ownr", "Nm") or inner(part, "Ownr", "Pty", "Nm")
            case "Bal":
                self._take_balance(part)
            case "TxsSummry":
                total = self._values.child(part, "TtlNtries")
                self._declared = (inner(total, "NbOfNtries"), inner(total, "Sum"))

    def _take_balance(self, balance: Element) -> None:
        kind = self._values.child(balance, "Tp")
        code = self._values.inner(kind, "CdOrPrtry", "Cd") or self._values.inner(kind, "Cd")
        if code not in ("OPBD", "PRCD", "CLBD"):
            return
        amount = self._values.child(balance, "Amt")
        if amount is None:
            raise self._values.missing(balance, "Bal/Amt")
        minor = self._values.minor(amount, "Bal/Amt")
        sign = self._values.sign(balance, self._values.child(balance, "CdtDbtInd"), "Bal/CdtDbtInd")
        on = self._values.day(self._values.child(balance, "Dt"), "Bal/Dt")
        self._balances.append(_Balance(code, amount.get("Ccy"), sign * minor, on))

    def _head(self, first_amount: Element | None) -> StatementHead:
        if self._id is None:
            raise self._values.missing(self.element, "Stmt/Id")
        if self._account is None:
            raise self._values.missing(self.element, "Stmt/Acct/Id")
        if self._currency is None and self._balances:
            self._currency = self._balances[0].currency
        if self._currency is None and first_amount is not None:
            self._currency = first_amount.get("Ccy")
        return StatementHead(
            statement=self._id,
            account=self._account,
            currency=self._currency,
            message=self._message,
            owner=self._owner,
            sequence=int(self._sequence) if self._sequence and self._sequence.isdecimal() else None,
            created_at=_instant(self._created),
            period_from=self._period[0],
            period_to=self._period[1],
        )

    def _count(self, entry: Entry) -> None:
        """Into the proof with the number as written: that is how the bank added it, in whatever currency it says."""
        minor = entry.amount_minor
        if entry.currency != self._currency:
            self._foreign[entry.currency] = self._foreign.get(entry.currency, 0) + 1
            minor = int(
                Decimal(minor).scaleb(digits(self._currency or entry.currency) - digits(entry.currency))
            )
        self._turnover += abs(minor)
        if not entry.is_booked:
            self._not_booked += 1
        elif minor >= 0:
            self._credit += minor
        else:
            self._debit -= minor

    def _balance(self, *codes: str) -> _Balance | None:
        """The first balance of the first of these kinds that the account's currency has."""
        for wanted in codes:
            for balance in self._balances:
                if balance.code == wanted and balance.currency == self._currency:
                    return balance
        return None

    def _remarks(self, proof: tuple[int, int] | None) -> Iterator[Remark]:
        currency = self._currency
        values: dict[str, object]
        if currency and proof and proof[0] != proof[1]:
            values = {"computed": Money(proof[0], currency), "closing": Money(proof[1], currency)}
            yield Remark(
                N_("Opening balance and entries make %(computed)s, but the closing balance is %(closing)s."),
                values,
            )
        for foreign, count in self._foreign.items():
            values = {"count": count, "currency": foreign, "own": currency}
            yield Remark(
                N_(
                    "%(count)s entries are in %(currency)s in an account in %(own)s: the sums take their numbers as written."
                ),
                values,
            )
        number, total = self._declared
        if number is not None and number != str(self._entries):
            values = {"declared": number[:20], "count": self._entries}
            yield Remark(N_("The bank declares %(declared)s entries, the file holds %(count)s."), values)
        if (
            total is not None
            and currency
            and not self._foreign
            and not _equals(total, self._turnover, currency)
        ):
            values = {"declared": total[:40], "sum": Money(self._turnover, currency)}
            yield Remark(
                N_("The bank declares a sum of %(declared)s over all entries, the file has %(sum)s."), values
            )


def _equals(told: str, minor: int, currency: str) -> bool:
    try:
        return Decimal(told) == Money(minor, currency).decimal
    except InvalidOperation:
        return False


def _day(told: str | None) -> date | None:
    """A day of the period covered, which is told for information only: unreadable means unknown."""
    moment = _instant(told)
    return moment.date() if moment else None


def _instant(told: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(told) if told else None
    except ValueError:
        return None
