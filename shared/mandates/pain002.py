"""A bank's answer to a collection file: pain.002 (ISO 20022, versions 03 to 14), streamed.

Statuses are kept as the bank writes them. `verdict` says what one of them means; a status that is not known means
nothing, and is for a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO

from lxml import etree

from shared.bank_statements.camt_entry import Element, Values
from shared.errors import RefusedFile
from shared.i18n import N_

_CHUNK = 1 << 16
_LARGEST_PART = 1 << 20  # no part of a report is near a megabyte: a file that goes on longer is not one
_GROUP, _BATCH, _TRANSACTION = "OrgnlGrpInfAndSts", "OrgnlPmtInfAndSts", "TxInfAndSts"
_WATCHED = [f"{{*}}{name}" for name in ("Document", "CstmrPmtStsRpt", "GrpHdr", _GROUP, _BATCH, _TRANSACTION)]


class Verdict(StrEnum):
    """What a status says of a file, a batch or a transaction."""

    ACCEPTED = "accepted"  # accepted so far: the money may still be refused
    SETTLED = "settled"
    PARTLY = "partly"  # look at what stands below it
    PENDING = "pending"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


_VERDICTS = {
    "RCVD": Verdict.PENDING,
    "PDNG": Verdict.PENDING,
    "PATC": Verdict.PENDING,
    "ACTC": Verdict.ACCEPTED,
    "ACCP": Verdict.ACCEPTED,
    "ACSP": Verdict.ACCEPTED,
    "ACWC": Verdict.ACCEPTED,
    "ACFC": Verdict.ACCEPTED,
    "ACSC": Verdict.SETTLED,
    "ACCC": Verdict.SETTLED,
    "PART": Verdict.PARTLY,
    "RJCT": Verdict.REJECTED,
    "CANC": Verdict.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of the rulebooks (or the bank's own), and what the bank adds."""

    code: str | None
    info: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to the file as a whole; `original_message_id` is the file's. Comes before all that it contains."""

    message_id: str
    original_message_id: str
    original_message: str | None  # such as pain.008.001.08
    status: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """The answer to one batch (`PmtInf`), after the transactions it names."""

    batch_id: str
    status: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class TransactionStatus:
    """The answer to one transaction. Banks often name only those they refuse."""

    end_to_end_id: str | None
    batch_id: str
    status: str | None
    reasons: tuple[Reason, ...]
    bank_ref: str | None


def verdict(status: str | None) -> Verdict:
    """What a status means; what is not known is never guessed.

    >>> verdict("RJCT"), verdict("XXXX")
    (<Verdict.REJECTED: 'rejected'>, <Verdict.UNKNOWN: 'unknown'>)
    """
    return _VERDICTS.get(status or "", Verdict.UNKNOWN)


def read_report(source: BinaryIO, file: str) -> Iterator[Report | TransactionStatus | BatchStatus]:
    """Read a pain.002 file: the report, then for each batch its transactions and the batch itself.

    Raises `RefusedFile`, possibly after some parts: keep nothing unless the iterator ends by itself.
    """
    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=_WATCHED,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    reading = _Reading(file)
    unseen = 0
    while chunk := source.read(_CHUNK):
        _guarded(file, parser.feed, chunk)
        unseen += len(chunk)
        for event, element in parser.read_events():
            unseen = 0
            yield from reading.take(event, element)
        if unseen > _LARGEST_PART:
            raise reading.not_one()
    _guarded(file, parser.close)
    for event, element in parser.read_events():
        yield from reading.take(event, element)
    if not reading.reported:
        raise reading.not_one()


def _guarded(file: str, step: Any, *given: bytes) -> None:
    try:
        step(*given)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        sentence = N_("The file breaks off or is not XML: %(reason)s. A complete pain.002 file was expected.")
        reason = (error.msg or "").partition(", line ")[0].strip()[:200] or "nothing was found in it"
        raise RefusedFile(
            sentence, file=file, line=line or None, column=column or None, reason=reason
        ) from None


class _Reading:
    """What is known so far of the report that is being read."""

    def __init__(self, file: str) -> None:
        self.reported = False
        self._file = file
        self._values = Values(file)
        self._begun = self._inside = False
        self._message_id: str | None = None

    def take(self, event: str, element: Element) -> Iterator[Report | TransactionStatus | BatchStatus]:
        name = self._values.names[element.tag]
        if not self._begun:
            self._begun = True
            if element.getroottree().docinfo.doctype:
                sentence = N_(
                    "The file declares a DOCTYPE, which no bank's file does; it could smuggle other files in."
                )
                raise RefusedFile(sentence, file=self._file, line=1)
        if event == "start":
            self._inside = self._inside or name == "CstmrPmtStsRpt"
        elif name == "GrpHdr":
            self._message_id = self._values.inner(element, "MsgId")
        elif name == _GROUP:
            yield self._report(element)
        elif name == _TRANSACTION:
            yield self._transaction(element)
            self._clear(element)
        elif name == _BATCH:
            told = self._told(element, "OrgnlPmtInfId")
            yield BatchStatus(told, self._values.inner(element, "PmtInfSts"), self._reasons(element))
            self._clear(element)

    def not_one(self) -> RefusedFile:
        sentence = N_("This is no answer to a payment file: CstmrPmtStsRpt of a pain.002 was expected.")
        return RefusedFile(sentence, file=self._file, line=1)

    def _report(self, group: Element) -> Report:
        if not self._inside:
            raise self.not_one()
        if self._message_id is None:
            raise self._values.missing(group, "GrpHdr/MsgId")
        self.reported = True
        return Report(
            message_id=self._message_id,
            original_message_id=self._told(group, "OrgnlMsgId"),
            original_message=self._values.inner(group, "OrgnlMsgNmId"),
            status=self._values.inner(group, "GrpSts"),
            reasons=self._reasons(group),
        )

    def _transaction(self, element: Element) -> TransactionStatus:
        batch = element.getparent()
        if not self.reported or batch is None or self._values.names[batch.tag] != _BATCH:
            raise self._values.refuse(
                element, _TRANSACTION, N_("<%(element)s> stands outside of a batch."), element=_TRANSACTION
            )
        return TransactionStatus(
            end_to_end_id=self._values.inner(element, "OrgnlEndToEndId"),
            batch_id=self._told(batch, "OrgnlPmtInfId"),
            status=self._values.inner(element, "TxSts"),
            reasons=self._reasons(element),
            bank_ref=self._values.inner(element, "AcctSvcrRef"),
        )

    def _reasons(self, element: Element) -> tuple[Reason, ...]:
        found = []
        for child in element:
            if self._values.names[child.tag] == "StsRsnInf":
                reason = self._values.child(child, "Rsn")
                code = self._values.inner(reason, "Cd") or self._values.inner(reason, "Prtry")
                found.append(Reason(code, self._values.inner(child, "AddtlInf")))
        return tuple(found)

    def _told(self, parent: Element, name: str) -> str:
        told = self._values.inner(parent, name)
        if told is None:
            raise self._values.missing(parent, name)
        return told

    def _clear(self, element: Element) -> None:
        """Forget what was read; the batch's own fields stand before its transactions and stay."""
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
