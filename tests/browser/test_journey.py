"""The promise, whole: invited by mail, paid with the wizard, imported, matched, and both sides say the same.

Real pages in a real browser, a real worker, mails over a real SMTP connection, the bank file the demo's bank offers.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from lxml import etree
from playwright.sync_api import Page
from sqlalchemy import text

from backoffice.app import create_app as backoffice_app
from portal.app import create_app as portal_app
from shared import db
from shared.actor import SYSTEM
from shared.config import settings
from shared.jobs.checks import run_checks
from shared.jobs.worker import run_worker
from shared.sandbox.mailbox import receiving
from shared.sandbox.mailbox_pages import make_mailbox_app
from shared.sandbox.mailbox_store import Mail, Mailbox
from tests.browser.served import served
from tests.make.books import PAYER_IBAN, Books
from tests.make.office import login_path

pytestmark = pytest.mark.browser

WORDS = {
    "fr": {
        "invite": "Inviter", "name": "Nom", "confirm": "Confirmer ce virement", "credit": "Utiliser A-2026-0003",
        "file": "Télécharger le fichier", "statement": "Télécharger le relevé", "import": "Importer",
        "match": "Lettrer maintenant", "announced": "Règlement annoncé", "paid": "Réglée", "used": "Utilisé",
        "thanks": "Nous avons bien reçu votre paiement de 1\u202f600,00\xa0€",
    },
    "en": {
        "invite": "Invite", "name": "Name", "confirm": "Confirm this transfer", "credit": "Use A-2026-0003",
        "file": "Download the file", "statement": "Download the statement", "import": "Import",
        "match": "Match now", "announced": "Payment announced", "paid": "Paid", "used": "Used",
        "thanks": "Nous avons bien reçu votre paiement de 1\u202f600,00\xa0€",
    },
}  # fmt: skip
PATIENCE = 15


class Town:
    """Everybody's addresses, and the mailbox all mails arrive in."""

    def __init__(self, portal: str, office: str, sandbox: str, mailbox: Mailbox) -> None:
        self.portal, self.office, self.sandbox, self.mailbox = portal, office, sandbox, mailbox
        self.books = Books()
        self.customer = self.books.customer("C001", iban=PAYER_IBAN)
        with db.writing(SYSTEM) as session:
            session.execute(text("UPDATE customer SET email = 'compta@client.example'"))
            session.execute(text("UPDATE creditor SET email = 'compta@vernaison.example'"))
        self.first = self.books.invoice(self.customer, "F-2026-0001", 120000)
        self.second = self.books.invoice(self.customer, "F-2026-0002", 50000)
        self.credit = self.books.invoice(self.customer, "A-2026-0003", -10000)

    def mail(self, test: Callable[[Mail], bool]) -> Mail:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := next(filter(test, self.mailbox.newest()), None):
                return found
            time.sleep(0.05)
        raise AssertionError([(mail.recipient, mail.subject) for mail in self.mailbox.newest()])


@pytest.fixture
def town(database, tmp_path, monkeypatch) -> Iterator[Town]:
    mailbox, stop = Mailbox(tmp_path / "mailbox"), threading.Event()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    worker = threading.Thread(target=run_worker, args=(stop,))
    with (
        served(portal_app()) as portal,
        served(backoffice_app()) as office,
        served(make_mailbox_app(mailbox)) as sandbox,
        receiving(mailbox, port),
    ):
        monkeypatch.setenv("PORTAL_URL", portal)
        monkeypatch.setenv("BACKOFFICE_URL", office)
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}")
        settings.cache_clear()
        worker.start()
        try:
            yield Town(portal, office, sandbox, mailbox)
        finally:
            stop.set()
            worker.join(PATIENCE)
            monkeypatch.undo()
            settings.cache_clear()


