"""FEC: what customers' accounts say, and a file that our writer and reader agree on."""

import io
from collections import defaultdict
from datetime import date
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RefusedFile
from shared.importing.fec_items import FecBooks, read_fec_books
from shared.invoices.fec import read_fec
from shared.ledger.fec_writer import HEADER, FecLine, write_fec
from tests.make.files import fec_line, fec_lines

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "samples" / "fec"


def books(content: bytes) -> FecBooks:
    return read_fec_books(io.BytesIO(content))


def sale(number: str, day: str, customer: str, gross: int, lettering: str = "") -> list[list[str]]:
    net = gross * 5 // 6
    return [
        fec_line(
            "VE", number, day, "411000", gross, customer=customer, piece=f"F{number}", lettering=lettering
        ),
        fec_line("VE", number, day, "707000", -net),
        fec_line("VE", number, day, "445710", net - gross),
    ]


def receipt(number: str, day: str, customer: str, amount: int, lettering: str = "") -> list[list[str]]:
    return [
        fec_line("BQ", number, day, "512000", amount),
        fec_line("BQ", number, day, "411000", -amount, customer=customer, lettering=lettering),
    ]


def test_an_open_invoice_a_settled_one_and_money_on_account() -> None:
    found = books(
        fec_lines(
            [
                sale("1", "20260110", "C1", 12000, "A"),
                sale("2", "20260111", "C1", 24000),
                receipt("3", "20260301", "C1", 12000, "A"),
                receipt("4", "20260302", "C2", 5000),
            ]
        )
    )
    assert [(c.customer_ref, c.name) for c in found.customers] == [("C1", "Client C1"), ("C2", "Client C2")]
    assert [
        (i.invoice_number, i.kind, i.issued_on, i.total_incl_minor, i.total_excl_minor)
        for i in found.invoices
    ] == [
        ("F1", "invoice", date(2026, 1, 10), 12000, 10000),
        ("F2", "invoice", date(2026, 1, 11), 24000, 20000),
    ]
    assert [(p.customer_ref, p.received_on, p.amount_minor, p.invoice_number) for p in found.payments] == [
        ("C1", date(2026, 3, 1), 12000, "F1"),
        ("C2", date(2026, 3, 2), 5000, ""),
    ]
    assert (found.file.lines, found.file.entries) == (10, 4)


def test_partial_lettering_leaves_the_rest_on_the_newest_debit() -> None:
    found = books(
        fec_lines(
            [
                sale("1", "20260110", "C1", 10000, "a"),
                sale("2", "20260210", "C1", 10000, "a"),
                receipt("3", "20260301", "C1", 15000, "a"),
            ]
        )
    )
    assert [(p.invoice_number, p.amount_minor) for p in found.payments] == [("F2", 5000), ("F1", 10000)]


def test_a_credit_note_that_was_used_and_one_that_was_not() -> None:
    found = books(
        fec_lines(
            [
                sale("1", "20260110", "C1", 10000, "A"),
                [fec_line("VE", "2", "20260111", "411000", -4000, customer="C1", piece="A2", lettering="A"),
                 fec_line("VE", "2", "20260111", "707000", 4000)],
                [fec_line("VE", "3", "20260112", "411000", -600, customer="C1", piece="A3"),
                 fec_line("VE", "3", "20260112", "707000", 600)],
            ]
        )
    )  # fmt: skip
    assert [(i.invoice_number, i.kind, i.total_incl_minor) for i in found.invoices] == [
        ("F1", "invoice", 10000),
        ("A3", "credit_note", 600),
    ]
    assert [(p.payment_ref, p.method, p.amount_minor, p.invoice_number) for p in found.payments] == [
        ("A2", "credit_note", 4000, "F1")
    ]


def test_an_opening_balance_is_one_item_for_each_customer() -> None:
    opening = [
        fec_line("AN", "1", "20260101", "411000", 7000, customer="C1"),
        fec_line("AN", "1", "20260101", "411000", 3000, customer="C2"),
        fec_line("AN", "1", "20260101", "110000", -10000),
    ]
    assert [(i.invoice_number, i.total_incl_minor) for i in books(fec_lines([opening])).invoices] == [
        ("AN-C1", 7000),
        ("AN-C2", 3000),
    ]


def test_instalments_of_a_sale_are_one_invoice_and_a_shared_piece_is_not() -> None:
    split = [
        fec_line("VE", "1", "20260110", "411000", 9500, customer="C1", piece="F1"),
        fec_line("VE", "1", "20260110", "411700", 500, customer="C1", piece="F1"),
        fec_line("VE", "1", "20260110", "411000", 100, customer="C2", piece="F1"),
        fec_line("VE", "1", "20260110", "707000", -10100),
    ]
    assert [(i.invoice_number, i.total_incl_minor) for i in books(fec_lines([split])).invoices] == [
        ("F1-C1", 10000),
        ("F1-C2", 100),
    ]


