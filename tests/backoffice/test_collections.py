"""Collections in the back office: one click to a file, its way to the bank, and the answers that come back."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.mandates.rules import earliest_collection
from tests.make.collecting import Collecting, pain002
from tests.make.office import office, signed_in

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def books(database):
    return Collecting()


@pytest.fixture
def client(database):
    return signed_in(office())


def scalar(sql):
    with db.reading(SYSTEM) as session:
        return session.scalar(text(sql))


def due():
    return earliest_collection(clock.today(), 14)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_page_in_the_readers_language(books, client, language):
    payment = books.collected("C1", 1_000)
    batch = books.sent(due())
    answer = books.answer(pain002(scalar("SELECT message_id FROM collection_batch"), {payment: "AM04"}))
    word = {"en": "not enough money", "fr": "provision"}[language]
    for path in ("", "/files", f"/files/{batch}", "/answers", f"/answers/{answer}"):
        page = client.get(f"/collections{path}?lang={language}")
        assert page.status_code == 200
        assert (word in page.text) == (path not in ("/files", "/answers"))


def test_one_click_makes_the_file_and_the_bank_answers(books, client):
    payment = books.collected("C1", 1_000)
    until = (due() + timedelta(days=1)).isoformat()
    assert "10.00" in client.get(f"/collections?until={until}&lang=en").text
    made = client.post("/collections", data={"until": until})
    assert made.status_code == 303
    where = made.headers["Location"]
    file = client.post(f"{where}.xml")
    assert file.data.startswith(b"<?xml")
    assert payment.hex.encode() in file.data
    assert client.post(f"{where}/sent").status_code == 303
    assert scalar("SELECT status FROM payment") == "processing"
    content = pain002(scalar("SELECT message_id FROM collection_batch"), {payment: "MD01"})
    taken = client.post("/bank/import", data={"file": (io.BytesIO(content), "answer.xml")})
    assert "/collections/answers/" in taken.headers["Location"]
    assert scalar("SELECT status FROM payment") == "failed"
    assert scalar("SELECT count(*) FROM audit_entry WHERE verb = 'download_collections'") == 1


def test_withdrawn_until_the_bank_has_it(books, client):
    books.collected("C1", 1_000)
    (batch,) = books.make(due())
    assert client.post(f"/collections/files/{batch}/withdrawn").status_code == 303
    assert client.post(f"/collections/files/{batch}.xml").status_code == 409
    assert client.post(f"/collections/files/{batch}/sent").status_code == 409


def test_answer_to_a_strangers_file_says_why_it_is_refused(books, client):
    content = pain002("SOMEBODY-1", {})
    page = client.post("/bank/import?lang=en", data={"file": (io.BytesIO(content), "answer.xml")})
    assert page.status_code == 422
    assert "which was not made here" in page.text
    assert scalar("SELECT count(*) FROM collection_answer") == 0


def test_who_may_not_collect_sees_no_button(books):
    client = signed_in(office(), role="credit_manager")
    books.collected("C1", 1_000)
    until = due().isoformat()
    assert "Make the file" not in client.get(f"/collections?until={until}&lang=en").text
    assert client.post("/collections", data={"until": until}).status_code == 403
