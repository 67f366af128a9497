"""For tests and the demo: what the world outside Stripe does, as Python calls."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from shared.sandbox.stripe.refusals import Json


class ControlRefused(Exception):
    """The simulator could not do that."""


class Control:
    """Drives the simulator at `url`."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc

    def _post(self, verb: str, **told: Any) -> Json:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        try:
            body = json.dumps({name: value for name, value in told.items() if value is not None})
            connection.request("POST", f"/_control/{verb}", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            read: Json = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ControlRefused(read["error"]["message"])
        return read

    def authenticate(self, intent: str, agreed: bool = True) -> Json:
        """The payer answers 3-D Secure, or a bank's redirect page."""
        return self._post("authenticate", intent=intent, agreed=agreed)

    def debit_paid(self, intent: str) -> Json:
        return self._post("debit-paid", intent=intent)

    def debit_failed(self, intent: str, code: str = "insufficient_funds") -> Json:
        return self._post("debit-failed", intent=intent, code=code)

    def debit_fails_late(self, intent: str, code: str = "insufficient_funds", dispute: bool = True) -> Json:
        """After it was paid: as a dispute without appeal, or else as a `payment_failure_refund`."""
        return self._post("debit-failed", intent=intent, code=code, late=True, dispute=dispute)

    def open_dispute(
        self,
        charge: str,
        reason: str = "fraudulent",
        status: str = "needs_response",
        amount: int | None = None,
    ) -> Json:
        return self._post("dispute", charge=charge, reason=reason, status=status, amount=amount)

    def close_dispute(self, dispute: str, won: bool) -> Json:
        return self._post("close-dispute", dispute=dispute, won=won)

    def fund(
        self,
        amount: int,
        *,
        customer: str | None = None,
        iban: str | None = None,
        currency: str = "eur",
        reference: str | None = None,
    ) -> Json:
        """A transfer arrives on the virtual IBAN, named itself or by its customer."""
        return self._post(
            "fund", amount=amount, customer=customer, iban=iban, currency=currency, reference=reference
        )

    def refund_succeeds(self, refund: str) -> Json:
        return self._post("refund-ends", refund=refund, succeeded=True)

    def refund_fails(self, refund: str, reason: str = "lost_or_stolen_card") -> Json:
        return self._post("refund-ends", refund=refund, succeeded=False, reason=reason)

    def payout(
        self, currency: str = "eur", automatic: bool = True, stripe_fee: int = 0, paid: bool = True
    ) -> Json:
        """Pay the whole balance out now."""
        return self._post("payout", currency=currency, automatic=automatic, stripe_fee=stripe_fee, paid=paid)

    def fail_payout(self, payout: str, code: str = "account_closed") -> Json:
        return self._post("fail-payout", payout=payout, code=code)

    def end_mandate(self, mandate: str) -> Json:
        return self._post("end-mandate", mandate=mandate)

    def advance(self, seconds: int) -> Json:
        return self._post("advance", seconds=seconds)

    def enable_methods(self, *methods: str) -> Json:
        """The payment methods that are activated for the account."""
        return self._post("methods", methods=list(methods))

    def fault(
        self, kind: str, path: str = "/v1/", method: str = "POST", times: int = 1, seconds: float = 1.0
    ) -> Json:
        """The next `times` requests whose path begins so fail; kinds are listed in `faults.KINDS`."""
        return self._post("fault", kind=kind, path=path, method=method, times=times, seconds=seconds)

    def no_faults(self) -> Json:
        return self._post("fault", kind="none")

    def webhooks(self, mode: str = "deliver", copies: int = 1, seconds: float = 0) -> Json:
        """How the events from now on are delivered: `deliver`, `drop` or `hold`; copies; delay."""
        return self._post("webhook-policy", mode=mode, copies=copies, seconds=seconds)

    def deliveries(self) -> list[Json]:
        found: list[Json] = self._post("deliveries")["deliveries"]
        return found

    def release(self, deliveries: list[int] | None = None) -> Json:
        """Send these deliveries in this order; all that are held when none are named."""
        return self._post("release", deliveries=deliveries)
