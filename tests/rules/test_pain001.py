"""Payment files: valid against the schema, in the characters every bank takes, with our reference in its place."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sepaxml
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from shared.errors import DomainError
from shared.money import Money
from shared.payments.pain001 import NoPaymentFile, Order, Transfer, transliterate, write

SCHEMA = etree.XMLSchema(file=str(Path(sepaxml.__file__).parent / "schemas" / "pain.001.001.09.xsd"))
SPACE = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
TRANSFER = Transfer(
    "Ateliers Vernaison SAS",
    "FR7630006000011234567890189",
    Money(12340, "EUR"),
    "QUI-000001",
    reference="RF18539007547034",
)
ORDER = Order(
    "QUI-2026-000001",
    datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
    "Société Élan & Fils",
    "DE89370400440532013000",
    date(2026, 11, 23),
    (TRANSFER,),
)


def texts(document: bytes, path: str) -> list[str]:
    root = etree.fromstring(document)
    SCHEMA.assertValid(root)
    steps = "/".join(f"p:{step}" for step in path.split("/"))
    return [element.text for element in root.findall(f".//{steps}", SPACE)]


def test_one_transfer_with_its_reference():
    document = write(ORDER)
    assert texts(document, "RmtInf/Strd/CdtrRefInf/Ref") == ["RF18539007547034"]
    assert texts(document, "CdtrRefInf/Tp/CdOrPrtry/Cd") == ["SCOR"]
    assert texts(document, "Amt/InstdAmt") == ["123.40"]
    assert texts(document, "PmtId/EndToEndId") == ["QUI-000001"]
    assert texts(document, "ReqdExctnDt/Dt") == ["2026-11-23"]
    assert texts(document, "Dbtr/Nm") == ["Societe Elan + Fils"]
    assert texts(document, "FinInstnId/Othr/Id") == ["NOTPROVIDED"]
    assert texts(document, "PstlAdr") == [] == texts(document, "AdrLine")


def test_several_transfers_are_counted_and_summed():
    second = replace(
        TRANSFER, amount=Money(66, "EUR"), reference=None, text="Facture n° 12", creditor_bic="bnpafrpp"
    )
    document = write(replace(ORDER, transfers=(TRANSFER, second), debtor_bic="COBADEFFXXX"))
    assert texts(document, "GrpHdr/NbOfTxs") == ["2"] and texts(document, "PmtInf/CtrlSum") == ["124.06"]
    assert texts(document, "RmtInf/Ustrd") == ["Facture n. 12"]
    assert texts(document, "FinInstnId/BICFI") == ["COBADEFFXXX", "BNPAFRPP"]


@pytest.mark.parametrize(
    "change",
    [
        {"transfers": ()},
        {"execute_on": date(2026, 11, 19)},
        {"debtor_name": "  "},
        {"debtor_name": "株式会社"},
        {"debtor_name": "x" * 71},
        {"debtor_iban": "DE89370400440532013001"},
        {"debtor_bic": "NOTABIC"},
        {"message_id": "x" * 36},
        {"message_id": "a//b"},
        {"transfers": (replace(TRANSFER, amount=Money(0, "EUR")),)},
        {"transfers": (replace(TRANSFER, amount=Money(100, "CHF")),)},
        {"transfers": (replace(TRANSFER, creditor_iban=""),)},
        {"transfers": (replace(TRANSFER, reference="RF00123"),)},
        {"transfers": (replace(TRANSFER, reference=None, text="x" * 141),)},
        {"transfers": (replace(TRANSFER, end_to_end_id="é"),)},
    ],
)
def test_what_a_bank_would_refuse_is_refused_here(change):
    with pytest.raises(DomainError):
        write(replace(ORDER, **change))


@given(
    st.text(max_size=90),
    st.text(max_size=150),
    st.lists(st.integers(1, 99_999_999_999), min_size=1, max_size=5),
    st.booleans(),
)
def test_every_file_written_is_valid(name, text, amounts, referenced):
    transfers = tuple(
        replace(
            TRANSFER,
            amount=Money(minor, "EUR"),
            text=text,
            reference=TRANSFER.reference if referenced else None,
        )
        for minor in amounts
    )
    try:
        document = write(replace(ORDER, debtor_name=name, transfers=transfers))
    except NoPaymentFile:
        return
    (told,) = texts(document, "GrpHdr/CtrlSum")
    assert int(told.replace(".", "")) == sum(amounts)


@given(st.text())
def test_transliteration_leaves_only_the_common_characters(text):
    assert set(transliterate(text)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ "
    )
