"""camt.053 files, read: what banks write comes out as it is meant, and what cannot be read is refused with its place."""

import json
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import pytest

from shared import money
from shared.bank_statements.camt import read_camt
from shared.bank_statements.reading import Entry, Occurrences, StatementEnd, StatementHead, identity
from shared.errors import RefusedFile
from shared.sandbox.camt_files import ACCOUNT, Camt053, Detail, Line, Statement, believable

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "samples"
TRUTH = SAMPLES / "truth.json"
PAYER = "FR7620041541250589626432845"


def read(document: bytes) -> list[StatementHead | Entry | StatementEnd]:
    return list(read_camt(BytesIO(document), "bank.xml"))


def entries(document: bytes) -> list[Entry]:
    return [each for each in read(document) if isinstance(each, Entry)]


def ends(document: bytes) -> list[StatementEnd]:
    return [each for each in read(document) if isinstance(each, StatementEnd)]


def one(line: Line, version: int = 8) -> Entry:
    (entry,) = entries(Camt053(version).bytes(Statement([line])))
    return entry


def refused(document: bytes) -> RefusedFile:
    with pytest.raises(RefusedFile) as caught:
        read(document)
    assert caught.value.file == "bank.xml"
    return caught.value


# --- what is read


def test_the_head_says_who_reports_about_which_account():
    head = read(Camt053().bytes(Statement([Line(100)], sequence=17)))[0]
    assert isinstance(head, StatementHead)
    assert (head.statement, head.message, head.sequence) == ("A3260901", "MSG-1", 17)
    assert (head.account, head.currency, head.owner) == (ACCOUNT, "EUR", "ATELIERS VERNAISON SAS")
    assert head.created_at == datetime(2026, 9, 1, 22, 15, tzinfo=UTC)


@pytest.mark.parametrize("version", range(2, 14))
def test_every_version_tells_the_same(version):
    line = Line(
        13956,
        date(2026, 9, 1),
        date(2026, 9, 2),
        "0001A3000002",
        "VIR20260902-00537",
        "SANDOLAND & FILS",
        PAYER,
        "HOLDING SANDOLAND",
        "552081317",
        ("FACT 2026-019", "193"),
        "RF17FA2026019193",
        info="VIR SEPA",
    )
    entry = one(line, version)
    assert (entry.position, entry.amount_minor, entry.currency, entry.is_booked) == (1, 13956, "EUR", True)
    assert (entry.booked_on, entry.value_on) == (date(2026, 9, 1), date(2026, 9, 2))
    assert (entry.entry_ref, entry.end_to_end_id, entry.transaction_code) == (
        "0001A3000002",
        "VIR20260902-00537",
        "PMNT-RCDT-ESCT",
    )
    assert (entry.party.name, entry.party.iban, entry.party.ultimate) == (
        "SANDOLAND & FILS",
        PAYER,
        "HOLDING SANDOLAND",
    )
    assert entry.party.ids == ("552081317",)
    assert entry.texts == ("FACT 2026-019", "193") and entry.text == "FACT 2026-019193"
    assert entry.references == ("RF17FA2026019193",) and entry.info == "VIR SEPA"
    assert entry.raw.startswith("<Ntry ") and "<Ustrd>193</Ustrd>" in entry.raw


@pytest.mark.parametrize(
    "form",
    [
        Camt053(prefix="p"),
        Camt053(wrapper="Envelope"),
        Camt053(prefix="n", wrapper="Envelope"),
        Camt053(encoding="UTF-16"),
        Camt053(encoding="UTF-8-SIG"),
    ],
    ids=["prefix", "wrapper", "both", "utf-16", "bom"],
)
def test_prefixes_wrappers_and_encodings_do_not_matter(form):
    (entry,) = entries(form.bytes(Statement([Line(500, name="Société Élan")])))
    assert (entry.amount_minor, entry.party.name) == (500, "Société Élan")


