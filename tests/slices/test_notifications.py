"""Messages: rendered in the reader's language, queued once, really sent over SMTP, and never twice without need."""

from __future__ import annotations

import email
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, date, datetime
from email import policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from sqlalchemy import text

from shared import clock
from shared.actor import SYSTEM, staff
from shared.config import settings
from shared.db import reading, writing
from shared.errors import ConfigurationError, Conflict, NotAllowed
from shared.ids import new_id
from shared.money import Money
from shared.notifications.actions import queue_message, send_again
from shared.notifications.rendering import render
from shared.notifications.rules import UnusableAddress, UnusableHeader, mailbox, one_line
from shared.notifications.sending import send_waiting
from shared.notifications.smtp import server_of

RECEIPT = {
    "creditor": "Lumière & Cie",
    "customer": "Dupont <Fils>",
    "amount": Money(123456, "EUR"),
    "received_on": date(2026, 5, 3),
    "lines": [
        {"number": "F2026-1", "paid": Money(100000, "EUR"), "left": Money(0, "EUR")},
        {"number": "F2026-2", "paid": Money(20000, "EUR"), "left": Money(500, "EUR")},
    ],
    "on_account": Money(3456, "EUR"),
    "account_url": "https://portal.example/account",
}


class Inbox:
    """What the SMTP server of the test received, and the answers it is told to give."""

    def __init__(self) -> None:
        self.mails: list[email.message.EmailMessage] = []
        self.answers: list[str] = []
        self.kill_at = ""
        self.victim: int | None = None

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's names
        self._perhaps_kill("MAIL")
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
        self._perhaps_kill("DATA")
        return answer

    def _perhaps_kill(self, stage: str) -> None:
        if self.kill_at == stage and self.victim:
            os.kill(self.victim, signal.SIGKILL)
            self.kill_at = ""


class QuietController(Controller):
    def factory(self):
        return SMTP(self.handler, hostname="mail.test", enable_SMTPUTF8=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def inbox(monkeypatch, database):
    made, port = Inbox(), free_port()
    server = QuietController(made, hostname="127.0.0.1", port=port)
    server.start()
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}")
    settings.cache_clear()
    yield made
    server.stop()
    monkeypatch.undo()
    settings.cache_clear()


def queue(once="receipt:1", recipient="compta@dupont.example", language="fr", reply_to=None, **changes):
    with writing(SYSTEM) as session:
        return queue_message(
            session,
            once=once,
            kind="receipt",
            recipient=recipient,
            language=language,
            template="payment_received",
            context={**RECEIPT, **changes},
            reply_to=reply_to,
        )


def stored(message_id):
    with reading(SYSTEM) as session:
        return session.execute(
            text(
                "SELECT sent_at, failed_at, attempts, error, due_at > now() AS later FROM message WHERE id = :id"
            ),
            {"id": message_id},
        ).one()


def make_due(message_id):
    with writing(SYSTEM) as session:
        session.execute(text("UPDATE message SET due_at = now() WHERE id = :id"), {"id": message_id})


@pytest.mark.parametrize(
    ("language", "subject", "sentence", "amount"),
    [
        (
            "fr-CA",
            "Nous avons bien reçu votre paiement de 1\u202f234,56\xa0€",
            "parvenu le 3 mai 2026",
            "200,00\xa0€",
        ),
        ("nl", "We received your payment of €1,234.56", "arrived on 3 May 2026", "€200.00"),
    ],
)
def test_a_mail_arrives_whole_in_the_readers_language(inbox, language, subject, sentence, amount):
    at = datetime(2026, 5, 3, 22, 30, tzinfo=UTC)
    with clock.frozen(at):
        message_id = queue(language=language)
    assert send_waiting() == 1
    (mail,) = inbox.mails
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert mail["Subject"] == subject
    assert mail["To"] == "compta@dupont.example"
    assert mail["From"] == "Quittance <no-reply@quittance.example>"
    assert mail["Message-ID"] == f"<{message_id}@quittance.example>"
    assert mail["Date"].datetime == at
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == ("fr" if language == "fr-CA" else "en")
    assert sentence in plain and amount in plain and "Dupont <Fils>" in plain
    assert (
        sentence in html and amount in html and "Dupont &lt;Fils&gt;" in html and "Dupont <Fils>" not in html
    )
    assert 'href="https://portal.example/account"' in html
    assert "https://portal.example/account" in plain
    assert stored(message_id).sent_at is not None
    assert send_waiting() == 0 and len(inbox.mails) == 1


@pytest.mark.parametrize(
    ("address", "told"),
    [("compta@lumiere.example", "compta@lumiere.example"), ("a@b.fr, c@d.fr", None), (None, None)],
)
def test_an_answer_goes_to_the_creditor(inbox, address, told):
    queue(reply_to=address)
    assert send_waiting() == 1
    assert inbox.mails[0]["Reply-To"] == told


def test_queued_once_per_event_and_addressee(inbox):
    assert queue() is not None
    assert queue() is None
    assert queue(once="receipt:1:other") is not None
    assert send_waiting() == 2


