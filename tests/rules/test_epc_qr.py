"""The EPC QR code: what a banking app reads from it, and that a page under a strict policy may show it."""

import re

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from segno.helpers import make_epc_qr

from shared.iban import InvalidIban
from shared.money import Money
from shared.payments.epc_qr import NoQrCode, TransferCode, payload, svg

IBAN = "FR7630006000011234567890189"
RF = "RF18539007547034"


def code(**facts) -> TransferCode:
    return TransferCode(
        **{"name": "Société Élan", "iban": IBAN, "amount": Money(12340, "EUR"), "reference": RF} | facts
    )


def test_the_lines_are_in_their_places():
    told = payload(code(iban="fr76 3000 6000 0112 3456 7890 189", bic="BNPAFRPP"))
    assert told.split("\n") == [
        "BCD",
        "002",
        "1",
        "SCT",
        "BNPAFRPP",
        "Société Élan",
        IBAN,
        "EUR123.40",
        "",
        RF,
    ]
    assert payload(code(reference=None, text="FA2026-1")).split("\n")[9:] == ["", "FA2026-1"]


def test_the_code_is_the_one_segno_would_make_for_the_same_facts():
    ours = segno.make(
        payload(code(amount=Money(12345, "EUR"))), error="m", boost_error=False, encoding="utf-8"
    )
    theirs = make_epc_qr("Société Élan", IBAN, "123.45", reference=RF, encoding="utf-8")
    assert ours.matrix == theirs.matrix


def test_the_picture_needs_no_style_and_says_what_it_is():
    drawn = svg(code(), 'Pay "123,40 €" <now>')
    root = etree.fromstring(drawn)
    assert not re.search(r"style|<script|on\w+=|href", drawn)
    assert root.get("role") == "img" and root.get("aria-label") == 'Pay "123,40 €" <now>'
    assert root.findtext("{http://www.w3.org/2000/svg}title") == 'Pay "123,40 €" <now>'
    assert root.get("viewBox") and root.get("width") is None


@pytest.mark.parametrize(
    "facts, told",
    [
        ({"amount": Money(0, "EUR")}, "amount in euros"),
        ({"amount": Money(-1, "EUR")}, "amount in euros"),
        ({"amount": Money(100_000_000_000, "EUR")}, "amount in euros"),
        ({"amount": Money(100, "USD")}, "amount in euros"),
        ({"text": "and a text"}, "not both"),
        ({"reference": "RF19539007547034"}, "not a creditor reference"),
        ({"name": " "}, "1 to 70"),
        ({"name": "x" * 71}, "1 to 70"),
        ({"reference": None, "text": "x" * 141}, "140"),
        ({"name": "é" * 70, "reference": None, "text": "é" * 140}, "too long"),
    ],
)
def test_what_no_code_can_say_is_refused(facts, told):
    with pytest.raises(NoQrCode, match=told):
        payload(code(**facts))


def test_a_wrong_iban_never_gets_a_code():
    with pytest.raises(InvalidIban):
        svg(code(iban="FR7630006000011234567890188"), "Pay")


@given(st.integers(1, 99_999_999_999), st.text(max_size=80))
def test_a_name_never_moves_the_lines(minor, name):
    try:
        told = payload(code(amount=Money(minor, "EUR"), name=name)).split("\n")
    except NoQrCode:
        return
    assert told[6] == IBAN and told[9] == RF
    whole, cents = told[7].removeprefix("EUR").split(".")
    assert int(whole + cents) == minor and len(cents) == 2