def test_a_debit_is_negative_and_its_other_side_is_the_creditor():
    entry = one(Line(-4200, name="IMPRIMERIE DU NORD", iban=PAYER))
    assert (entry.amount_minor, entry.party.name, entry.party.iban) == (-4200, "IMPRIMERIE DU NORD", PAYER)


def test_a_reversal_keeps_the_booked_sign_and_names_the_original_party():
    entry = one(Line(-4200, name="SANDOLAND", iban=PAYER, is_reversal=True))
    assert entry.is_reversal and entry.amount_minor == -4200
    assert entry.party.name == "SANDOLAND"


def test_our_own_account_is_never_the_other_side():
    assert one(Line(-4200, name="US", iban=ACCOUNT, is_reversal=True)).party.name is None


def test_words_for_no_reference_are_no_reference():
    entry = one(Line(100, end_to_end_id="NOTPROVIDED", entry_ref="NONREF"))
    assert (entry.end_to_end_id, entry.entry_ref) == (None, None)


def test_a_batch_keeps_its_transactions_and_the_line_its_amount():
    batch = (Detail(6000, "A", "X", PAYER, ("F1",)), Detail(4000, "B", "Y", None, (), "RF18539007547034"))
    entry = one(Line(10000, batch=batch))
    assert entry.amount_minor == 10000 and entry.unexplained_minor == 0
    assert [(d.amount_minor, d.end_to_end_id, d.party.name, d.text) for d in entry.details] == [
        (6000, "A", "X", "F1"),
        (4000, "B", "Y", ""),
    ]
    assert entry.details[1].references == ("RF18539007547034",)
    assert entry.texts == () and entry.end_to_end_id is None


def test_what_the_transactions_do_not_account_for_stays_visible():
    assert one(Line(9800, batch=(Detail(6000), Detail(4000)))).unexplained_minor == -200
    assert one(Line(9800, batch=(Detail(10000),))).unexplained_minor == -200
    assert one(Line(-9800, batch=(Detail(-9700),))).unexplained_minor == -100


def test_the_instructed_amount_is_never_the_amount():
    document = Camt053().bytes(Statement([Line(450000)]))
    told = b'<AmtDtls><InstdAmt><Amt Ccy="EUR">1.00</Amt></InstdAmt></AmtDtls><RltdPties/></TxDtls>'
    (entry,) = entries(document.replace(b"</TxDtls>", told))
    assert (entry.amount_minor, entry.unexplained_minor) == (450000, 0)


def test_only_booked_entries_count_and_the_others_are_not_lost():
    lines = [Line(1000), Line(300, status="PDNG"), Line(200, status="INFO"), Line(-400)]
    document = Camt053().bytes(Statement(lines, opening_minor=5000))
    assert [entry.is_booked for entry in entries(document)] == [True, False, False, True]
    (end,) = ends(document)
    assert (end.entries, end.not_booked, end.credits_minor, end.debits_minor) == (4, 2, 1000, 400)
    assert (end.opening_minor, end.closing_minor, end.balance_ok, end.remarks) == (5000, 5600, True, ())
    assert end.opening_on == end.closing_on == date(2026, 9, 1)


@pytest.mark.parametrize("code, ok", [("OPBD", True), ("PRCD", True), ("OPAV", None)])
def test_the_opening_balance_has_two_names(code, ok):
    (end,) = ends(Camt053().bytes(Statement([Line(1)], opening_minor=7, opening_code=code)))
    assert end.balance_ok is ok


def test_a_statement_that_does_not_add_up_says_so():
    (end,) = ends(Camt053().bytes(Statement([Line(1000)], opening_minor=-500, lie=1)))
    assert end.balance_ok is False
    assert [str(remark) for remark in end.remarks] == [
        "Opening balance and entries make 5.00 EUR, but the closing balance is 5.01 EUR."
    ]


