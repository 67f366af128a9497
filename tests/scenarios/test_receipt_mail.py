"""A debtor pays: the bank line is reconciled, a worker hears of it, and a receipt arrives by mail."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.config import settings
from shared.jobs.relay import relay_all
from shared.jobs.running import handle
from shared.jobs.worker import run_worker
from shared.matching import run
from shared.matching.actions import undo
from shared.payments.handlers import thank_for_payment
from shared.sandbox.mailbox import receiving
from shared.sandbox.mailbox_store import Mailbox
from tests.make.books import Books


@pytest.fixture
def mailbox(tmp_path, monkeypatch, database):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}")
    settings.cache_clear()
    kept = Mailbox(tmp_path)
    with receiving(kept, port):
        yield kept
    monkeypatch.undo()
    settings.cache_clear()


def paid_books(email="compta@client.example"):
    """Two invoices, one transfer that names both: one settled, and the match that did it."""
    books = Books()
    customer = books.customer("C1")
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE customer SET email = :email"), {"email": email})
    books.invoice(customer, "F-1001", 12000)
    books.invoice(customer, "F-1002", 30050)
    books.bank_line(42050, "F-1001 F-1002")
    (result,) = run.run(SYSTEM)
    assert result.decision.outcome == "applied"


def test_a_receipt_goes_from_the_bank_line_to_the_mailbox(mailbox):
    paid_books()
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(stop,))
    worker.start()
    try:
        end = time.monotonic() + 20
        while not mailbox.newest():
            assert time.monotonic() < end, "no mail after 20 s"
            time.sleep(0.05)
    finally:
        stop.set()
        worker.join(20)
    (mail,) = mailbox.newest()
    assert mail.recipient == "compta@client.example"
    assert mail.subject == "Nous avons bien reçu votre paiement de 420,50\xa0€"
    for number, amount in (("F-1001", "120,00\xa0€"), ("F-1002", "300,50\xa0€")):
        assert f"- {number}, {amount} (soldée)" in mail.text and number in mail.html
    assert "Ateliers Vernaison SAS" in mail.text and "restent disponibles" not in mail.text


def fact_ids():
    with db.reading(SYSTEM) as session:
        return session.scalars(text("SELECT id FROM fact WHERE name = 'payment_received'")).all()


def messages():
    with db.reading(SYSTEM) as session:
        return session.scalar(text("SELECT count(*) FROM message"))


def test_who_has_no_address_gets_no_mail_and_nothing_fails(database):
    paid_books(email=None)
    (fact_id,) = fact_ids()
    assert handle(fact_id, thank_for_payment) and messages() == 0


def test_an_undone_assignment_thanks_nobody(database):
    paid_books()
    with db.reading(SYSTEM) as session:
        match_id = session.scalar(text("SELECT id FROM match WHERE outcome = 'applied'"))
    with db.writing(SYSTEM) as session:
        undo(session, SYSTEM, match_id, "wrong customer")
    relay_all()
    (fact_id,) = fact_ids()
    assert handle(fact_id, thank_for_payment) and messages() == 0
