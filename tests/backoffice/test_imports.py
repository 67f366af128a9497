"""Upload, preview, import: what a clerk sees before anything is booked, and what only they can see."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from shared import clock, db
from shared.actor import staff
from shared.errors import NotFound
from shared.importing import uploads
from tests.make.books import Books
from tests.make.files import cii, csv_bytes
from tests.make.office import office, signed_in
from tests.slices.test_import_invoices import COLUMNS, assert_books_hold, one, row

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def app(database):
    made = Books()
    made.customer("C1")
    return office()


def clerk(app):
    client = signed_in(app)
    client.get("/imports?lang=en")
    return client


def send(client, content, kind="invoices", name="factures.csv"):
    return client.post("/imports", data={"kind": kind, "creditor": "", "file": (io.BytesIO(content), name)})


def test_a_file_is_previewed_then_imported_once(app):
    client = clerk(app)
    answer = send(client, csv_bytes(COLUMNS, [row(), row("F2")]))
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert page.status_code == 200 and "nothing is booked yet" in page.text and "F2" in page.text
    assert one("SELECT count(*) FROM open_item")[0] == 0
    for _ in range(2):  # a double click
        assert client.post(answer.location).status_code == 303
    assert "The file is in the books" in client.get(answer.location).text
    assert one("SELECT count(*) FROM open_item")[0] == 2
    assert one("SELECT content FROM import_upload")[0] is None
    assert one("SELECT actor_name FROM audit_entry WHERE verb = 'import_invoices'")[0] == "Nadia Benali"
    assert_books_hold()


def test_refused_rows_keep_the_file_out_unless_left_out(app):
    client = clerk(app)
    location = send(client, csv_bytes(COLUMNS, [row(), row("F2", total_incl_vat="=1+1")])).location
    assert "is not an amount" in client.get(location).text
    assert client.post(location).status_code == 422
    assert one("SELECT count(*) FROM open_item")[0] == 0
    refused = client.get(f"{location}/refused.csv").text.splitlines()
    assert refused[0] == "Line,Column,Value,Why"
    assert refused[1].startswith("3,total_incl_vat,'=1+1,"), "no spreadsheet may run it"
    assert client.post(location, data={"skip_bad_rows": "yes"}).status_code == 303
    assert one("SELECT count(*) FROM open_item")[0] == 1


@pytest.mark.parametrize(
    ("kind", "content", "told"),
    [
        ("customers", b"customer_ref,name\nC9,Neuf\n", "C9"),
        ("payments", b"customer_ref,received_on,amount\nC1,2026-01-02,10\n", "C1"),
        ("invoices", cii(), "F2026-000123"),
    ],
)
def test_each_kind(app, kind, content, told):
    client = clerk(app)
    location = send(client, content, kind, "file.bin").location
    assert told in client.get(location).text
    assert client.post(location).status_code == 303
    assert "The file is in the books" in client.get(location).text


def test_a_file_that_is_none_of_ours_is_refused_at_once(app):
    client = clerk(app)
    answer = send(client, b"PK\x03\x04 no workbook")
    assert answer.status_code == 422
    assert one("SELECT count(*) FROM import_upload")[0] == 0
    assert client.post("/imports", data={"kind": "invoices"}).status_code == 422


def test_an_upload_is_its_users_alone_and_for_a_day(app):
    mine, other = clerk(app), signed_in(app, "sales_administration", "Marc Colin")
    assert one("SELECT count(*) FROM import_upload")[0] == 0
    location = send(mine, csv_bytes(COLUMNS, [row()])).location
    for address in (location, f"{location}/refused.csv"):
        assert other.get(address).status_code == 404
    assert other.post(location).status_code == 404
    assert mine.get(location).status_code == 200
    user_id, upload_id = one("SELECT user_id, id FROM import_upload")
    nadia = staff(user_id, "Nadia", "finance")
    tomorrow = clock.now() + uploads.KEPT_FOR + timedelta(seconds=1)
    with db.reading(nadia) as session:
        assert uploads.find(session, nadia, upload_id).file_name == "factures.csv"
        with clock.frozen(tomorrow), pytest.raises(NotFound):
            uploads.find(session, nadia, upload_id)


def test_few_files_wait_at_a_time(app):
    client = clerk(app)
    for _ in range(uploads.MAX_WAITING + 2):
        send(client, csv_bytes(COLUMNS, [row()]))
    assert one("SELECT count(*) FROM import_upload")[0] == uploads.MAX_WAITING
