"""Electronic invoices: the three ways in say the same, and what is doubtful is refused."""

import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import typst
from facturx import generate_from_binary

from shared.errors import RefusedFile
from shared.invoices.cii import read_cii
from shared.invoices.einvoice import EInvoice
from shared.invoices.facturx import read_facturx
from shared.invoices.files import VatShare
from shared.invoices.recognise import Format, recognise
from shared.invoices.ubl import read_ubl
from tests.make import files

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "samples"


def facturx(content: bytes) -> EInvoice:
    return read_facturx(io.BytesIO(files.pdf_with([("terms.pdf", b"%PDF-"), ("factur-x.xml", content)])))


@pytest.mark.parametrize(
    ("read", "content"), [(read_cii, files.cii()), (read_ubl, files.ubl()), (facturx, files.cii())]
)
def test_the_same_invoice_in_every_syntax(read, content: bytes) -> None:
    found = read(content)
    row, document = found.row, found.document
    assert (row.invoice_number, row.kind, row.customer_ref) == ("F2026-000123", "invoice", "C00042")
    assert (row.issued_on, row.due_on) == (date(2026, 1, 31), date(2026, 3, 2))
    assert (row.total_incl_minor, row.total_excl_minor, row.currency) == (120000, 100000, "EUR")
    assert row.vat == (VatShare(Decimal("20.00"), 100000, 20000, "S"),)
    assert (row.payee_iban, row.order_ref) == ("FR7630006000011234567890189", "BC-77")
    assert (document.totals.prepaid_minor, found.due_minor) == (20000, 100000)
    assert (document.buyer.name, document.buyer.siren, document.buyer.vat_id) == (
        *("Boulangerie Dupont", "857147961", "FR85857147961"),
    )
    assert document.payee is not None
    assert (document.payee.name, found.factored, found.subrogation) == (
        "Factor SA",
        True,
        "Créance cédée au factor.",
    )
    assert (document.payment_reference, document.means_code, document.framework) == (
        "RF18539007547034",
        "30",
        "S1",
    )
    assert (document.terms, document.buyer_reference) == ("30 jours net", "SERVICE-9")
    assert document.previous == (("F2025-9", None),)


@pytest.mark.parametrize(
    ("code", "kind", "corrective", "deposit", "factored"),
    [
        ("380", "invoice", False, False, False),
        ("384", "invoice", True, False, False),
        ("386", "invoice", False, True, False),
        ("393", "invoice", False, False, True),
        ("396", "credit_note", False, False, True),
        ("381", "credit_note", False, False, False),
        ("472", "invoice", True, False, False),
    ],
)
def test_types_of_documents(code: str, kind: str, corrective: bool, deposit: bool, factored: bool) -> None:
    found = read_cii(files.cii(type=code, note_code="AAB"))
    assert (found.row.kind, found.corrective, found.deposit, found.factored) == (
        kind,
        corrective,
        deposit,
        factored,
    )


def test_a_ubl_credit_note_and_a_corrective_invoice_below_zero() -> None:
    assert read_ubl(files.ubl("CreditNote")).row.kind == "credit_note"
    lowered = read_cii(
        files.cii(type="384", net="-10.00", tax="-2.00", gross="-12.00", prepaid="0", due="-12.00")
    )
    assert (lowered.row.kind, lowered.row.total_incl_minor, lowered.due_minor) == ("credit_note", 1200, 1200)
    assert lowered.row.vat[0].tax_minor == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gross": "1200.01"}, "do not agree"),
        ({"due": "1200.00"}, "do not agree"),
        ({"gross": "much"}, "is not an amount"),
        ({"gross": "1 200,00"}, "is not an amount"),
        ({"gross": ""}, "is not an amount"),
        ({"currency": "EURO"}, "ISO 4217"),
        ({"number": ""}, "no number"),
        ({"type": "325"}, "type 325"),
        ({"iban": "FR7630006000011234567890188"}, "not a valid IBAN"),
        (
            {"type": "381", "net": "-10", "tax": "-2", "gross": "-12", "prepaid": "0", "due": "-12"},
            "either direction",
        ),
    ],
)
@pytest.mark.parametrize(("read", "make"), [(read_cii, files.cii), (read_ubl, files.ubl)])
def test_what_is_doubtful_is_refused(read, make, changes: dict[str, str], said: str) -> None:
    with pytest.raises(RefusedFile, match=said):
        read(make(**changes))