@pytest.mark.parametrize(("language", "script"), [("fr", True), ("en", False)])
def test_a_debtor_pays_and_both_sides_agree(town: Town, open_page, tmp_path, language, script):
    words = WORDS[language]
    context = {"locale": "fr-FR" if language == "fr" else "en-GB", "java_script_enabled": script}
    clerk = open_page(f"{town.office}{login_path()}?lang={language}", **context)
    clerk.locator("main form button").click()
    invite(town, clerk, words, language)
    debtor = enter(town, open_page, context)
    announce(town, debtor, words)
    file = take_payment_file(debtor, words, tmp_path)
    assert [node.text for node in etree.parse(file).iter("{*}InstdAmt")] == ["1600.00"]
    assert {status(clerk, town.office, item) for item in (town.first, town.second)} == {words["announced"]}

    bring_bank_file(town, clerk, words, tmp_path)
    clerk.locator("main").get_by_role("button", name=words["match"]).click()
    assert "1" in clerk.locator("#notices .callout-success").inner_text()
    for item, word in ((town.first, "paid"), (town.second, "paid"), (town.credit, "used")):
        assert status(debtor, town.portal, item) == status(clerk, town.office, item) == words[word]
    assert town.mail(lambda mail: mail.subject == words["thanks"]).recipient == "compta@client.example"
    assert [check for check in run_checks() if not check["ok"]] == []


def invite(town: Town, clerk: Page, words: dict[str, str], language: str) -> None:
    clerk.goto(f"{town.office}/customers/{town.customer}/invite")
    clerk.locator("[name=email]").fill("lea@client.example")
    clerk.locator("[name=name]").fill("Léa Martin")
    clerk.locator("[name=language]").select_option(language)
    clerk.locator("main").get_by_role("button", name=words["invite"], exact=True).click()
    clerk.locator("#notices .callout-success").wait_for()


def enter(town: Town, open_page, context) -> Page:
    mail = town.mail(lambda mail: mail.recipient == "lea@client.example")
    link = re.search(re.escape(town.portal) + r"/\S+", mail.text)
    assert link, mail.text
    page: Page = open_page(link[0], **context)
    page.locator("main form button").click()
    page.wait_for_url(town.portal + "/")
    return page


def announce(town: Town, debtor: Page, words: dict[str, str]) -> None:
    """Two invoices less a credit, in the three steps."""
    debtor.goto(town.portal + "/pay")
    for item in (town.first, town.second):
        debtor.locator(f"input[value='{item}']").check()
    debtor.locator(".selection-bar button").click()
    debtor.get_by_label(words["credit"]).check()
    confirm(debtor, words)
    shown = debtor.locator("main").inner_text()
    assert "RF" in shown and town.books.name in shown
    assert town.books.iban in shown.replace(" ", "").replace("\xa0", "")
    assert debtor.locator(".qr").count() == 1


def confirm(debtor: Page, words: dict[str, str]) -> None:
    button = debtor.get_by_role("button", name=words["confirm"])
    button.click()
    debtor.wait_for_load_state()
    if (
        debtor.locator(".qr").count() == 0
    ):  # without script the new total is shown once before it is confirmed
        button.click()
    debtor.locator(".qr").wait_for()


def take_payment_file(debtor: Page, words: dict[str, str], folder: Path) -> Path:
    debtor.locator("[name=name]").fill("Client SAS")
    debtor.locator("[name=iban]").fill(PAYER_IBAN)
    return saved(debtor, lambda: debtor.get_by_role("button", name=words["file"]).click(), folder)


def bring_bank_file(town: Town, clerk: Page, words: dict[str, str], folder: Path) -> None:
    clerk.goto(town.sandbox + "/bank")
    file = saved(clerk, lambda: clerk.get_by_role("link", name=words["statement"]).click(), folder)
    clerk.goto(town.office + "/bank/import")
    clerk.locator("input[type=file]").set_input_files(file)
    clerk.locator("main").get_by_role("button", name=words["import"], exact=True).click()
    clerk.locator("main .callout-success").first.wait_for()


def status(page: Page, site: str, item: UUID) -> str:
    """The word an invoice's page shows for its state."""
    page.goto(f"{site}/invoices/{item}")
    return page.locator("main .badge-pill").first.inner_text().strip()


def saved(page: Page, click: Callable[[], None], folder: Path) -> Path:
    with page.expect_download() as download:
        click()
    kept = folder / download.value.suggested_filename
    download.value.save_as(kept)
    return kept
