"""A served GoCardless simulator, the unmodified SDK before it, and an ear for its webhooks."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gocardless_pro

from shared.sandbox.gocardless.app import ACCESS_TOKEN, serving
from shared.sandbox.gocardless.client import Control
from shared.sandbox.gocardless.store import Store

IBAN = "FR7630006000011234567890189"
SECRET = "whsec_of_the_tests"


class World:
    """A simulator with an SDK client (which raises on an idempotency conflict when `strict`)."""

    def __init__(self, address):
        self.address = address
        self.control = Control(address)
        self.client = self.sdk()

    def sdk(self, **options):
        return gocardless_pro.Client(access_token=ACCESS_TOKEN, base_url=self.address, **options)

    def customer(self, given_name="Camille", **more):
        told = {"given_name": given_name, "family_name": "Durand", "email": "c@durand.example", **more}
        return self.client.customers.create(params=told)

    def account(self, customer):
        told = {"account_holder_name": "Camille Durand", "iban": IBAN, "links": {"customer": customer.id}}
        return self.client.customer_bank_accounts.create(params=told)

    def mandate(self, given_name="Camille", **more):
        account = self.account(self.customer(given_name))
        return self.client.mandates.create(params={"links": {"customer_bank_account": account.id}, **more})

    def payment(self, mandate=None, amount=12000, headers=None, **more):
        mandate = mandate or self.mandate()
        told = {"amount": amount, "currency": "EUR", "links": {"mandate": mandate.id}, **more}
        return self.client.payments.create(params=told, headers=headers)

    def actions(self, **filters):
        """All actions of the matching events, the oldest first."""
        return [event.action for event in self.client.events.all(params=filters)][::-1]


@contextmanager
def world(path=None):
    store = Store(path)
    try:
        with serving(store) as address:
            yield World(address)
    finally:
        store.close()


class Ear:
    """Hears webhooks: `(headers, raw body)` of each; answers what it is told to."""

    def __init__(self, url):
        self.url = url
        self.heard = []
        self.answers = []  # codes for the next ones; then 204


@contextmanager
def ear():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.heard.append((dict(self.headers), body))
            code = found.answers.pop(0) if found.answers else 204
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", found.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Ear(f"http://127.0.0.1:{server.server_port}/hooks")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