@pytest.mark.parametrize("read", [read_cii, read_ubl])
def test_document_types_are_refused(read, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("F-SECRET")
    outside = f'<!DOCTYPE x [<!ENTITY x SYSTEM "{secret.as_uri()}">]><x>&x;</x>'.encode()
    for content in (
        outside,
        files.entity_bomb("x") + b"<x>&l9;</x>",
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x"><x/>',
    ):
        with pytest.raises(RefusedFile, match="DOCTYPE"):
            read(content)
        with pytest.raises(RefusedFile, match="DOCTYPE"):
            recognise(io.BytesIO(content))


def test_broken_xml_is_refused_with_its_line() -> None:
    with pytest.raises(RefusedFile) as caught:
        read_cii(files.cii()[:1500])
    assert caught.value.line is not None
    assert caught.value.line > 1


def test_a_true_factur_x() -> None:
    page = typst.compile(b"#set document(title: [Facture])\nFacture F2026-000123", pdf_standards=["a-3b"])
    pdf = generate_from_binary(page, files.cii(), check_xsd=False, flavor="factur-x", level="en16931")
    assert recognise(io.BytesIO(pdf)) is Format.FACTURX
    assert read_facturx(io.BytesIO(pdf)).row.invoice_number == "F2026-000123"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (files.pdf_with([]), "carries no electronic invoice"),
        (files.pdf_with([("photo.xml", files.cii())]), "carries no electronic invoice"),
        (files.pdf_with([("factur-x.xml", files.cii()), ("zugferd-invoice.xml", files.cii())]), "carries 2"),
        (files.pdf_with([("factur-x.xml", files.cii())], password="x"), "password"),
        (files.pdf_with([("factur-x.xml", b"not xml")]), "damaged"),
        (b"%PDF-1.7\nnothing more", "damaged"),
        (b"customer_ref,name\n", "not a PDF"),
    ],
)
def test_pdfs_that_are_not_one_invoice(content: bytes, said: str) -> None:
    with pytest.raises(RefusedFile, match=said):
        read_facturx(io.BytesIO(content))


def test_formats_are_told_from_content() -> None:
    expected = {
        Format.CSV: files.invoices_csv(1),
        Format.XLSX: files.xlsx_bytes(["invoice_number"], []),
        Format.FEC: files.fec_lines([]),
        Format.CII: files.cii(),
        Format.UBL: b"\xef\xbb\xbf" + files.ubl("CreditNote"),
        Format.FACTURX: files.pdf_with([]),
    }
    assert {recognise(io.BytesIO(content)): content for content in expected.values()} == expected
    assert recognise(io.BytesIO(b"anything"), forced="FEC") is Format.FEC
    for content, said in ((b" ", "empty"), (b"<Document/>", "“Document”"), (b"<1", "cannot be read")):
        with pytest.raises(RefusedFile, match=said):
            recognise(io.BytesIO(content))


def test_the_sample_invoices() -> None:
    places = sorted((SAMPLES / "einvoice").glob("*.xml"))
    if not places:
        pytest.skip("the sample files are not here")
    truth = json.loads((SAMPLES / "truth.json").read_text())["files"]
    for place in places:
        told, found = truth[f"einvoice/{place.name}"], read_cii(place.read_bytes())
        document = found.document
        assert (document.number, document.type_code, document.currency) == (
            told["id"],
            told["type"],
            told["ccy"],
        )
        assert (document.profile, document.payment_reference or None) == (
            told["profile"],
            told["payment_reference"],
        )
        assert document.payee_iban == (told["iban"] or "").replace(" ", "")
        assert document.totals.gross_minor == Decimal(told["grand_total"]) * 100
        assert document.totals.net_minor == Decimal(told["tax_basis"]) * 100
        assert document.totals.due_minor == Decimal(told["due_payable"]) * 100
        assert document.totals.prepaid_minor == Decimal(told["prepaid"] or 0) * 100
        assert document.totals.tax_minor in [Decimal(tax) * 100 for tax in told["tax_totals"]]
        assert found.row.total_incl_minor > 0
