"""The portal served as the program it is, a worker, and both providers' sandboxes: what a paying debtor meets."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from itertools import count
from uuid import UUID

from pytest import MonkeyPatch
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.cli.serving import programs
from shared.config import settings
from shared.jobs.worker import run_worker
from shared.money import Money
from shared.plans.deciding import set_policy
from shared.plans.rules import Limits
from shared.rails.adapters import adapter_of
from shared.rails.snapshot import Method
from shared.sandbox.gocardless import app as gocardless
from shared.sandbox.gocardless.client import Control as GoCardlessControl
from shared.sandbox.gocardless.store import Store
from shared.sandbox.stripe import serving as stripe
from shared.sandbox.stripe.control_client import Control as StripeControl
from tests.make.books import Books
from tests.make.mandates import lets_collect
from tests.make.people import an_invitation
from tests.make.rails import KEYS, an_account

HOST, PATIENCE = "127.0.0.1", 30


class Town:
    """A creditor whom one can pay every way; debtors and their invoices are added as a journey needs them."""

    def __init__(self, portal: str, stripe_url: str, gocardless_url: str) -> None:
        self.portal, self.stripe_url = portal, stripe_url
        self.stripe, self.gocardless = StripeControl(stripe_url), GoCardlessControl(gocardless_url)
        self.books, self._numbers = Books(), count(1)
        self.at_stripe = an_account(self.books, mode="sandbox", methods=list(Method))
        self.at_gocardless = an_account(self.books, "gocardless", mode="sandbox")
        lets_collect(self.books.creditor_id, self.books.iban)
        self.own_bank = an_account(self.books, "own_bank")
        self.offer_plans()

    def debtor(self, minor: int = 120_000) -> tuple[str, UUID]:
        """Somebody new with one invoice, past its due date: the path of the link that lets them in, and the invoice."""
        number = next(self._numbers)
        customer = self.books.customer(f"C{number:03}")
        invoice = self.books.invoice(
            customer, f"F-2026-{number:04}", minor, due_on=clock.today() - timedelta(days=5)
        )
        link = an_invitation(f"lea{number}@client.example", customer)
        return re.sub(r"^https?://[^/]+", "", link), invoice

    def value(self, query: str, address: str) -> str:
        """What the books hold of the payment (`:id`) whose page has this address."""
        payment = re.search(r"/payments/([0-9a-f-]{36})", address)
        assert payment, address
        with db.reading(SYSTEM) as session:
            return str(session.scalar(text(query), {"id": payment[1]}))

    def offer_plans(self) -> None:
        """Let debtors pay in parts, without asking anybody, within these limits."""
        limits = Limits(6, 20, Money(500_000, "EUR"), 0, False, 5)
        with db.writing(SYSTEM) as session:
            set_policy(session, SYSTEM, self.books.creditor_id, limits, enabled=True)


@contextmanager
def a_town(monkeypatch: MonkeyPatch) -> Iterator[Town]:
    """Everything up and running while the block runs; the database is emptied before."""
    ports = _free_ports(3)
    portal, stripe_url, gocardless_url = (f"http://{HOST}:{port}" for port in ports)
    monkeypatch.setenv("PORTAL_URL", portal)
    monkeypatch.setenv("STRIPE_API_URL", stripe_url)
    monkeypatch.setenv("GOCARDLESS_API_URL", gocardless_url + "/")
    _forget_settings()
    with ExitStack() as stack:
        town = Town(portal, stripe_url, gocardless_url)
        hooks = [f"{portal}/webhooks/{name}" for name in ("stripe", "gocardless")]
        secret = KEYS.webhook_secret
        stack.enter_context(stripe.serving(None, ports[1], (f"{hooks[0]}/{town.at_stripe}", secret)))
        store = Store(None)
        stack.callback(store.close)
        stack.enter_context(gocardless.serving(store, ports[2], access_token=KEYS.secret))
        town.gocardless.receiver(f"{hooks[1]}/{town.at_gocardless}", secret)
        stack.enter_context(_portal(ports[0]))
        stack.enter_context(_worker())
        yield town
    monkeypatch.undo()
    _forget_settings()


@contextmanager
def _portal(port: int) -> Iterator[None]:
    (program,) = programs("portal", HOST, port, 0, 1)
    process = subprocess.Popen(program.command, env=os.environ)
    try:
        _wait_for(str(program.ready_url), process)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def _worker() -> Iterator[None]:
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(stop,))
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(PATIENCE)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def _forget_settings() -> None:
    settings.cache_clear()
    adapter_of.__globals__["_adapter"].cache_clear()