def test_declared_totals_are_compared():
    document = Camt053().bytes(Statement([Line(1000)])).replace(b"<NbOfNtries>1<", b"<NbOfNtries>35<")
    (end,) = ends(document.replace(b"<Sum>10.00<", b"<Sum>x<"))
    assert [str(remark) for remark in end.remarks] == [
        "The bank declares 35 entries, the file holds 1.",
        "The bank declares a sum of x over all entries, the file has 10.00 EUR.",
    ]


def test_an_entry_in_another_currency_keeps_it_and_enters_the_proof_as_the_bank_wrote_it():
    document = Camt053().bytes(
        Statement([Line(1000), Line(500, currency="USD"), Line(3, currency="JPY")], lie=297)
    )
    assert [entry.currency for entry in entries(document)] == ["EUR", "USD", "JPY"]
    (end,) = ends(document)
    assert (end.credits_minor, end.balance_ok) == (1800, True)
    assert "1 entries are in USD in an account in EUR" in str(end.remarks[0])


def test_several_statements_count_their_positions_separately():
    document = Camt053().bytes(
        Statement([Line(1), Line(2)], id="S1"),
        Statement([], id="S2"),
        Statement([Line(3)], id="S3", account="0123"),
    )
    assert [e.position for e in entries(document)] == [1, 2, 1]
    heads = [each for each in read(document) if isinstance(each, StatementHead)]
    assert [(h.statement, h.account) for h in heads] == [("S1", ACCOUNT), ("S2", ACCOUNT), ("S3", "0123")]


def test_amounts_have_the_digits_of_their_currency():
    assert one(Line(1234, currency="JPY")).amount_minor == 1234
    assert one(Line(1234, currency="TND")).amount_minor == 1234


# --- identity: the same line again, and another line that only looks the same


def keys(document: bytes) -> list[tuple[bytes, int]]:
    number = Occurrences()
    return [(key, number(key)) for key in (identity(ACCOUNT, entry) for entry in entries(document))]


TWIN = Line(5000, name="LOYER SARL", iban=PAYER, texts=("LOYER SEPTEMBRE",))


@pytest.mark.parametrize("ref", [None, "0001A3"])
def test_two_equal_lines_of_a_day_are_two(ref):
    twin = Line(5000, entry_ref=ref, texts=("LOYER SEPTEMBRE",))
    assert len(set(keys(Camt053().bytes(Statement([twin, twin]))))) == 2


def test_the_same_file_twice_adds_nothing():
    document = Camt053().bytes(Statement([TWIN, TWIN, *believable(60, refs=False)]))
    assert set(keys(document)) == set(keys(document)) and len(set(keys(document))) == 62


def test_an_overlapping_export_adds_only_what_is_new():
    first = set(keys(Camt053().bytes(Statement([TWIN, Line(1)], id="A"))))
    second = set(keys(Camt053().bytes(Statement([Line(1), TWIN, TWIN, Line(2)], id="B"))))
    assert len(first & second) == 2 and len(second - first) == 2


def test_a_reference_used_again_next_year_is_another_line():
    this, following = (Line(100, date(year, 9, 1), entry_ref="R1") for year in (2026, 2027))
    assert len(set(keys(Camt053().bytes(Statement([this, following]))))) == 2


def test_a_reference_identifies_whatever_the_text_looks_like():
    short, long = (Line(100, entry_ref="R1", texts=(told,)) for told in ("FACT", "FACTURE 12"))
    assert identity(ACCOUNT, one(short)) == identity(ACCOUNT, one(long))
    assert identity(ACCOUNT, one(short)) != identity("OTHER", one(short))


# --- refusals


GOOD = Camt053().bytes(Statement([Line(100), Line(13956, name="X")]))


def test_every_truncation_is_refused():
    for length in range(0, len(GOOD), 37):
        refused(GOOD[:length])


def test_a_broken_file_is_refused_with_line_and_column():
    error = refused(GOOD.replace(b"</BkToCstmrStmt>", b"</Oops>"))
    assert error.line and error.column and "is not XML" in str(error)


