"""What the tests of the Stripe simulator share: the unmodified SDK against a served simulator."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep

import stripe

from shared.sandbox.stripe.control_client import Control
from shared.sandbox.stripe.serving import serving

stripe.enable_telemetry = False
SECRET = "whsec_test"
MANDATE = {
    "customer_acceptance": {"type": "online", "online": {"ip_address": "127.0.0.1", "user_agent": "tests"}}
}
IBAN = "FR1420041010050500013M02606"
SEPA = {
    "type": "sepa_debit",
    "sepa_debit": {"iban": IBAN},
    "billing_details": {"name": "Dupont", "email": "compta@dupont.example"},
}
TRANSFER = {
    "customer_balance": {
        "funding_type": "bank_transfer",
        "bank_transfer": {"type": "eu_bank_transfer", "eu_bank_transfer": {"country": "FR"}},
    }
}


class Simulator:
    """The simulator at `url`, the SDK's client, and the outside world."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.control = Control(url)
        self.client = self.new_client()
        self.v1 = self.client.v1

    def new_client(self, key: str = "sk_test_abc", retries: int = 2, **options):
        return stripe.StripeClient(
            key, base_addresses={"api": self.url}, max_network_retries=retries, **options
        )

    def card(self, amount=10_000, token="pm_card_visa", **more):
        """An intent confirmed with a card."""
        return self.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "eur",
                "allowed_payment_method_types": ["card"],
                "payment_method": token,
                "confirm": True,
                "return_url": "https://portal.example/back?invoice=1",
                **more,
            }
        )

    def debit(self, amount=10_000, **more):
        """An intent whose debit is on its way."""
        return self.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "eur",
                "allowed_payment_method_types": ["sepa_debit"],
                "payment_method_data": SEPA,
                "mandate_data": MANDATE,
                "confirm": True,
                **more,
            }
        )

    def transfer(self, customer, amount=10_000):
        """An intent that waits for a bank transfer."""
        return self.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "eur",
                "customer": customer,
                "allowed_payment_method_types": ["customer_balance"],
                "payment_method_data": {"type": "customer_balance"},
                "payment_method_options": TRANSFER,
                "confirm": True,
            }
        )

    def customer(self, mode="manual"):
        return self.v1.customers.create(
            {"name": "Dupont", "cash_balance": {"settings": {"reconciliation_mode": mode}}}
        ).id

    def told(self) -> list[str]:
        """The types of all events, oldest first."""
        return [event.type for event in self.v1.events.list({"limit": 100}).data][::-1]


@contextmanager
def simulator(**options):
    with serving(**options) as url:
        yield Simulator(url)


class Inbox:
    """An endpoint that keeps what it is sent; it answers `answers` in turn, then 200."""

    def __init__(self, answers=()):
        self.received: list[tuple[bytes, str]] = []
        self._answers = list(answers)
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.received.append((body, self.headers["Stripe-Signature"]))
                self.send_response(inbox._answers.pop(0) if inbox._answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/stripe?account=1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def events(self, client, secret=SECRET):
        """What was received, verified by the SDK itself."""
        return [client.construct_event(body, header, secret) for body, header in list(self.received)]


def until(condition, seconds=10):
    """Wait for what another thread does."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it did not happen in time"
        sleep(0.02)
