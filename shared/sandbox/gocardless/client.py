"""`Control`: the control API in Python, for tests and the demo."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from shared.sandbox.gocardless.store import Thing


class Control:
    """Speaks to a served simulator; what it refuses is a ValueError."""

    def __init__(self, address: str) -> None:
        self._place = urlsplit(address).netloc

    def receiver(self, url: str, secret: str) -> None:
        """Send webhooks there, signed with `secret`."""
        self.settings(webhook_url=url, webhook_secret=secret)

    def settings(self, **values: Any) -> None:
        """Change any of `store.Settings`."""
        self._post("settings", **values)

    def fault(self, kind: str, *, times: int = 1, method: str = "POST", path: str = "/") -> None:
        """Plan bad luck for the next `times` requests: see `wire.KINDS`."""
        self._post("faults", kind=kind, times=times, method=method, path=path)

    def clear_faults(self) -> None:
        self._ask("DELETE", "faults", {})

    def step(self, resource: str, action: str, reason_code: str | None = None) -> Thing:
        """One step of a payment's, mandate's, refund's or payout's life; the reason is a SEPA code."""
        return self._post("steps", resource=resource, action=action, reason_code=reason_code)  # type: ignore[no-any-return]

    def confirm(self, payment: str) -> Thing:
        self.step(payment, "submitted")
        return self.step(payment, "confirmed")

    def pay_out(self, currency: str = "EUR", *, paid: bool = True) -> Thing:
        """Gather all that is due into one payout now."""
        return self._post("payouts", currency=currency, paid=paid)  # type: ignore[no-any-return]

    def advance(self, **by: float) -> None:
        """Let time pass: `days=5`, `minutes=2`. What was planned in between happens, webhooks leave."""
        self._post("advance", **by)

    def settle(self) -> None:
        """Return when nothing is due any more: every event told, or its next attempt in the future."""
        self._post("settle")

    def hold(self) -> None:
        """Keep events from now on, until released."""
        self.settings(webhooks="held")

    def unsent(self) -> list[Thing]:
        return self._ask("GET", "events/unsent", {})  # type: ignore[no-any-return]

    def release(
        self, events: list[str] | None = None, *, order: str = "created", times: int = 1
    ) -> list[str]:
        """Send these events (also again) in this order, or all held ones; the ids of the webhooks."""
        chosen = {"events": events} if events is not None else {"order": order}
        return self._post("events/release", times=times, **chosen)  # type: ignore[no-any-return]

    def drop(self, events: list[str] | None = None) -> list[str]:
        """Never send these, or any that is held; the list of events still tells of them."""
        return self._post("events/drop", **({"events": events} if events is not None else {}))  # type: ignore[no-any-return]

    def _post(self, path: str, /, **body: Any) -> Any:
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> Any:
        connection = HTTPConnection(self._place, timeout=60)
        try:
            sent = json.dumps(body) if method != "GET" else None
            connection.request(method, f"/_control/{path}", sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 400:
            raise ValueError(told["error"]["message"])
        return told
