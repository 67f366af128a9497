"""Customers come in once; what changes is changed field by field, an empty cell leaves what is known."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy.engine import URL

from shared import db
from shared.actor import SYSTEM
from shared.customers.importing import import_customers, preview_customers
from shared.tabular.imported import RefusedRows
from tests.make.books import PAYER_IBAN
from tests.make.files import csv_bytes
from tests.slices.test_import_invoices import counts, one

COLUMNS = ("customer_ref", "name", "siren", "email", "credit_limit", "payment_terms", "iban")
DUPONT = ("C1", "Boulangerie Dupont", "857147961", "a@dupont.example", "5000", "45 eom", PAYER_IBAN)


def take(*rows: tuple[str, ...], columns: tuple[str, ...] = COLUMNS, **options: Any) -> Any:
    with db.writing(SYSTEM) as session:
        return import_customers(
            session, SYSTEM, io.BytesIO(csv_bytes(columns, rows)), "customers.csv", **options
        )


def test_a_customer_is_created_once(database: URL) -> None:
    assert counts(take(DUPONT)) == (1, 1, 0, 0, 0)
    customer = one("SELECT * FROM customer JOIN customer_iban ON customer_id = id")
    assert (customer.name, customer.search_key, customer.credit_limit_minor, customer.payment_terms, customer.iban) == (
        *("Boulangerie Dupont", "boulangerie dupont", 500000, "45 eom", PAYER_IBAN),
    )  # fmt: skip
    assert (customer.country, customer.language, customer.kind) == ("FR", "fr", "business")
    before = one("SELECT (SELECT count(*) FROM audit_entry), (SELECT count(*) FROM fact)")
    assert before == (1, 1)
    assert counts(take(DUPONT)) == (1, 0, 0, 1, 0)
    assert one("SELECT (SELECT count(*) FROM audit_entry), (SELECT count(*) FROM fact)") == before


def test_fields_change_and_empty_cells_do_not(database: URL) -> None:
    take(DUPONT)
    changed = ("C1", "Boulangerie Dupont & Fils", "", "", "", "30 net", "")
    assert counts(take(changed)) == (1, 0, 1, 0, 0)
    customer = one("SELECT * FROM customer")
    assert (customer.siren, customer.email, customer.payment_terms) == (
        "857147961",
        "a@dupont.example",
        "30 net",
    )
    assert customer.search_key == "boulangerie dupont fils"
    detail = one("SELECT detail FROM audit_entry WHERE verb = 'change_customers'").detail["changes"]["C1"]
    assert detail == {
        "name": ["Boulangerie Dupont", "Boulangerie Dupont & Fils"],
        "payment_terms": ["45 eom", "30 net"],
    }


def test_a_customer_of_another_kind_stays_so_when_the_file_says_nothing(database: URL) -> None:
    take(("C1", "Mairie", "public"), columns=("customer_ref", "name", "kind"))
    assert counts(take(("C1", "Mairie"), columns=("customer_ref", "name"))) == (1, 0, 0, 1, 0)
    assert one("SELECT kind FROM customer")[0] == "public"


def test_a_bad_row_refuses_the_file(database: URL) -> None:
    bad = ("C2", "Martin", "123456789", "", "", "", "")
    with pytest.raises(RefusedRows) as refused:
        take(DUPONT, bad)
    assert [(e.line, e.column) for e in refused.value.rejected] == [(3, "siren")]
    assert one("SELECT count(*) FROM customer")[0] == 0
    assert counts(take(DUPONT, bad, skip_bad_rows=True)) == (2, 1, 0, 0, 0)


def test_who_stands_twice_counts_once(database: URL) -> None:
    assert counts(take(DUPONT, DUPONT)) == (2, 1, 0, 0, 1)
    with pytest.raises(RefusedRows, match="stands in this file already"):
        take(DUPONT, ("C1", "Dupont", *[""] * 5))


def test_a_preview_changes_nothing(database: URL) -> None:
    take(DUPONT)
    content = csv_bytes(COLUMNS, [("C1", "Dupont", *[""] * 5), ("C2", "Martin", *[""] * 5)])
    with db.writing(SYSTEM) as session:
        preview = preview_customers(session, SYSTEM, io.BytesIO(content))
    assert counts(preview.result) == (2, 1, 1, 0, 0)
    assert [(r.name, r.outcome, r.changes) for r in preview.rows] == [
        ("C1", "updated", (("name", "Boulangerie Dupont", "Dupont"),)),
        ("C2", "created", ()),
    ]
    assert one("SELECT count(*) FROM customer")[0] == 1
