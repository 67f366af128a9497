"""A creditor that collects through its own bank, its debtors, and what the bank's files say."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM, Actor, staff
from shared.bank_statements.importing import import_statement
from shared.creditors.models import Creditor
from shared.ids import new_id
from shared.jobs.subscriptions import SUBSCRIPTIONS
from shared.mandates.rules import Scheme
from shared.outbox.facts import Fact
from shared.payments.rules import Choice
from shared.rails import collection_answers, collections
from shared.rails.accounts import add_account
from shared.rails.collection_file import file_of
from shared.rails.snapshot import Method
from shared.rails.starting import pay
from shared.rails.terms import Terms
from shared.rails.working import work_waiting
from tests.make.books import Books
from tests.make.mandates import OTHER, lets_collect, signed

FINANCE = staff(new_id(), "Nadia Benali", "finance")
METHODS = {Scheme.CORE: Method.DEBIT_CORE, Scheme.B2B: Method.DEBIT_B2B}


@dataclass
class Collecting(Books):
    """Books of a creditor with an account at its own bank. The worker's turn is `work`."""

    own_bank: UUID = field(init=False)
    seen: int = 0
    statements: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        lets_collect(self.creditor_id, self.iban)
        with db.writing(SYSTEM) as session:
            creditor = session.get_one(Creditor, self.creditor_id)
            self.own_bank = add_account(session, SYSTEM, creditor, "own_bank", mode="live").id

    def debtor_of(self, ref: str, *, email: str | None = "compta@example.com") -> Actor:
        customer = self.customer(ref)
        with db.writing(SYSTEM) as session:
            session.execute(
                text("UPDATE customer SET email = :e WHERE id = :id"), {"e": email, "id": customer}
            )
        return self.debtor(customer)

    def mandate(self, debtor: Actor, scheme: Scheme = Scheme.CORE) -> UUID:
        return signed(debtor, self.creditor_id, scheme, OTHER)

    def debit(
        self,
        debtor: Actor,
        item: UUID,
        mandate: UUID | None,
        *,
        on: date | None = None,
        scheme: Scheme = Scheme.CORE,
    ) -> UUID:
        terms = Terms(self.own_bank, METHODS[scheme], "en", mandate_id=mandate, collect_on=on)
        with db.writing(debtor) as session:
            return pay(session, debtor, [Choice(item)], terms)

    def collected(self, ref: str, minor: int, *, on: date | None = None) -> UUID:
        """A debit of a fresh debtor's only invoice, agreed."""
        debtor = self.debtor_of(ref)
        item = self.invoice(debtor.customers[0], f"F-{ref}", minor)
        return self.debit(debtor, item, self.mandate(debtor), on=on)

    def make(self, until: date | None = None) -> list[UUID]:
        with db.writing(FINANCE) as session:
            return collections.make(session, FINANCE, until)

    def sent(self, until: date | None = None) -> UUID:
        """The only file of what is due, made and given to the bank."""
        (batch,) = self.make(until)
        with db.writing(FINANCE) as session:
            collections.mark_sent(session, FINANCE, batch)
        return batch

    def file(self, batch: UUID) -> bytes:
        with db.reading(FINANCE) as session, file_of(session, FINANCE, batch) as (_, source):
            return source.read()

    def answer(self, content: bytes) -> UUID:
        with db.writing(FINANCE) as session:
            return collection_answers.take_answer(session, FINANCE, io.BytesIO(content), "answer.xml")

    def statement(self, *entries: str, day: date | None = None) -> None:
        self.statements += 1
        content = camt("053", self.iban, f"S-{self.statements + 1}", entries)
        with db.writing(FINANCE) as session:
            import_statement(session, FINANCE, io.BytesIO(content), f"s{self.statements}.xml")
        self.work()

    def work(self) -> None:
        """What the worker does until nothing is left: facts to their handlers, then payments."""
        while True:
            with db.reading(SYSTEM) as session:
                rows = session.execute(
                    text(
                        "SELECT id, name, subject_id, payload, recorded_at FROM fact WHERE id > :seen ORDER BY id"
                    ),
                    {"seen": self.seen},
                ).all()
            for row in rows:
                self.seen = row.id
                for handler in SUBSCRIPTIONS.get(row.name, ()):
                    with db.writing(SYSTEM) as session:
                        handler(session, Fact(*row))
            if not work_waiting() and not rows:
                return


def camt(kind: str, iban: str, reference: str, entries: tuple[str, ...]) -> bytes:
    """A statement (053) or notification (054) of an account."""
    outer, inner = ("BkToCstmrStmt", "Stmt") if kind == "053" else ("BkToCstmrDbtCdtNtfctn", "Ntfctn")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.08">'
        f"<{outer}><GrpHdr><MsgId>{reference}</MsgId><CreDtTm>2026-11-20T06:00:00</CreDtTm></GrpHdr>"
        f"<{inner}><Id>{reference}</Id><Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        f"{''.join(entries)}</{inner}></{outer}></Document>"
    ).encode()


def entry(minor: int, ref: str, details: str = "", *, on: date | None = None, family: str = "ESDD") -> str:
    """One booked entry of a direct debit's family."""
    way, day = ("CRDT" if minor > 0 else "DBIT"), on or clock.today()
    return (
        f'<Ntry><NtryRef>{ref}</NtryRef><Amt Ccy="EUR">{abs(minor) / 100:.2f}</Amt><CdtDbtInd>{way}</CdtDbtInd>'
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>{ref}</AcctSvcrRef>"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>IDDT</Cd><SubFmlyCd>{family}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def came_back(payment: UUID, minor: int, reason: str) -> str:
    """A returned collection inside of an entry."""
    return (
        f"<TxDtls><Refs><EndToEndId>{payment.hex}</EndToEndId></Refs>"
        f'<Amt Ccy="EUR">{minor / 100:.2f}</Amt><CdtDbtInd>DBIT</CdtDbtInd>'
        f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf></TxDtls>"
    )


def pain002(message_id: str, refused: dict[UUID, str], *, group: str = "PART") -> bytes:
    """The bank's answer: what it refuses of a file, and why."""
    told = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{payment.hex}</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
        f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf></TxInfAndSts>"
        for payment, code in refused.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10">'
        "<CstmrPmtStsRpt><GrpHdr><MsgId>BANK-1</MsgId><CreDtTm>2026-11-20T18:00:00</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message_id}</OrgnlMsgId><OrgnlMsgNmId>pain.008.001.08</OrgnlMsgNmId>"
        f"<GrpSts>{group}</GrpSts></OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>P1</OrgnlPmtInfId>{told}</OrgnlPmtInfAndSts>"
        "</CstmrPmtStsRpt></Document>"
    ).encode()