def test_montant_and_sens_points_quotes_and_a_separator_in_the_label() -> None:
    header = [*HEADER[:11], "Montant", "Sens", "EcrtureLet", *HEADER[14:]]
    lines = [
        header,
        [
            *fec_line("VE", "1", "20260110", "411000", 1, customer="C1", piece="F1")[:10],
            "Vente | négoce",
            " 0012.50",
            "D",
            "",
            "",
            "20260110",
            "",
            "",
        ],
        [*fec_line("VE", "1", "20260110", "707000", 1)[:11], "12,50-", "+1", "", "", "20260110"],
    ]
    found = books("\n".join("|".join(line) for line in lines).encode("iso8859-15"))
    assert [(i.invoice_number, i.total_incl_minor) for i in found.invoices] == [("F1", 1250)]
    quoted = "\r\n".join(";".join(f'"{cell}"' for cell in line) for line in lines)
    assert books(b"\xef\xbb\xbf" + quoted.replace(" | ", " ").encode()).invoices == found.invoices


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (lambda text: text.replace("\t120,00\t", "\t120,01\t", 1), 2, "does not balance"),
        (lambda text: text[: text.rindex("\tCompte")], 4, "cells"),
        (lambda text: text[: text.rindex("VE\tJournal")], 2, "does not balance"),
        (lambda text: text.replace("\t120,00\t", "\tabc\t", 1), 2, "“abc” is not an amount"),
        (lambda text: text.replace("\t120,00\t", "\t1.200,00\t", 1), 2, "is not an amount"),
        (lambda text: text.replace("20260110", "20261310", 1), 2, "is not a date"),
        (lambda text: text.replace("CompteNum", "Compte", 1), 1, "“CompteNum” is missing"),
        (lambda text: text.replace("Debit", "Debits", 1), 1, "“Debit” is missing"),
        (lambda text: "", 1, "missing"),
    ],
)  # fmt: skip
def test_a_fec_that_cannot_be_right_is_refused(change, line: int, said: str) -> None:
    content = change(fec_lines([sale("1", "20260110", "C1", 12000)]).decode()).encode()
    with pytest.raises(RefusedFile) as caught:
        books(content)
    assert said in str(caught.value)
    assert caught.value.line == line


@st.composite
def journals(draw: st.DrawFn) -> list[list[list[str]]]:
    """Sales, credit notes, receipts and write-offs of a few customers, lettered at random."""
    entries = []
    for number in range(draw(st.integers(1, 25))):
        customer = draw(st.sampled_from(["C1", "C2", "C3"]))
        amount = draw(st.integers(-50_000, 50_000).filter(bool))
        counterpart = draw(st.sampled_from(["707000", "512000", "654000", "416000"]))
        letter = draw(st.sampled_from(["", "A", "B"]))
        piece = draw(st.sampled_from(["", "P1", f"P{number}"]))
        entries.append(
            [
                fec_line(
                    "J",
                    str(number),
                    "20260110",
                    "411000",
                    amount,
                    customer=customer,
                    piece=piece,
                    lettering=letter,
                ),
                fec_line(
                    "J",
                    str(number),
                    "20260110",
                    counterpart,
                    -amount,
                    customer=customer if counterpart == "416000" else "",
                ),
            ]
        )
    return entries


@given(journals())
def test_nothing_is_lost_and_nothing_invented(entries: list[list[list[str]]]) -> None:
    found = books(fec_lines(entries))
    balance: dict[str, int] = defaultdict(int)
    for row in found.file.receivables:
        balance[row.customer_ref] += row.amount_minor
    derived: dict[str, int] = defaultdict(int)
    paid: dict[tuple[str, str], int] = defaultdict(int)
    for invoice in found.invoices:
        derived[invoice.customer_ref] += invoice.total_incl_minor * (1 if invoice.kind == "invoice" else -1)
    for payment in found.payments:
        derived[payment.customer_ref] -= payment.amount_minor
        paid[payment.customer_ref, payment.invoice_number] += payment.amount_minor
        assert payment.amount_minor > 0
    assert derived == {ref: amount for ref, amount in balance.items() if ref in derived}
    assert all(amount == 0 for ref, amount in balance.items() if ref not in derived)
    for invoice in found.invoices:
        if invoice.kind == "invoice":
            assert paid[invoice.customer_ref, invoice.invoice_number] <= invoice.total_incl_minor
    numbers = [invoice.invoice_number for invoice in found.invoices]
    assert len(set(numbers)) == len(numbers)


def test_the_writer_is_read_back() -> None:
    amounts = [100, 12345, 1]
    lines = [
        FecLine("BQ", "Banque | siège", f"{n:06d}", date(2026, 1, n), account, "Compte\tclient", customer,
                customer and f"Société {customer}", f"R{n}", None, "Virement\r\nreçu", debit, credit)
        for n, amount in enumerate(amounts, 1)
        for account, customer, debit, credit in (("512000", "", amount, 0), ("411000", "C1", 0, amount))
    ]  # fmt: skip
    content = b"".join(write_fec(lines))
    first, second, *_ = content.decode().split("\r\n")
    assert first.split("\t") == list(HEADER)
    assert second.split("\t")[:3] == ["BQ", "Banque siège", "000001"]
    assert second.split("\t")[9:13] == ["20260101", "Virement reçu", "1,00", "0,00"]
    assert second.split("\t")[15] == "20260101"
    found = read_fec(io.BytesIO(content))
    assert [-row.amount_minor for row in found.receivables] == amounts
    assert list(accumulate(amounts))[-1] == found.debit_minor


@pytest.mark.parametrize(("name", "lines", "debit"), [("pipe", 4, 330000), ("tab", 7, 314000)])
def test_the_sample_files(name: str, lines: int, debit: int) -> None:
    place = SAMPLES / f"la-societe-nouvelle_fec-reader__sample_{name}.txt"
    if not place.exists():
        pytest.skip("the sample files are not here")
    with place.open("rb") as source:
        found = read_fec_books(source)
    assert (found.file.lines, found.file.debit_minor) == (lines, debit)
    assert len(found.invoices) == 1
