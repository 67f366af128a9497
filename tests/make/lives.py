"""Payments that live at a served GoCardless simulator: the books, the account there, and the worker between them."""

from __future__ import annotations

from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import requests
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.config import settings
from shared.creditors.models import Creditor
from shared.jobs.checks import run_checks
from shared.jobs.running import handle
from shared.jobs.subscriptions import SUBSCRIPTIONS
from shared.payments.rules import Choice
from shared.rails import inbox, setting_up, starting
from shared.rails.accounts import Keys, add_account
from shared.rails.queries import attempt
from shared.rails.snapshot import Method
from shared.rails.working import work_waiting
from tests.make.books import Books
from tests.make.gocardless import ACCESS_TOKEN, IBAN, SECRET, ear, world

DETAILS = {
    "company_name": "Durand SARL", "given_name": "Camille", "family_name": "Durand",
    "email": "c@durand.example", "address_line1": "1 rue des Lilas", "postal_code": "69003", "city": "Lyon",
    "country_code": "FR", "account_holder_name": "Durand SARL", "iban": IBAN,
}  # fmt: skip


def answer(url, last="confirm"):
    """The payer on GoCardless' page: details, then the last button. Gives where it sends them."""
    session = requests.Session()
    flow, base = parse_qs(urlsplit(url).query)["id"][0], url.split("?")[0]

    def post(to, **more):
        token = session.get(url, timeout=10).text.split('name="csrf_token" value="')[1].split('"')[0]
        form = {"id": flow, "csrf_token": token, **more}
        return session.post(f"{base}/{to}", data=form, timeout=10, allow_redirects=False)

    post("details", **DETAILS)
    return post(last).headers["Location"]


class Lives:
    """A debtor with invoices, and a GoCardless account of the creditor's."""

    def __init__(self, gc, heard):
        self.gc, self.heard = gc, heard
        self.books = Books()
        self.customer = self.books.customer("C1")
        self.actor = self.books.debtor(self.customer)
        with db.writing(SYSTEM) as session:
            creditor = session.get_one(Creditor, self.books.creditor_id)
            keys = Keys(ACCESS_TOKEN, SECRET)
            methods = (Method.DEBIT_CORE, Method.PAY_BY_BANK)
            self.account_id = add_account(
                session, SYSTEM, creditor, "gocardless", mode="sandbox", keys=keys, methods=methods
            ).id
        gc.control.receiver(heard.url, SECRET)

    # -- what people do --------------------------------------------------------------------------------------

    def pay(self, item, method=Method.DEBIT_CORE, *, mandate=None, minor=None) -> UUID:
        terms = starting.Terms(self.account_id, method, "fr", mandate_id=mandate)
        with db.writing(self.actor) as session:
            return starting.pay(session, self.actor, [Choice(item, minor)], terms)

    def sign(self) -> UUID:
        """Sign a mandate on GoCardless' page; gives ours."""
        with db.writing(self.actor) as session:
            made = setting_up.start_set_up(
                session, self.actor, self.customer, self.account_id, Method.DEBIT_CORE,
                language="fr", email="c@durand.example", evidence={"ip": "192.0.2.1"},
            )  # fmt: skip
        self.work()
        answer(self.value("SELECT step -> 'data' ->> 'url' FROM set_up WHERE id = :id", id=made))
        self.work()
        return self.value("SELECT id FROM mandate WHERE customer_id = :id", id=self.customer)

    # -- what the machines do --------------------------------------------------------------------------------

    def work(self) -> None:
        """Webhooks in, commands out, looks, and the reactions to facts; until all is quiet."""
        while self.deliver() + work_waiting() + self._react():
            pass

    def deliver(self) -> int:
        self.gc.control.settle()
        told, self.heard.heard = self.heard.heard, []
        return sum(inbox.accept("gocardless", self.account_id, headers, raw) for headers, raw in told)

    def look_again(self) -> None:
        """What is due some time is due now."""
        with db.writing(SYSTEM) as session:
            for table in ("payment", "set_up"):
                session.execute(
                    text(f"UPDATE {table} SET sync_due_at = :now WHERE sync_due_at IS NOT NULL"),
                    {"now": clock.now()},
                )
            session.execute(text("UPDATE payment_operation SET due_at = now() WHERE state <> 'ok'"))
            session.execute(text("UPDATE provider_event SET due_at = now() WHERE handled_at IS NULL"))
        self.work()

    def _react(self) -> int:
        with db.reading(SYSTEM) as session:
            facts = session.execute(text("SELECT id, name FROM fact ORDER BY id")).all()
        return sum(handle(fact.id, one) for fact in facts for one in SUBSCRIPTIONS.get(fact.name, ()))

    # -- what became of it -----------------------------------------------------------------------------------

    def value(self, query, **of):
        with db.reading(SYSTEM) as session:
            return session.scalar(text(query), of)

    def status(self, payment_id) -> str:
        return self.value("SELECT status FROM payment WHERE id = :id", id=payment_id)

    def step(self, payment_id):
        with db.reading(self.actor) as session:
            return attempt(session, self.actor, payment_id).step

    def ref(self, payment_id) -> str:
        """The payment's id at GoCardless."""
        return self.value(
            "SELECT ref FROM payment_ref WHERE payment_id = :id AND ref LIKE 'PM%'", id=payment_id
        )

    def alerts(self) -> list[str]:
        with db.reading(SYSTEM) as session:
            return list(session.scalars(text("SELECT code FROM payment_alert ORDER BY code")))

    def clearing(self) -> int:
        """What the books say GoCardless holds for us."""
        booked = "SELECT coalesce(sum(amount_minor), 0) FROM journal_line WHERE account = '51152'"
        return int(self.value(booked))


@contextmanager
def lives(monkeypatch):
    with world() as gc, ear() as heard:
        monkeypatch.setenv("GOCARDLESS_API_URL", gc.address)
        settings.cache_clear()
        yield Lives(gc, heard)
        assert [each for each in run_checks() if not each["ok"]] == []
    monkeypatch.delenv("GOCARDLESS_API_URL")
    settings.cache_clear()
