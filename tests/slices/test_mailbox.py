"""The demo's mailbox: takes mail over SMTP, shows it in both languages, and lets nothing of it run."""

from __future__ import annotations

import smtplib
import socket
from email.message import EmailMessage

import pytest

from shared.ids import new_id
from shared.sandbox.mailbox import receiving
from shared.sandbox.mailbox_pages import make_mailbox_app
from shared.sandbox.mailbox_store import Mailbox


@pytest.fixture
def mailbox(tmp_path):
    return Mailbox(tmp_path / "mailbox")


@pytest.fixture
def browser(mailbox):
    app = make_mailbox_app(mailbox)
    app.testing = True
    return app.test_client()


def letter(subject="Échéance", text="Bonjour, voyez https://portal.example/a?b=1", html=None):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "q@quittance.example", "compta@dupont.example", subject
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    return mail


def test_takes_mail_and_keeps_it_over_a_restart(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with receiving(Mailbox(tmp_path), port), smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.send_message(letter("first"))
        smtp.send_message(letter("second"))
    assert [mail.subject for mail in Mailbox(tmp_path).newest()] == ["second", "first"]


@pytest.mark.parametrize(
    ("language", "title", "nothing"),
    [("fr", "Boîte aux lettres", "Aucun courriel"), ("en", "Mailbox", "No mail yet")],
)
def test_lists_in_the_readers_language(mailbox, browser, language, title, nothing):
    page = browser.get("/", headers={"Accept-Language": language}).text
    assert title in page and nothing in page
    mail_id = mailbox.keep(letter().as_bytes())
    page = browser.get("/", headers={"Accept-Language": language}).text
    assert "Échéance" in page and f"/mails/{mail_id}" in page and nothing not in page
    fragment = browser.get("/", headers={"HX-Request": "true"}).text
    assert "<html" not in fragment and "Échéance" in fragment


def test_a_mails_html_is_framed_without_scripts_and_its_links_open_outside(mailbox, browser):
    wild = "<html><head><title>x</title></head><body><script>alert(1)</script><a href='https://p.example'>go</a></body></html>"
    mail_id = mailbox.keep(letter(html=wild).as_bytes())
    page = browser.get(f"/mails/{mail_id}")
    assert "<script>alert" not in page.text and "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert 'href="https://portal.example/a?b=1"' in page.text.replace("&amp;", "&")
    frame = browser.get(f"/mails/{mail_id}/html")
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert '<head><base target="_blank">' in frame.text


def test_a_mail_in_plain_text_shows_its_markup_as_text(mailbox, browser):
    mail_id = mailbox.keep(letter(subject="<b>bold</b>", text="<img src=x onerror=alert(1)>").as_bytes())
    page = browser.get(f"/mails/{mail_id}").text
    assert "<img src=x" not in page and "<b>bold</b>" not in page and "<iframe" not in page


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe no headers at all", b"Date: someday\nContent-Type: text/plain; charset=klingon\n\nhi"],
)
def test_a_mail_that_is_not_one_does_not_break_the_pages(mailbox, browser, content):
    mail_id = mailbox.keep(content)
    assert browser.get("/").status_code == 200
    assert browser.get(f"/mails/{mail_id}").status_code == 200


def test_an_unknown_mail_is_not_there(browser):
    for wrong in (str(new_id()), "..%2f..%2fetc", "x"):
        assert browser.get(f"/mails/{wrong}").status_code == 404
        assert browser.get(f"/mails/{wrong}/html").status_code == 404
