"""camt.053 files for benchmarks, demonstrations and tests: any version’s namespace, every awkward case.

What is written here is believable, and known exactly: a test compares what was read with the `Line`s that went in.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from io import BytesIO
from typing import BinaryIO
from xml.sax.saxutils import escape

from shared import money

ACCOUNT = "FR7610107375867753219372266"


@dataclass(frozen=True)
class Detail:
    """One transaction of a batch."""

    amount_minor: int
    end_to_end_id: str | None = None
    name: str | None = None
    iban: str | None = None
    texts: tuple[str, ...] = ()
    reference: str | None = None


@dataclass(frozen=True)
class Line:
    """One entry to be written; `amount_minor` is positive for money that comes in."""

    amount_minor: int
    booked_on: date = date(2026, 9, 1)
    value_on: date | None = None
    entry_ref: str | None = None
    end_to_end_id: str | None = "NOTPROVIDED"
    name: str | None = None
    iban: str | None = None
    ultimate: str | None = None
    party_id: str | None = None
    texts: tuple[str, ...] = ()
    reference: str | None = None
    status: str = "BOOK"
    is_reversal: bool = False
    currency: str = "EUR"
    batch: tuple[Detail, ...] = ()
    info: str | None = None


@dataclass(frozen=True)
class Statement:
    lines: Sequence[Line]
    id: str = "A3260901"
    account: str = ACCOUNT
    currency: str = "EUR"
    owner: str = "ATELIERS VERNAISON SAS"
    opening_minor: int = 0
    sequence: int = 1
    on: date = date(2026, 9, 1)
    opening_code: str = "OPBD"
    lie: int = 0  # added to the closing balance, for a statement that does not add up
    totals: bool = True

    @property
    def booked_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines if line.status == "BOOK")

    @property
    def closing_minor(self) -> int:
        return self.opening_minor + self.booked_minor + self.lie


@dataclass
class Camt053:
    """Writes statements as one camt.053 message.

    `prefix` writes `<p:Stmt>` instead of a default namespace; `wrapper` puts the document inside another element,
    as some banks' portals do.
    """

    version: int = 8
    prefix: str = ""
    wrapper: str = ""
    encoding: str = "UTF-8"
    message: str = field(default="BkToCstmrStmt", kw_only=True)

    def bytes(self, *statements: Statement) -> bytes:
        out = BytesIO()
        self.write(out, statements)
        return out.getvalue()

    def write(self, out: BinaryIO, statements: Iterable[Statement]) -> None:
        for text in self._document(statements):
            if self.prefix:
                text = text.replace("<", f"<{self.prefix}:").replace(f"<{self.prefix}:/", f"</{self.prefix}:")
            out.write(text.encode(self.encoding, "xmlcharrefreplace"))

    def _document(self, statements: Iterable[Statement]) -> Iterator[str]:
        kind = {"BkToCstmrStmt": "053", "BkToCstmrAcctRpt": "052", "BkToCstmrDbtCdtNtfctn": "054"}[
            self.message
        ]
        colon = f":{self.prefix}" if self.prefix else ""
        space = f'xmlns{colon}="urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.{self.version:02}"'
        if self.wrapper:
            yield f"<{self.wrapper} {space}>"
        yield (
            f"<Document {space}><{self.message}>\n"
            "<GrpHdr><MsgId>MSG-1</MsgId><CreDtTm>2026-09-01T22:15:00Z</CreDtTm></GrpHdr>\n"
        )
        for statement in statements:
            yield from self._statement(statement)
        yield f"</{self.message}></Document>"
        if self.wrapper:
            yield f"</{self.wrapper}>"

    def _statement(self, statement: Statement) -> Iterator[str]:
        place = f"<IBAN>{statement.account}</IBAN>"
        if not statement.account[:2].isalpha():
            place = f"<Othr><Id>{statement.account}</Id></Othr>"
        yield (
            f"<Stmt><Id>{statement.id}</Id><ElctrncSeqNb>{statement.sequence}</ElctrncSeqNb>"
            f"<CreDtTm>{statement.on}T22:15:00Z</CreDtTm><Acct><Id>{place}</Id><Ccy>{statement.currency}</Ccy>"
            f"<Ownr><Nm>{escape(statement.owner)}</Nm></Ownr></Acct>\n"
        )
        yield _balance(statement.opening_code, statement.opening_minor, statement)
        yield _balance("CLBD", statement.closing_minor, statement)
        if statement.totals:
            total = money.Money(sum(abs(line.amount_minor) for line in statement.lines), statement.currency)
            yield (
                f"<TxsSummry><TtlNtries><NbOfNtries>{len(statement.lines)}</NbOfNtries>"
                f"<Sum>{total.decimal}</Sum></TtlNtries></TxsSummry>\n"
            )
        for line in statement.lines:
            yield self._entry(line)
        yield "</Stmt>\n"

    def _entry(self, line: Line) -> str:
        status = f"<Cd>{line.status}</Cd>" if self.version >= 8 else line.status
        details = line.batch or (
            Detail(line.amount_minor, line.end_to_end_id, line.name, line.iban, line.texts, line.reference),
        )
        return "".join(
            (
                f"<Ntry>{_amount(line.amount_minor, line.currency)}",
                "<RvslInd>true</RvslInd>" if line.is_reversal else "",
                f"<Sts>{status}</Sts><BookgDt><Dt>{line.booked_on}</Dt></BookgDt>",
                f"<ValDt><Dt>{line.value_on or line.booked_on}</Dt></ValDt>",
                _if("AcctSvcrRef", line.entry_ref),
                "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>",
                f"<NtryDtls>{''.join(self._detail(line, each) for each in details)}</NtryDtls>",
                _if("AddtlNtryInf", line.info),
                "</Ntry>\n",
            )
        )

    def _detail(self, line: Line, detail: Detail) -> str:
        # The party's role is that of the original payment: a returned transfer keeps its debtor and creditor.
        role = "Dbtr" if (detail.amount_minor > 0) != line.is_reversal else "Cdtr"
        who = _if("Nm", detail.name)
        if line.party_id:
            who += f"<Id><OrgId><Othr><Id>{line.party_id}</Id></Othr></OrgId></Id>"
        ultimate = _if("Nm", line.ultimate)
        if self.version >= 8:
            who, ultimate = _wrap("Pty", who), _wrap("Pty", ultimate)
        account = f"<Id><IBAN>{detail.iban}</IBAN></Id>" if detail.iban else ""
        reference = _if("Ref", detail.reference)
        kind = "<Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp>"
        told = "".join(f"<Ustrd>{escape(text)}</Ustrd>" for text in detail.texts)
        told += _wrap("Strd", _wrap("CdtrRefInf", reference and kind + reference))
        parties = _wrap(role, who) + _wrap(f"{role}Acct", account) + _wrap(f"Ultmt{role}", ultimate)
        return (
            f"<TxDtls>{_wrap('Refs', _if('EndToEndId', detail.end_to_end_id))}"
            f"{_amount(detail.amount_minor, line.currency)}"
            f"{_wrap('RltdPties', parties)}{_wrap('RmtInf', told)}</TxDtls>"
        )


def believable(count: int, seed: int = 1, days: int = 20, refs: bool = True) -> Iterator[Line]:
    """`count` lines as a French company's bank writes them: mostly transfers received, some fees, a few batches."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    names = [f"{rng.choice(_TRADES)} {rng.choice(_PLACES)} {n}" for n in range(max(10, count // 50))]
    for number in range(count):
        amount = rng.randint(900, 900_000)
        on = date(2026, 9, 1) + timedelta(days=number * days // count)
        payer = rng.randrange(len(names))
        invoice = f"FA2026-{rng.randint(10_000, 99_999):06}"
        ref = f"0001A3{number:08}" if refs else None
        iban = f"FR76{30004 + payer % 9:05}{payer:018}"
        if number % 50 == 49:
            yield Line(
                -amount // 100, on, on, ref, None, texts=("COTISATION CARTE",), info="COTISATION CARTE"
            )
        elif number % 50 == 48:
            parts = (amount // 3, amount // 3, amount - 2 * (amount // 3))
            batch = tuple(
                Detail(part, f"E2E-{number}-{n}", names[payer], iban, (f"{invoice}/{n}",))
                for n, part in enumerate(parts)
            )
            yield Line(amount, on, on, ref, batch=batch, info="REMISE VIREMENTS")
        else:
            told = ("VIREMENT DE " + names[payer], " FACTURE " + invoice)
            end_to_end = f"VIR{on:%Y%m%d}-{number:06}" if number % 3 else "NOTPROVIDED"
            yield Line(
                amount,
                on,
                on,
                ref,
                end_to_end,
                names[payer],
                iban,
                texts=told,
                info=f"VIR SEPA {names[payer]}",
            )


_TRADES = (
    "BATIMENT",
    "MECANIQUE",
    "TRANSPORTS",
    "ETS MARTIN & FILS",
    "MENUISERIE",
    "ELECTRICITE",
    "SAS DUPONT",
)
_PLACES = ("DU RHONE", "DE L'OUEST", "LYONNAISE", "D'AQUITAINE", "DU NORD", "SAINT-ETIENNE")


def _amount(minor: int, currency: str) -> str:
    shown = abs(money.Money(minor, currency)).decimal
    return f'<Amt Ccy="{currency}">{shown}</Amt><CdtDbtInd>{"CRDT" if minor >= 0 else "DBIT"}</CdtDbtInd>'


def _balance(code: str, minor: int, statement: Statement) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount(minor, statement.currency)}"
        f"<Dt><Dt>{statement.on}</Dt></Dt></Bal>\n"
    )


def _if(tag: str, text: str | None) -> str:
    return f"<{tag}>{escape(text)}</{tag}>" if text else ""


def _wrap(tag: str, inner: str) -> str:
    return f"<{tag}>{inner}</{tag}>" if inner else ""