@pytest.mark.parametrize(
    "content", [b"", b"\0\1\2", b"%PDF-1.7", b"PK\3\4abc", b":20:STARTUMSE\r\n", b"a;b\n1;2\n"]
)
def test_what_is_not_xml_is_refused(content):
    assert "A complete camt.053 file was expected" in str(refused(content))


def test_a_wrong_encoding_is_refused():
    refused(b'<?xml version="1.0" encoding="UTF-8"?>' + GOOD.replace(b">X<", b">Soci\xe9t\xe9<"))
    refused(b'<?xml version="1.0" encoding="EBCDIC-ZZ"?>' + GOOD)


@pytest.mark.parametrize(
    "document",
    [
        b"<html><body/></html>",
        b"<Document/>",
        b"<Document><BkToCstmrStmt><GrpHdr/></BkToCstmrStmt></Document>",
    ],
)
def test_another_document_is_not_a_statement(document):
    assert "BkToCstmrStmt of a camt.053 was expected" in str(refused(document))


@pytest.mark.parametrize(
    "message, kind", [("BkToCstmrAcctRpt", "camt.052"), ("BkToCstmrDbtCdtNtfctn", "camt.054")]
)
def test_previews_and_details_are_recognised_and_refused(message, kind):
    assert f"This is a {kind} message" in str(refused(Camt053(message=message).bytes(Statement([]))))


BOMB = b'<!DOCTYPE Document [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
XXE = b'<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("doctype", [BOMB, XXE, b'<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/x.dtd">'])
def test_a_doctype_is_refused_before_anything_is_read(doctype):
    assert "DOCTYPE" in str(
        refused(doctype + GOOD.replace(b">X<", b">&b;<" if doctype is BOMB else b">&x;<"))
    )
    assert "DOCTYPE" in str(refused(doctype + GOOD))


def test_deep_nesting_is_refused():
    refused(b"<Document>" + b"<a>" * 100_000)


def test_an_endless_preamble_or_entry_is_refused_in_flat_memory():
    assert "1 MB were read" in str(refused(b"<rows>" + b"<row>abcdef</row>" * 200_000))
    head, _, _ = GOOD.partition(b"<NtryDtls>")
    assert "32 MB were read" in str(refused(head + b"<NtryDtls>" + b"<TxDtls></TxDtls>" * 2_200_000))


def test_a_text_of_100_mb_on_one_line_is_refused():
    class Endless(BytesIO):
        sent = 0

        def read(self, size=-1):
            self.sent += 1
            return (
                GOOD.partition(b"X</Nm>")[0] if self.sent == 1 else b"x" * size if self.sent < 1600 else b""
            )

    with pytest.raises(RefusedFile):
        list(read_camt(Endless(), "bank.xml"))


