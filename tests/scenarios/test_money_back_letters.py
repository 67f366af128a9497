"""What the debtor reads when money went back, and what becomes of the mandate."""

from __future__ import annotations

from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.outbox.facts import Fact
from shared.payments.rules import Choice
from shared.rails import letters
from shared.rails.snapshot import FactKind, Phase
from tests.make.books import Books
from tests.make.rails import a_payment, an_account, fact, seen, told


def facts_of(name):
    with db.reading(SYSTEM) as session:
        rows = session.execute(
            text(
                "SELECT id, name, subject_id, payload, recorded_at FROM fact WHERE name = :name ORDER BY id"
            ),
            {"name": name},
        )
        return [Fact(**row._mapping) for row in rows]


def mails():
    with db.reading(SYSTEM) as session:
        return session.execute(
            text("SELECT subject, body_text, language FROM message ORDER BY created_at, once")
        ).all()


def paid(database, language="fr"):
    books = Books()
    customer = books.customer("C1")
    with db.writing(SYSTEM) as session:
        session.execute(
            text("UPDATE customer SET email = 'a@client.example', language = :l"), {"l": language}
        )
    debtor = books.debtor(customer)
    payment = a_payment(debtor, an_account(books), [Choice(books.invoice(customer, "F-77", 10_000))])
    told(payment, seen(payment, Phase.SUCCEEDED, fact(FactKind.RECEIVED, 10_000), minor=10_000))
    return payment


def went_back(payment, kind, minor):
    received, back = fact(FactKind.RECEIVED, 10_000), fact(kind, minor, 2)
    told(payment, seen(payment, Phase.SUCCEEDED, received, back, minor=10_000))
    for each in facts_of("payment_money_back") * 2:  # told twice, written once
        with db.writing(SYSTEM) as session:
            letters.tell_money_back(session, each)
            letters.heed_reason(session, each)


def test_a_return_is_told_kindly_with_what_is_open_again(database):
    went_back(paid(database), FactKind.RETURNED, 10_000)
    (mail,) = mails()
    assert "rejeté un prélèvement" in mail.subject and "100,00" in mail.subject
    assert "F-77" in mail.body_text and "autrement" in mail.body_text


def test_a_refund_names_its_part_in_the_readers_language(database):
    went_back(paid(database, "en"), FactKind.REFUNDED, 2_500)
    (mail,) = mails()
    assert mail.subject.startswith("We have sent back") and "25.00" in mail.subject
    assert "F-77" in mail.body_text
