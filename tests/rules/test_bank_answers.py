"""What the bank answers to collections: pain.002 reports, and returns in camt.053 and camt.054."""

import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bank_statements.camt import read_camt
from shared.errors import RefusedFile
from shared.mandates.pain002 import (
    BatchStatus,
    Reason,
    Report,
    TransactionStatus,
    Verdict,
    read_report,
    verdict,
)
from shared.mandates.returns import Return, read_returns

PAIN002 = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version:02d}"><CstmrPmtStsRpt>
 <GrpHdr><MsgId>BANK-77</MsgId><CreDtTm>2026-11-20T18:00:00</CreDtTm></GrpHdr>
 <OrgnlGrpInfAndSts><OrgnlMsgId>SDD-1</OrgnlMsgId><OrgnlMsgNmId>pain.008.001.08</OrgnlMsgNmId>
  <GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>
 <OrgnlPmtInfAndSts><OrgnlPmtInfId>B1</OrgnlPmtInfId><PmtInfSts>PART</PmtInfSts>
  <TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId><TxSts>RJCT</TxSts>
   <StsRsnInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>IBAN unknown</AddtlInf></StsRsnInf>
   <OrgnlTxRef><Amt><InstdAmt Ccy="EUR">12.00</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>
  <TxInfAndSts><OrgnlEndToEndId>E2</OrgnlEndToEndId><TxSts>ACCP</TxSts></TxInfAndSts>
 </OrgnlPmtInfAndSts>
 <OrgnlPmtInfAndSts><OrgnlPmtInfId>B2</OrgnlPmtInfId><PmtInfSts>ACSP</PmtInfSts></OrgnlPmtInfAndSts>
</CstmrPmtStsRpt></Document>"""


def report(document: str | bytes):
    content = document if isinstance(document, bytes) else document.encode()
    return list(read_report(io.BytesIO(content), "answer.xml"))


@pytest.mark.parametrize("version", range(3, 15))
def test_a_report_tells_what_became_of_each_part(version):
    assert report(PAIN002.format(version=version)) == [
        Report("BANK-77", "SDD-1", "pain.008.001.08", "PART", ()),
        TransactionStatus("E1", "B1", "RJCT", (Reason("AC01", "IBAN unknown"),), None),
        TransactionStatus("E2", "B1", "ACCP", (), None),
        BatchStatus("B1", "PART", ()),
        BatchStatus("B2", "ACSP", ()),
    ]


def test_a_whole_file_may_be_refused_in_one_word():
    document = PAIN002.format(version=3)
    start, end = document.index(" <OrgnlPmtInfAndSts>"), document.index("</CstmrPmtStsRpt>")
    rejected = (document[:start] + document[end:]).replace(
        "<GrpSts>PART</GrpSts>", "<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Prtry>BANK9</Prtry></Rsn></StsRsnInf>"
    )
    (only,) = report(rejected)
    assert (only.status, only.reasons) == ("RJCT", (Reason("BANK9", None),))


@pytest.mark.parametrize(
    "status, meaning",
    [("ACCP", "accepted"), ("ACSP", "accepted"), ("ACSC", "settled"), ("PART", "partly"), ("RJCT", "rejected"),
     ("PDNG", "pending"), ("ZZZZ", "unknown"), (None, "unknown")],
)  # fmt: skip
def test_a_status_means_one_thing_or_nothing(status, meaning):
    assert verdict(status) == Verdict(meaning)


@pytest.mark.parametrize(
    "document, line",
    [
        ("", None),
        ("<Document><CstmrPmtStsRpt>", 1),
        ("<Document><BkToCstmrStmt/></Document>", 1),
        ('<!DOCTYPE D [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>', 1),
        (PAIN002.format(version=3).replace("<OrgnlMsgId>SDD-1</OrgnlMsgId>", ""), 4),
        (PAIN002.format(version=3).replace("<OrgnlPmtInfId>B1</OrgnlPmtInfId>", ""), 6),
        ("<Document><CstmrPmtStsRpt>" + " " * (2 << 20), 1),
    ],
)
def test_what_is_no_report_is_refused_with_its_place(document, line):
    with pytest.raises(RefusedFile) as caught:
        report(document)
    assert (caught.value.file, caught.value.line) == ("answer.xml", line)


@given(st.data())
def test_a_damaged_report_is_refused_or_read_but_never_breaks(data):
    content = bytearray(PAIN002.format(version=10).encode())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=3))
    try:
        report(bytes(content))
    except RefusedFile:
        return


def returned(number: int, code: str = "MD06", amount: str = "120.00", charges: str = "") -> str:
    return f"""<TxDtls><Refs><PmtInfId>B1</PmtInfId><EndToEndId>E{number}</EndToEndId><MndtId>RUM-{number}</MndtId>
      </Refs><AmtDtls><InstdAmt><Amt Ccy="EUR">100.00</Amt></InstdAmt><TxAmt><Amt Ccy="EUR">{amount}</Amt></TxAmt>
      </AmtDtls>{charges}<RtrInf><Rsn><Cd>{code}</Cd></Rsn><AddtlInf>told</AddtlInf></RtrInf></TxDtls>"""


def notice(entries: str, message: str = "BkToCstmrDbtCdtNtfctn", body: str = "Ntfctn") -> bytes:
    return f"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><{message}>
      <GrpHdr><MsgId>N1</MsgId></GrpHdr><{body}><Id>N1</Id>
      <Acct><Id><IBAN>FR7630006000011234567890189</IBAN></Id><Ccy>EUR</Ccy></Acct>{entries}</{body}></{message}>
      </Document>""".encode()