@pytest.mark.parametrize(
    "old, new, column, told",
    [
        (b">139.56<", b">139,56<", "Ntry/Amt", "is not an amount"),
        (b">139.56<", b"><", "Ntry/Amt", "is not an amount"),
        (b">139.56<", b">1.3956<", "Ntry/Amt", "is not an amount"),
        (b">139.56<", b">-139.56<", "Ntry/Amt", "without a sign"),
        (b'<Amt Ccy="EUR">139.56', b'<Amt Ccy="XXQ">139.56', "Ntry/Amt", "ISO 4217"),
        (b'<Amt Ccy="EUR">139.56', b"<Amt>139.56", "Ntry/Amt/@Ccy", "is missing"),
        (b'<Amt Ccy="EUR">139.56</Amt>', b"", "Ntry/Amt", "<Amt> is missing"),
        (b"<CdtDbtInd>CRDT</CdtDbtInd><Sts>", b"<Sts>", "Ntry/CdtDbtInd", "<CdtDbtInd> is missing"),
        (
            b"<CdtDbtInd>CRDT</CdtDbtInd><Sts>",
            b"<CdtDbtInd>C</CdtDbtInd><Sts>",
            "Ntry/CdtDbtInd",
            "CRDT or DBIT",
        ),
        (b"<Sts><Cd>BOOK</Cd></Sts>", b"", "Ntry/Sts", "<Sts> is missing"),
        (b"<BookgDt><Dt>2026-09-01<", b"<BookgDt><Dt>2026-02-30<", "Ntry/BookgDt", "is not a day"),
        (b"<BookgDt><Dt>2026-09-01<", b"<BookgDt><Dt>2026-W36-2<", "Ntry/BookgDt", "is not a day"),
        (b"<Id>A3260901</Id>", b"", "Stmt/Id", "<Id> is missing"),
        (f"<IBAN>{ACCOUNT}</IBAN>".encode(), b"", "Stmt/Acct/Id", "<Id> is missing"),
        (b">0.00</Amt>", b">zero</Amt>", "Bal/Amt", "is not an amount"),
    ],
)
def test_what_decides_about_money_must_be_readable(old, new, column, told):
    assert old in GOOD
    error = refused(GOOD.replace(old, new))
    assert error.column == column and error.line and told in str(error)


def test_the_line_of_a_refusal_is_right_beyond_65535():
    lines = b"\n" * 70_000
    error = refused(GOOD.replace(b"<Ntry>", lines + b"<Ntry>", 1).replace(b">139.56<", b">x<"))
    assert error.line == GOOD[: GOOD.index(b">139.56<")].count(b"\n") + 70_001


def test_memory_stays_flat():
    import tracemalloc

    document = Camt053().bytes(Statement(list(believable(4000))))
    tracemalloc.start()
    try:
        for _ in read_camt(BytesIO(document), "bank.xml"):
            pass
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


# --- files of real banks, where they are at hand

needs_samples = pytest.mark.skipif(not TRUTH.exists(), reason="the sample files are not here")


def truths() -> list[tuple[str, dict]]:
    if not TRUTH.exists():
        return []
    files = json.loads(TRUTH.read_text())["files"]
    return [(name, truth) for name, truth in files.items() if name.startswith("camt/")]


@needs_samples
@pytest.mark.parametrize("name, truth", truths(), ids=[name for name, _ in truths()])
def test_files_of_real_banks(name, truth):
    document = (SAMPLES / name).read_bytes()
    if truth["message"] != "BkToCstmrStmt":
        refused(document)
        return
    found = read(document)
    heads = [each for each in found if isinstance(each, StatementHead)]
    closed = [each for each in found if isinstance(each, StatementEnd)]
    assert [head.statement for head in heads] == [each["id"] for each in truth["statements"]]
    lines = [each for each in found if isinstance(each, Entry)]
    assert len(lines) == truth["entries"]
    assert sum(line.is_reversal for line in lines) == sum(each["reversals"] for each in truth["statements"])
    for head, end, expected in zip(heads, closed, truth["statements"], strict=True):
        assert head.account == expected["account"]
        assert expected["ccy"] in (None, head.currency)
        assert (end.entries, end.not_booked) == (expected["entries"], expected["not_booked"])
        assert end.balance_ok is expected["balance_ok"]
        for minor, told in (
            (end.opening_minor, expected["opening"]),
            (end.closing_minor, expected["closing"]),
        ):
            assert minor == (None if told is None else money.parse_xml_minor(told, head.currency))
        assert end.credits_minor == money.parse_xml_minor(expected["booked_credit"], head.currency)
        assert end.debits_minor == money.parse_xml_minor(expected["booked_debit"], head.currency)


@needs_samples
def test_the_generated_companies_statements_all_add_up():
    files = sorted(SAMPLES.glob("recon*/statements/camt_*.xml"))
    assert files
    for path in files:
        with path.open("rb") as source:
            for each in read_camt(source, path.name):
                if isinstance(each, StatementEnd):
                    assert each.balance_ok is True and not each.remarks, path
