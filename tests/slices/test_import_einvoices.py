"""Electronic invoices come in with their document, their VAT and their payee; what was prepaid is not asked for."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy.engine import URL

from shared import db
from shared.actor import SYSTEM
from shared.creditors import actions as creditors
from shared.creditors.models import Creditor
from shared.errors import RefusedFile
from shared.importing.invoices import import_invoices, preview_invoices
from shared.tabular.imported import RefusedRows
from tests.conftest import SAMPLES
from tests.make.books import OWN_IBAN, Books
from tests.make.files import cii, pdf_with, ubl
from tests.slices.test_import_invoices import assert_books_hold, counts, one


@pytest.fixture
def books(database: URL) -> Books:
    return Books()


def take(content: bytes, name: str = "f.xml", **options: Any) -> Any:
    with db.writing(SYSTEM) as session:
        result = import_invoices(session, SYSTEM, io.BytesIO(content), name, **options)
    assert_books_hold()
    return result


@pytest.mark.parametrize(
    ("content", "syntax", "media"),
    [
        (cii(), "cii", "application/xml"),
        (ubl(), "ubl", "application/xml"),
        (pdf_with([("factur-x.xml", cii())]), "facturx", "application/pdf"),
    ],
)
def test_one_invoice_in_each_syntax(books: Books, content: bytes, syntax: str, media: str) -> None:
    result = take(content, "facture.bin")
    assert (result.format, *counts(result)) == (syntax, 1, 1, 0, 0, 0)
    item = one(
        "SELECT i.*, v.*, d.media_type, c.bytes, d.name AS document FROM open_item i JOIN invoice v USING (id)"
        " JOIN document d ON d.id = v.document_id JOIN document_content c USING (sha256)"
    )
    assert (item.amount_minor, item.open_minor, item.total_excl_minor) == (120000, 100000, 100000)
    assert item.vat == [{"rate": "20", "base_minor": 100000, "vat_minor": 20000, "category": "S"}]
    assert (item.media_type, item.bytes, item.document) == (media, content, "facture.bin")
    assert (item.factored, item.type_code, item.preceding_number) == (True, "380", "F2025-9")
    assert item.payment_reference == "RF18539007547034"
    customer = one("SELECT ref, name, siren, vat_id FROM customer")
    assert tuple(customer) == ("C00042", "Boulangerie Dupont", "857147961", "FR85857147961")
    payee = one(
        "SELECT holder_name, holder_kind, confirmed_at FROM bank_account WHERE id = :id",
        id=item.payee_account_id,
    )
    assert tuple(payee) == ("Factor SA", "factor", None)
    assert counts(take(content, "facture.bin")) == (1, 0, 0, 1, 0)
    assert one("SELECT count(*) FROM receipt")[0] == 1, "what was prepaid is booked once"


def test_more_prepaid_than_owed_stays_on_account(books: Books) -> None:
    take(cii(prepaid="1500.00", due="-300.00"))
    assert one("SELECT open_minor FROM open_item WHERE kind = 'invoice'")[0] == 0
    assert one("SELECT open_minor FROM open_item WHERE kind = 'receipt'")[0] == -30000


def test_a_credit_note(books: Books) -> None:
    take(cii(type="381", prepaid="0.00", due="1200.00"))
    assert one("SELECT amount_minor FROM open_item")[0] == -120000


@pytest.mark.parametrize("known", [{"ref": "C00042"}, {"siren": "857147961"}, {"vat_id": "FR85857147961"}])
def test_the_buyer_is_recognised(books: Books, known: dict[str, str]) -> None:
    customer = books.customer(known.get("ref", "OTHER"))
    with db.writing(SYSTEM) as session:
        for column, value in known.items():
            session.connection().exec_driver_sql(
                f"UPDATE customer SET {column} = %s" if column != "ref" else "SELECT %s", (value,)
            )
    take(cii())
    assert one("SELECT customer_id FROM open_item WHERE kind = 'invoice'")[0] == customer


def test_a_number_of_ours_with_another_siren_is_another_customer(books: Books) -> None:
    books.customer("C00042")
    with db.writing(SYSTEM) as session:
        session.connection().exec_driver_sql("UPDATE customer SET siren = '799474721'")
    take(cii())
    assert one("SELECT ref FROM customer WHERE siren = '857147961'")[0] == "857147961"


def test_the_own_account_is_the_own_account(books: Books) -> None:
    take(cii(iban=OWN_IBAN))
    assert one("SELECT payee_account_id FROM open_item WHERE kind = 'invoice'")[0] == books.account_id


def test_a_payee_without_an_account_is_refused(books: Books) -> None:
    content = cii().replace(
        b"<ram:PayeePartyCreditorFinancialAccount><ram:IBANID>FR7630006000011234567890189</ram:IBANID></ram:PayeePartyCreditorFinancialAccount>",
        b"",
    )
    with pytest.raises(RefusedFile, match="Factor SA, but names no account"):
        take(content)


def test_an_invoice_of_somebody_else_is_refused(books: Books) -> None:
    with db.writing(SYSTEM) as session:
        session.get_one(Creditor, books.creditor_id).siren = "799474721"
    seller = b"<ram:Name>Fournil SAS</ram:Name>"
    legal = b'<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">%s</ram:ID></ram:SpecifiedLegalOrganization>'
    with pytest.raises(RefusedFile, match="none of the creditors"):
        take(cii().replace(seller, seller + legal % b"857147961"))
    with db.writing(SYSTEM) as session:
        other = creditors.add_creditor(session, SYSTEM, name="Fournil SAS", siren="857147961").id
    take(cii().replace(seller, seller + legal % b"857147961"))
    assert one("SELECT creditor_id FROM open_item WHERE kind = 'invoice'")[0] == other


def test_another_amount_is_refused(books: Books) -> None:
    take(cii())
    with pytest.raises(RefusedRows, match="another amount"):
        take(cii(net="2000.00", tax="400.00", gross="2400.00", due="2200.00"))


def test_a_preview_changes_nothing(books: Books) -> None:
    with db.writing(SYSTEM) as session:
        preview = preview_invoices(session, SYSTEM, io.BytesIO(cii()), "f.xml")
    assert counts(preview.result) == (1, 1, 0, 0, 0)
    assert one("SELECT (SELECT count(*) FROM open_item), (SELECT count(*) FROM customer)") == (0, 0)


@pytest.mark.skipif(not SAMPLES.exists(), reason="the real samples are not here")
def test_real_samples(books: Books) -> None:
    taken, refused = 0, []
    for path in sorted((SAMPLES / "einvoice").glob("*.xml")):
        try:
            taken += take(path.read_bytes(), path.name).created
        except RefusedFile as error:
            refused.append((path.name, str(error)))
    assert taken == one("SELECT count(*) FROM invoice")[0] >= 10, refused
