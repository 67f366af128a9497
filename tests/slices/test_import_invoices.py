"""Invoices come in once, whole or not at all, and what is booked changes only where it may."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from shared import db
from shared.actor import SYSTEM
from shared.audit.checks import chain
from shared.importing.invoices import import_invoices, preview_invoices
from shared.ledger import checks
from shared.tabular.imported import ImportResult, RefusedRows
from tests.make.books import FACTOR_IBAN, OWN_IBAN, PAYER_IBAN, Books
from tests.make.files import csv_bytes, invoices_csv, pdf_with

COLUMNS = (
    *("invoice_number", "kind", "customer_ref", "customer_name", "issue_date", "due_date", "total_incl_vat"),
    *("total_excl_vat", "vat_breakdown", "order_ref", "payee_iban", "document", "creditor"),
)


@pytest.fixture
def books(database: URL) -> Books:
    made = Books()
    made.customer("C1")
    made.customer("C2")
    return made


def row(number: str = "F1", **changes: str) -> list[str]:
    told = {
        "invoice_number": number,
        "kind": "invoice",
        "customer_ref": "C1",
        "issue_date": "2026-01-15",
        "due_date": "2026-02-14",
        "total_incl_vat": "120.00",
        "total_excl_vat": "100.00",
        "vat_breakdown": "20:100.00:20.00",
        **changes,
    }
    return [told.get(column, "") for column in COLUMNS]


def take(*rows: list[str], **options: Any) -> ImportResult:
    return take_bytes(csv_bytes(COLUMNS, rows), **options)


def take_bytes(content: bytes, **options: Any) -> ImportResult:
    with db.writing(SYSTEM) as session:
        result = import_invoices(session, SYSTEM, io.BytesIO(content), "invoices.csv", **options)
    assert_books_hold()
    return result


def assert_books_hold() -> None:
    with db.reading(SYSTEM) as session:
        assert checks.items_equal_their_allocations(session) is None
        assert checks.entries_balance(session) is None
        assert checks.items_equal_the_ledger(session) is None
        assert chain(session) is None


def one(sql: str, **params: object) -> Any:
    with db.reading(SYSTEM) as session:
        return session.execute(text(sql), params).one()


def counts(result: ImportResult) -> tuple[int, int, int, int, int]:
    return (result.rows, result.created, result.updated, result.unchanged, result.duplicates)


def test_an_invoice_becomes_an_item_a_paper_and_an_entry(books: Books) -> None:
    assert counts(take(row(order_ref="BC-7"))) == (1, 1, 0, 0, 0)
    item = one("SELECT * FROM open_item JOIN invoice USING (id)")
    assert (item.amount_minor, item.open_minor, item.total_excl_minor) == (12000, 12000, 10000)
    assert item.vat == [{"rate": "20", "base_minor": 10000, "vat_minor": 2000}]
    assert (item.order_ref, item.type_code, item.source_format) == ("BC-7", "380", "csv")
    entry = one(
        "SELECT array_agg(account || ' ' || amount_minor ORDER BY account) AS lines FROM journal_line"
    )
    assert entry.lines == ["411 12000", "44571 -2000", "707 -10000"]


def test_a_credit_note_is_owed_to_the_customer(books: Books) -> None:
    take(row("A1", kind="credit_note"))
    item = one("SELECT * FROM open_item JOIN invoice USING (id)")
    assert (item.kind, item.amount_minor, item.total_excl_minor) == ("credit_note", -12000, -10000)
    assert item.vat[0]["vat_minor"] == -2000


def test_the_same_file_again_changes_nothing(books: Books) -> None:
    content = invoices_csv(300)
    with db.writing(SYSTEM) as session:
        for ref in {f"C{i:05d}" for i in range(300)}:
            session.execute(
                text(
                    "INSERT INTO customer (id, ref, name, search_key, created_at, updated_at)"
                    " VALUES (gen_random_uuid(), :ref, :ref, '', now(), now())"
                ),
                {"ref": ref},
            )
    assert counts(take_bytes(content)) == (300, 300, 0, 0, 0)
    before = one("SELECT (SELECT count(*) FROM audit_entry), (SELECT count(*) FROM fact)")
    assert counts(take_bytes(content)) == (300, 0, 0, 300, 0)
    assert one("SELECT (SELECT count(*) FROM audit_entry), (SELECT count(*) FROM fact)") == before
    assert one("SELECT count(*) FROM open_item")[0] == 300


def test_what_may_change_is_changed_and_audited(books: Books) -> None:
    take(row(), row("F2"))
    result = take(row(due_date="2026-03-31", order_ref="BC-9"), row("F2"))
    assert counts(result) == (2, 0, 1, 1, 0)
    item = one("SELECT due_on::text, order_ref FROM open_item JOIN invoice USING (id) WHERE number = 'F1'")
    assert tuple(item) == ("2026-03-31", "BC-9")
    detail = one("SELECT detail FROM audit_entry WHERE verb = 'change_invoices'").detail
    assert detail["changes"] == {"F1": {"due_date": ["2026-02-14", "2026-03-31"], "order_ref": ["", "BC-9"]}}


@pytest.mark.parametrize(
    ("change", "column", "sentence"),
    [
        ({"total_incl_vat": "150", "total_excl_vat": "125", "vat_breakdown": ""}, "total_incl_vat", "another amount (120.00 EUR)"),
        ({"customer_ref": "C2"}, "customer_ref", "booked for customer C1"),
        ({"issue_date": "2026-01-16"}, "issue_date", "another issue date (2026-01-15)"),
        ({"kind": "credit_note"}, "kind", "booked as invoice"),
        ({"total_excl_vat": "110.00", "vat_breakdown": ""}, "total_excl_vat", "another total without VAT"),
        ({"invoice_number": "F9", "customer_ref": "C9"}, "customer_ref", "no customer “C9”"),
        ({"invoice_number": "F9", "creditor": "nobody"}, "creditor", "no creditor “NOBODY”"),
    ],
)  # fmt: skip
def test_what_may_not_change_is_refused(
    books: Books, change: dict[str, str], column: str, sentence: str
) -> None:
    take(row())
    with pytest.raises(RefusedRows) as refused:
        take(row("F2"), row(**change))
    (error,) = refused.value.rejected
    assert (error.line, error.column) == (3, column)
    assert sentence in str(error)
    assert one("SELECT count(*) FROM open_item")[0] == 1, "the whole file is refused"
    result = take(row("F2"), row(**change), skip_bad_rows=True)
    assert counts(result) == (2, 1, 0, 0, 0)
    assert result.as_json()["rejected"][0]["column"] == column


def test_all_refusals_of_a_file_are_told_at_once(books: Books) -> None:
    with pytest.raises(RefusedRows) as refused:
        take(row(total_incl_vat="12O.00"), row("F2", customer_ref="C9"), row("F3", issue_date="2026-02-30"))
    assert [(e.line, e.column) for e in refused.value.rejected] == [
        (2, "total_incl_vat"),
        (3, "customer_ref"),
        (4, "issue_date"),
    ]


def test_a_number_that_stands_twice(books: Books) -> None:
    assert counts(take(row(), row(), row())) == (3, 1, 0, 0, 2)
    with pytest.raises(RefusedRows, match="stands on line 2 already"):
        take(row("F2"), row("F2", due_date="2026-05-01"))


def test_a_customer_nobody_knows_is_added_with_its_name(books: Books) -> None:
    new = {"customer_ref": "N1", "customer_name": "Société Nouvelle"}
    assert counts(take(row(**new), row("F2", **new))) == (2, 2, 0, 0, 0)
    customer = one("SELECT name, search_key FROM customer WHERE ref = 'N1'")
    assert tuple(customer) == ("Société Nouvelle", "societe nouvelle")


def test_a_due_day_follows_from_the_customers_terms(books: Books) -> None:
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE customer SET payment_terms = '45 eom' WHERE ref = 'C1'"))
    take(row(due_date=""))
    assert str(one("SELECT due_on FROM open_item").due_on) == "2026-03-31"
    assert counts(take(row(due_date=""))) == (1, 0, 0, 1, 0)


def test_a_document_of_zero_is_noted(books: Books) -> None:
    result = take(row(total_incl_vat="0", total_excl_vat="0", vat_breakdown=""), row("F2"))
    assert counts(result) == (2, 1, 0, 1, 0)
    assert "nothing is owed" in str(result.remarks[0])


def test_an_account_nobody_knows_is_never_shown_to_debtors(books: Books) -> None:
    result = take(row(payee_iban=FACTOR_IBAN), row("F2", payee_iban=OWN_IBAN), row("F3"))
    assert "until it is confirmed" in str(result.remarks[0])
    payee = one(
        "SELECT a.iban, a.holder_kind, a.confirmed_at FROM open_item i JOIN bank_account a"
        " ON a.id = i.payee_account_id WHERE number = 'F1'"
    )
    assert tuple(payee) == (FACTOR_IBAN, "factor", None)
    assert one("SELECT payee_account_id FROM open_item WHERE number = 'F2'")[0] == books.account_id
    assert one("SELECT payee_account_id FROM open_item WHERE number = 'F3'")[0] is None
    assert counts(take(row(payee_iban=FACTOR_IBAN))) == (1, 0, 0, 1, 0)
    assert counts(take(row(payee_iban=PAYER_IBAN))) == (1, 0, 1, 0, 0)
    assert one("SELECT confirmed_at FROM bank_account WHERE iban = :iban", iban=PAYER_IBAN)[0] is None, (
        "a changed account asks for confirmation again"
    )


def test_documents_lie_beside_the_file(books: Books, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "f1.pdf").write_bytes(pdf_with([]))
    (tmp_path / "secret.pdf").write_bytes(pdf_with([]))
    (folder / "link.pdf").symlink_to(tmp_path / "secret.pdf")
    (folder / "text.pdf").write_text("no pdf")
    assert counts(take(row(document="f1.pdf"), folder=folder)) == (1, 1, 0, 0, 0)
    kept = one(
        "SELECT d.*, c.bytes FROM invoice v JOIN document d ON d.id = v.document_id JOIN document_content c USING (sha256)"
    )
    assert (kept.name, kept.media_type, kept.bytes) == ("f1.pdf", "application/pdf", pdf_with([]))
    assert kept.customer_id == one("SELECT id FROM customer WHERE ref = 'C1'").id
    assert counts(take(row(document="f1.pdf"), folder=folder)) == (1, 0, 0, 1, 0)
    for name, told in (("link.pdf", "leads out"), ("text.pdf", "not a PDF"), ("none.pdf", "no document")):
        with pytest.raises(RefusedRows, match=told) as refused:
            take(row("F2", document=name), folder=folder)
        assert refused.value.column == "document"
    (folder / "f1.pdf").write_bytes(pdf_with([("note.txt", b"2")]))
    assert counts(take(row(document="f1.pdf"), folder=folder)) == (1, 0, 1, 0, 0)


def test_a_preview_tells_the_same_and_changes_nothing(books: Books) -> None:
    take(row())
    content = csv_bytes(
        COLUMNS,
        [
            row(due_date="2026-03-01"),
            row("F2"),
            row("F3", customer_ref="N", customer_name="Neuf"),
            row("F4", customer_ref="?"),
        ],
    )
    with db.writing(SYSTEM) as session:
        preview = preview_invoices(session, SYSTEM, io.BytesIO(content), "i.csv")
    assert counts(preview.result) == (4, 2, 1, 0, 0)
    assert [(r.line, r.outcome) for r in preview.rows] == [(2, "updated"), (3, "created"), (4, "created")]
    assert preview.rows[0].changes == (("due_date", "2026-02-14", "2026-03-01"),)
    assert [e.line for e in preview.result.rejected] == [5]
    assert one("SELECT count(*) FROM open_item")[0] == 1