def test_a_missing_value_is_an_error_and_never_a_hole_in_a_mail():
    with pytest.raises(UndefinedError):
        render("payment_received", "fr", {k: v for k, v in RECEIPT.items() if k != "customer"})


@pytest.mark.parametrize(
    "address",
    [
        "a@b.c\r\nBcc: all@b.c",
        "a@b.c\n",
        "a@b.c, d@e.f",
        "A <a@b.c>",
        "a b@c.d",
        "a@b@c",
        "@b.c",
        "a@",
        "",
        "a@b.c\u2028",
    ],
)
def test_an_address_that_is_not_one_mailbox_is_refused_and_nothing_queued(inbox, address):
    with pytest.raises(UnusableAddress):
        queue(recipient=address)
    assert send_waiting() == 0


def test_a_line_break_in_a_subject_is_refused(inbox, monkeypatch):
    for broken in ("Hello\r\nBcc: all@b.c", "Hello\nthere", "a\x85b", "a\u2028b", "a\x00b", " "):
        with pytest.raises(UnusableHeader):
            one_line(broken)


@given(st.text(max_size=40))
def test_what_passes_the_header_rules_is_one_line(value):
    for rule, refusal in ((one_line, UnusableHeader), (mailbox, UnusableAddress)):
        try:
            kept = rule(value)
        except refusal:
            continue
        assert len(kept.splitlines()) == 1 and "\r" not in kept and "\x00" not in kept


def test_a_permanent_refusal_fails_with_the_servers_words_and_can_be_sent_again(inbox):
    inbox.answers = ["550 5.1.1 no such mailbox"]
    message_id = queue()
    assert send_waiting() == 0
    found = stored(message_id)
    assert found.failed_at is not None and "550 5.1.1 no such mailbox" in found.error
    assert send_waiting() == 0
    with pytest.raises(NotAllowed), writing(SYSTEM) as session:
        send_again(session, staff(new_id(), "Sam", "sales"), message_id)
    with writing(SYSTEM) as session:
        send_again(session, SYSTEM, message_id)
    assert send_waiting() == 1
    with pytest.raises(Conflict), writing(SYSTEM) as session:
        send_again(session, SYSTEM, message_id)


def test_a_temporary_refusal_waits_and_does_not_hold_up_the_others(inbox):
    inbox.answers = ["451 4.3.0 come back later"]
    first, second = queue(once="1"), queue(once="2")
    assert send_waiting() == 1
    found = stored(first)
    assert (found.sent_at, found.failed_at, found.attempts, found.later) == (None, None, 1, True)
    assert "451" in found.error and stored(second).sent_at is not None
    make_due(first)
    assert send_waiting() == 1 and stored(first).error is None


def test_after_many_temporary_refusals_it_fails(inbox):
    message_id = queue()
    for _ in range(12):
        inbox.answers = ["451 no"]
        make_due(message_id)
        send_waiting()
    assert stored(message_id).failed_at is not None


def test_a_server_out_of_reach_uses_up_no_tries(monkeypatch, inbox):
    message_id = queue()
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{free_port()}")
    settings.cache_clear()
    assert send_waiting() == 0
    found = stored(message_id)
    assert found.attempts == 0 and found.later and "cannot be used" in found.error


def test_required_encryption_that_is_not_offered_sends_nothing(monkeypatch, inbox):
    message_id = queue()
    monkeypatch.setenv("SMTP_URL", settings().smtp_url + "?starttls=required")
    settings.cache_clear()
    assert send_waiting() == 0 and not inbox.mails and stored(message_id).sent_at is None


@pytest.mark.parametrize("stage", ["MAIL", "DATA"])
def test_a_sender_killed_in_the_middle_loses_nothing(inbox, stage):
    """Killed before the server took it: sent once. Killed after: twice, under one Message-ID."""
    message_id = queue()
    inbox.kill_at = stage
    code = (
        "import sys; sys.stdin.read(1); from shared.notifications.sending import send_waiting; send_waiting()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    inbox.victim = child.pid
    child.communicate(b"x", timeout=30)
    assert child.returncode == -signal.SIGKILL
    assert stored(message_id).sent_at is None
    assert send_waiting() == 0, "another worker keeps away from a claimed message"
    make_due(message_id)
    assert send_waiting() == 1
    assert {mail["Message-ID"] for mail in inbox.mails} == {f"<{message_id}@quittance.example>"}
    assert len(inbox.mails) == (1 if stage == "MAIL" else 2)


def test_where_mail_leaves():
    server = server_of("smtp://me%40x:p%2Fw@mail.example?starttls=required")
    assert (server.host, server.port, server.user, server.password) == ("mail.example", 587, "me@x", "p/w")
    assert "p/w" not in repr(server) and server.starttls == "required"
    assert server_of("smtps://mail.example").implicit_tls and server_of("smtps://mail.example").port == 465
    for wrong in (
        "mail.example:25",
        "http://mail.example",
        "smtp://",
        "smtp://h:port",
        "smtp://h?starttls=maybe",
    ):
        with pytest.raises(ConfigurationError):
            server_of(wrong)
