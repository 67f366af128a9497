"""Collection files: valid against the schema, the same when read back, whole or not at all."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sepaxml
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from shared.errors import DomainError
from shared.mandates import target2
from shared.mandates.pain008 import (
    Address,
    Amendment,
    Collection,
    CollectionFile,
    Collector,
    NoCollectionFile,
    batch_id,
    write,
)
from shared.mandates.rules import Scheme, Sequence
from shared.money import Money
from shared.payments.sepa_text import transliterate

SCHEMAS = Path(sepaxml.__file__).parent / "schemas"
SCHEMA = etree.XMLSchema(file=str(SCHEMAS / "pain.008.001.08.xsd"))
SPACE = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.008.001.08"}
COLLECTOR = Collector(
    "Ateliers Vernaison SAS",
    "FR72ZZZ123456",
    "FR7630006000011234567890189",
    Address("Vernaison", "FR", "69390", ("12 rue des Écoles",)),
    "BNPAFRPP",
)
OTHER = replace(COLLECTOR, iban="DE89370400440532013000", bic=None)
TODAY = date(2026, 11, 20)
ONE = Collection(
    "0" * 32,
    Money(12340, "EUR"),
    date(2026, 11, 24),
    COLLECTOR,
    Scheme.CORE,
    Sequence.RECURRENT,
    "QUI-M-00000001",
    date(2026, 1, 5),
    "Société Élan & Fils",
    "FR7610107375867753219372266",
    Address("Lyon", "FR"),
)
FILE = CollectionFile("SDD-1", datetime(2026, 11, 20, 9, tzinfo=UTC), TODAY, "Ateliers Vernaison SAS", (ONE,))


def written(*collections: Collection, file: CollectionFile = FILE):
    output = io.BytesIO()
    write(output, replace(file, collections=collections))
    root = etree.fromstring(output.getvalue())
    SCHEMA.assertValid(root)
    return root


def text(element, path: str) -> str | None:
    return element.findtext("/".join(f"p:{step}" for step in path.split("/")), namespaces=SPACE)


def read_back(root) -> list[Collection]:
    """What a bank would understand."""
    found = []
    for batch in root.iterfind(".//p:PmtInf", SPACE):
        collector = Collector(
            text(batch, "Cdtr/Nm"),
            text(batch, "CdtrSchmeId/Id/PrvtId/Othr/Id"),
            text(batch, "CdtrAcct/Id/IBAN"),
            address(batch.find("p:Cdtr", SPACE)),
            text(batch, "CdtrAgt/FinInstnId/BICFI"),
        )
        for each in batch.iterfind("p:DrctDbtTxInf", SPACE):
            mandate = each.find("p:DrctDbtTx/p:MndtRltdInf", SPACE)
            found.append(
                Collection(
                    text(each, "PmtId/EndToEndId"),
                    Money(
                        int(Decimal(text(each, "InstdAmt")) * 100), each.find("p:InstdAmt", SPACE).get("Ccy")
                    ),
                    date.fromisoformat(text(batch, "ReqdColltnDt")),
                    collector,
                    Scheme(text(batch, "PmtTpInf/LclInstrm/Cd").lower()),
                    Sequence(text(batch, "PmtTpInf/SeqTp")),
                    text(mandate, "MndtId"),
                    date.fromisoformat(text(mandate, "DtOfSgntr")),
                    text(each, "Dbtr/Nm"),
                    text(each, "DbtrAcct/Id/IBAN"),
                    address(each.find("p:Dbtr", SPACE)),
                    text(each, "DbtrAgt/FinInstnId/BICFI"),
                    text(each, "RmtInf/Ustrd"),
                    amendment(mandate),
                )
            )
    return found


def address(party) -> Address:
    lines = tuple(line.text for line in party.iterfind("p:PstlAdr/p:AdrLine", SPACE))
    return Address(
        text(party, "PstlAdr/TwnNm"), text(party, "PstlAdr/Ctry"), text(party, "PstlAdr/PstCd"), lines
    )


def amendment(mandate) -> Amendment | None:
    if text(mandate, "AmdmntInd") != "true":
        return None
    return Amendment(
        text(mandate, "AmdmntInfDtls/OrgnlDbtrAcct/Id/Othr/Id") == "SMNDA",
        text(mandate, "AmdmntInfDtls/OrgnlMndtId"),
        text(mandate, "AmdmntInfDtls/OrgnlCdtrSchmeId/Id/PrvtId/Othr/Id"),
    )


def test_one_collection():
    root = written(ONE)
    assert read_back(root) == [
        replace(
            ONE,
            debtor_name="Societe Elan + Fils",
            collector=replace(COLLECTOR, address=Address("Vernaison", "FR", "69390", ("12 rue des Ecoles",))),
        )
    ]
    assert text(root, "CstmrDrctDbtInitn/GrpHdr/MsgId") == "SDD-1"
    assert text(root, "CstmrDrctDbtInitn/GrpHdr/CreDtTm") == "2026-11-20T09:00:00Z"
    assert text(root, "CstmrDrctDbtInitn/PmtInf/PmtInfId") == batch_id(
        "SDD-1", ONE.due_on, Scheme.CORE, Sequence.RECURRENT, COLLECTOR.iban
    )


WORDS = st.text("ABCdefgh 0123é&<>'", min_size=1, max_size=60).filter(lambda t: any(c.isalnum() for c in t))
ADDRESSES = st.builds(
    Address,
    st.sampled_from(["Lyon", "Köln", "St. Étienne"]),
    st.sampled_from(["FR", "DE"]),
    st.sampled_from([None, "69001"]),
    st.lists(st.sampled_from(["1 rue X", "Bât. B"]), max_size=2, unique=True).map(tuple),
)
AMENDMENTS = st.one_of(
    st.none(),
    st.builds(
        Amendment, st.just(True), st.sampled_from([None, "OLD-1"]), st.sampled_from([None, "FR72ZZZ123456"])
    ),
)
COLLECTIONS = st.lists(
    st.builds(
        Collection,
        st.uuids().map(lambda u: u.hex),
        st.integers(1, 99_999_999_999).map(lambda minor: Money(minor, "EUR")),
        st.integers(1, 9).map(lambda n: target2.add(TODAY, n)),
        st.sampled_from([COLLECTOR, OTHER]),
        st.sampled_from(Scheme),
        st.sampled_from(Sequence),
        st.sampled_from(["QUI-M-00000001", "rum/2"]),
        st.dates(date(2020, 1, 1), TODAY),
        WORDS,
        st.sampled_from(["FR7610107375867753219372266", "DE89370400440532013000"]),
        ADDRESSES,
        st.sampled_from([None, "COBADEFF"]),
        st.one_of(st.none(), WORDS),
        AMENDMENTS,
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda each: each.end_to_end_id,
)


def plain(told: Address) -> Address:
    return replace(told, town=transliterate(told.town), lines=tuple(map(transliterate, told.lines)))


def as_sent(each: Collection) -> Collection:
    return replace(
        each,
        debtor_name=transliterate(each.debtor_name),
        text=transliterate(each.text or "") or None,
        debtor_address=plain(each.debtor_address),
        collector=replace(each.collector, address=plain(each.collector.address)),
    )


@given(COLLECTIONS)
def test_what_is_written_is_read_back_equal(collections):
    root = written(*collections)
    by_id = {each.end_to_end_id: each for each in read_back(root)}
    assert by_id == {each.end_to_end_id: as_sent(each) for each in collections}


@given(COLLECTIONS)
def test_batches_are_one_per_day_sequence_scheme_and_account_and_add_up(collections):
    root = written(*collections)
    keys, batched = [], Decimal(0)
    for batch in root.iterfind(".//p:PmtInf", SPACE):
        amounts = [Decimal(each.text) for each in batch.iterfind("p:DrctDbtTxInf/p:InstdAmt", SPACE)]
        assert sum(amounts) == Decimal(text(batch, "CtrlSum")) and len(amounts) == int(text(batch, "NbOfTxs"))
        batched += sum(amounts)
        kind = [text(batch, f"PmtTpInf/{step}") for step in ("LclInstrm/Cd", "SeqTp")]
        keys.append((text(batch, "ReqdColltnDt"), *kind, text(batch, "CdtrAcct/Id/IBAN")))
    wanted = {
        (c.due_on.isoformat(), c.scheme.upper(), c.sequence.value, c.collector.iban) for c in collections
    }
    assert len(keys) == len(set(keys)) and set(keys) == wanted
    assert Decimal(text(root, "CstmrDrctDbtInitn/GrpHdr/CtrlSum")) == batched
    assert int(batched * 100) == sum(each.amount.minor for each in collections)
    ids = [each.text for each in root.iterfind(".//p:PmtInfId", SPACE)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "change",
    [
        {"end_to_end_id": "x" * 36},
        {"amount": Money(0, "EUR")},
        {"amount": Money(100, "CHF")},
        {"due_on": date(2026, 11, 22)},  # a Sunday
        {"due_on": date(2026, 12, 25)},  # a day on which TARGET is closed
        {"due_on": TODAY},  # too late for the bank
        {"signed_on": TODAY + timedelta(days=1)},
        {"mandate_reference": "with blank"},
        {"debtor_name": "株式会社"},
        {"debtor_iban": "FR7610107375867753219372267"},
        {"debtor_bic": "NOTABIC"},
        {"debtor_address": Address("", "FR")},
        {"debtor_address": Address("Lyon", "fr")},
        {"debtor_address": Address("Lyon", "FR", "6" * 17)},
        {"debtor_address": Address("Lyon", "FR", None, ("a", "b", "c"))},
        {"text": "x" * 141},
        {"amendment": Amendment()},
        {"collector": replace(COLLECTOR, ics="FR73ZZZ123456")},
        {"collector": replace(COLLECTOR, address=Address(" ", "FR"))},
    ],
)
def test_what_a_bank_would_refuse_is_refused_before_a_byte_is_written(change):
    output = io.BytesIO()
    wrong = replace(ONE, **{"end_to_end_id": "1" * 32, **change})
    with pytest.raises(NoCollectionFile) as caught:
        write(output, replace(FILE, collections=(ONE, wrong)))
    assert output.getvalue() == b"" and caught.value.field == wrong.end_to_end_id


@pytest.mark.parametrize(
    "change",
    [{"collections": ()}, {"collections": (ONE, ONE)}, {"message_id": "é"}, {"initiating_party": ""}],
)
def test_a_file_must_make_sense_as_a_whole(change):
    output = io.BytesIO()
    with pytest.raises(DomainError):
        write(output, replace(FILE, **change))
    assert output.getvalue() == b""


def test_another_library_writes_the_same_transactions():
    """sepaxml, an independent writer of the same message, agrees on what stands where."""
    other = sepaxml.SepaDD(
        {
            "name": COLLECTOR.name,
            "IBAN": COLLECTOR.iban,
            "BIC": "BNPAFRPP",
            "batch": True,
            "creditor_id": COLLECTOR.ics,
            "currency": "EUR",
            "instrument": "CORE",
        },
        schema="pain.008.001.08",
        clean=True,
    )
    other.add_payment(
        {
            "name": "Societe Elan",
            "IBAN": ONE.debtor_iban,
            "BIC": "COBADEFF",
            "amount": 12340,
            "type": "RCUR",
            "collection_date": ONE.due_on,
            "mandate_id": ONE.mandate_reference,
            "mandate_date": ONE.signed_on,
            "description": "Facture 1",
            "endtoend_id": ONE.end_to_end_id,
        }
    )
    theirs = etree.fromstring(other.export(validate=True))
    ours = written(replace(ONE, debtor_name="Societe Elan", debtor_bic="COBADEFF", text="Facture 1"))
    paths = [
        "ReqdColltnDt", "PmtMtd", "PmtTpInf/SvcLvl/Cd", "PmtTpInf/LclInstrm/Cd", "PmtTpInf/SeqTp", "ChrgBr",
        "CdtrAcct/Id/IBAN", "CdtrAgt/FinInstnId/BICFI", "CdtrSchmeId/Id/PrvtId/Othr/Id", "CtrlSum", "NbOfTxs",
        "CdtrSchmeId/Id/PrvtId/Othr/SchmeNm/Prtry", "DrctDbtTxInf/PmtId/EndToEndId", "DrctDbtTxInf/InstdAmt",
        "DrctDbtTxInf/DrctDbtTx/MndtRltdInf/MndtId", "DrctDbtTxInf/DrctDbtTx/MndtRltdInf/DtOfSgntr",
        "DrctDbtTxInf/DbtrAgt/FinInstnId/BICFI", "DrctDbtTxInf/Dbtr/Nm", "DrctDbtTxInf/DbtrAcct/Id/IBAN",
        "DrctDbtTxInf/RmtInf/Ustrd",
    ]  # fmt: skip
    for path in paths:
        assert text(theirs, f"CstmrDrctDbtInitn/PmtInf/{path}") == text(
            ours, f"CstmrDrctDbtInitn/PmtInf/{path}"
        ), path