def entry(
    details: str, amount: str, direction: str = "DBIT", status: str = "<Cd>BOOK</Cd>", code: str = ""
) -> str:
    return f"""<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><RvslInd>true</RvslInd>
      <Sts>{status}</Sts><BookgDt><Dt>2026-12-01</Dt></BookgDt><AcctSvcrRef>A1</AcctSvcrRef>
      <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>IDDT</Cd><SubFmlyCd>{code or "UPDD"}</SubFmlyCd></Fmly></Domn></BkTxCd>
      <NtryDtls>{details}</NtryDtls></Ntry>"""


def returns(document: bytes) -> list[Return]:
    return list(read_returns(io.BytesIO(document), "bank.xml"))


CHARGES = '<Chrgs><Rcrd><Amt Ccy="EUR">20.00</Amt></Rcrd></Chrgs>'


def test_a_return_tells_what_came_back_and_why():
    (only,) = returns(notice(entry(returned(1, charges=CHARGES), "120.00")))
    assert only == Return(
        "FR7630006000011234567890189", "E1", "RUM-1", "B1", None, "MD06", "told", -12000, 10000, 2000, "EUR",
        date(2026, 12, 1), "A1",
    )  # fmt: skip


def test_each_transaction_of_a_batch_of_returns_counts():
    batch = entry(returned(1, "AM04", "100.00") + returned(2, "MS03", "103.50"), "203.50")
    found = returns(notice(batch))
    assert [(each.end_to_end_id, each.reason, each.amount_minor) for each in found] == [
        ("E1", "AM04", -10000),
        ("E2", "MS03", -10350),
    ]
    assert sum(each.amount_minor for each in found) == -20350


def test_the_notification_and_the_statement_tell_of_the_same_return():
    told = entry(returned(1), "120.00")
    (early,), (late,) = returns(notice(told)), returns(notice(told, "BkToCstmrStmt", "Stmt"))
    assert early.identity == late.identity and early == late


def test_a_bank_that_gives_no_reason_still_tells_of_a_return():
    bare = "<TxDtls><Refs><EndToEndId>E9</EndToEndId></Refs></TxDtls>"
    (only,) = returns(notice(entry(bare, "55.00")))
    assert (only.end_to_end_id, only.reason, only.amount_minor, only.original_minor) == (
        "E9",
        None,
        -5500,
        None,
    )


def test_our_own_transfer_that_came_back_is_money_coming_in():
    (only,) = returns(notice(entry(returned(1, "AC04"), "120.00", "CRDT", code="RRTN")))
    assert only.amount_minor == 12000


def test_other_bookings_and_what_is_not_booked_are_passed_over():
    plain = "<TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs></TxDtls>"
    assert returns(notice(entry(plain, "100.00", "CRDT", code="ESDD"))) == []
    assert returns(notice(entry(returned(1), "120.00", status="<Cd>PDNG</Cd>"))) == []


def test_a_notification_is_still_no_statement():
    with pytest.raises(RefusedFile, match=r"camt\.054"):
        list(read_camt(io.BytesIO(notice("")), "bank.xml"))


def test_a_preview_is_no_source_of_returns():
    with pytest.raises(RefusedFile, match=r"camt\.052"):
        returns(notice("", "BkToCstmrAcctRpt", "Rpt"))
