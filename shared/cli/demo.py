"""`quittance demo`: load the group once, say what happened, serve everything on the loopback address."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.cli import serving
from shared.cli.output import answer, notes, progress, screen, table
from shared.config import settings
from shared.creditors.actions import by_code
from shared.demo import company, history, load, rails
from shared.errors import DomainError
from shared.identity.links import demo_login_link
from shared.jobs.checks import run_checks
from shared.jobs.worker import run_worker
from shared.logs import configure as configure_logs
from shared.reporting import fec_export
from shared.sandbox.mailbox import receiving
from shared.sandbox.mailbox_store import Mailbox
from shared.sandbox.providers import serving_providers

_HOST = "127.0.0.1"
_MAIL_PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Ports:
    portal: int
    backoffice: int
    mailbox: int

    @property
    def smtp(self) -> int:
        return self.mailbox + 1

    @property
    def stripe(self) -> int:
        return self.mailbox + 2

    @property
    def gocardless(self) -> int:
        return self.mailbox + 3


def configure(ports: Ports) -> None:
    """The demo's own settings, also for the programs it starts."""
    os.environ.update(
        QUITTANCE_ENV="demo",
        PORTAL_URL=f"http://{_HOST}:{ports.portal}",
        BACKOFFICE_URL=f"http://{_HOST}:{ports.backoffice}",
        SMTP_URL=f"smtp://{_HOST}:{ports.smtp}",
    )
    if rails.keys_of("stripe") is None:
        url = f"http://{_HOST}:{ports.stripe}"
        os.environ.update(STRIPE_API_URL=url, STRIPE_JS_URL=f"{url}/js/stripe.js")
    if rails.keys_of("gocardless") is None:
        os.environ["GOCARDLESS_API_URL"] = f"http://{_HOST}:{ports.gocardless}/"
    settings.cache_clear()
    configure_logs()


def run(ports: Ports, *, once: bool, as_json: bool) -> None:
    """Load if needed, tell, and serve unless `once`."""
    for port in (ports.portal, ports.backoffice, ports.mailbox, ports.smtp, ports.stripe, ports.gocardless):
        _refuse_taken(port)
    started = time.monotonic()
    if load.is_loaded():
        story = load.Story()
        story.tell("Demo group", "loaded before; its books stand as you left them")
    else:
        story = load.load(progress)
        _work(ports, story)
        _export(story)
    _check(story)
    document = {
        "portal_url": settings().portal_url,
        "backoffice_url": settings().backoffice_url,
        "mailbox_url": f"http://{_HOST}:{ports.mailbox}",
        "logins": _logins(),
        "summary": {**story.figures, "seconds": round(time.monotonic() - started, 1)},
    }
    if as_json:
        answer(document)
    else:
        table("What happened", ["", ""], story.lines)
    if once:
        return
    sandbox_ports = (ports.smtp, ports.mailbox, ports.stripe, ports.gocardless)
    sandbox = [sys.executable, "-m", "shared.sandbox", *map(str, sandbox_ports)]
    programs = [
        serving.Program("sandbox", sandbox, f"http://{_HOST}:{ports.mailbox}/healthz"),
        *serving.programs("all", _HOST, ports.portal, ports.backoffice, 1),
    ]
    serving.run(programs, lambda: None if as_json else _tell_addresses(document))


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            raise DomainError(
                "Port %(port)s is taken. Choose others: --port-portal, --port-backoffice, --port-mailbox.",
                port=port,
            ) from None


def _work(ports: Ports, story: load.Story) -> None:
    """The worker's part: facts to handlers, a card payment through the provider, mails over SMTP, until nothing waits."""
    stop = threading.Event()
    mailbox = Mailbox(settings().data / "mailbox")
    with (
        receiving(mailbox, ports.smtp),
        serving_providers(ports.stripe, ports.gocardless) as addresses,
        progress("Paying and sending mails") as moved,
    ):
        worker = threading.Thread(target=run_worker, args=(stop,))
        worker.start()
        try:
            paid = rails.pay_by_card(load.debtor(), addresses.stripe)
            end = time.monotonic() + _MAIL_PATIENCE_SECONDS
            while (waiting := _waiting()) and time.monotonic() < end:
                moved(len(mailbox.newest()), len(mailbox.newest()) + waiting)
                time.sleep(0.1)
        finally:
            stop.set()
            worker.join()
        sent = len(mailbox.newest())
    if paid:
        number, minor = paid
        story.tell(
            "Card",
            f"{number} paid by card: {history.euros(minor)} EUR on the clearing account",
            card_minor=minor,
        )
    story.tell("Mails", f"{sent} sent: invitations, receipts", mails_sent=sent)


def _waiting() -> int:
    with db.reading(SYSTEM) as session:
        return int(
            session.scalar(
                text(
                    "SELECT (SELECT count(*) FROM fact WHERE relayed_at IS NULL)"
                    " + (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))"
                    " + (SELECT count(*) FROM message WHERE sent_at IS NULL AND failed_at IS NULL)"
                )
            )
            or 0
        )


def _export(story: load.Story) -> None:
    today = clock.today()
    with db.reading(SYSTEM) as session:
        creditor = by_code(session, company.ENTITIES[0].code)
        folder = Path(settings().data / "demo")
        written = fec_export.write(session, SYSTEM, creditor, today.replace(month=1, day=1), today, folder)
    story.tell("Receipts for accounting", f"{written.path.name}, {written.lines} lines, balanced")


def _check(story: load.Story) -> None:
    broken = [each for each in run_checks() if not each["ok"]]
    if broken:
        raise DomainError("The books do not agree: %(detail)s", detail=broken[0]["detail"])
    story.tell(
        "Books", "open items = ledger, bank lines = suspense account, audit chain intact", books_agree=True
    )


def _logins() -> list[dict[str, str]]:
    """One-click logins: one debtor, and one person of each staff role."""
    found: list[dict[str, str]] = []
    with db.writing(SYSTEM) as session:
        debtor = session.execute(
            text("SELECT id, name FROM debtor_user WHERE email = :email"), {"email": load.DEBTOR[0]}
        ).one()
        url = demo_login_link(session, audience="portal", user_id=debtor.id)
        found.append({"role": "debtor", "name": debtor.name, "url": url})
        staff = {row.role: row for row in session.execute(text("SELECT id, name, role FROM staff_user"))}
        for role, _ in load.STAFF:
            url = demo_login_link(session, audience="backoffice", user_id=staff[role].id)
            found.append({"role": role, "name": staff[role].name, "url": url})
    return found


def _tell_addresses(document: dict[str, Any]) -> None:
    screen.print("\nOpen one of these:", style="bold")
    lines = [(each["role"], each["name"], each["url"]) for each in document["logins"]]
    lines += [("mailbox", "", document["mailbox_url"]), ("bank", "", f"{document['mailbox_url']}/bank")]
    for role, name, url in lines:  # never wrapped, so that a terminal can open them
        screen.print(f"  {role.replace('_', ' '):<22}{name:<18}{url}", soft_wrap=True, highlight=False)
    notes.print(
        "\nPay as the debtor, fetch the bank's file that answers, import it as finance. Ctrl-C stops.",
        highlight=False,
    )
