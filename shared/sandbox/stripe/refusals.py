"""What Stripe answers when it says no, in Stripe's own words and codes."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """An error answer. `started` is false when nothing was tried yet: an idempotency key is then not used up."""

    def __init__(
        self,
        message: str,
        code: str | None = None,
        param: str | None = None,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        started: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.started = started
        told = {"type": kind, "code": code, "param": param, "message": message, **more}
        self.error = {name: value for name, value in told.items() if value is not None}

    @property
    def body(self) -> Json:
        return {"error": self.error}


class Declined(Refused):
    """A card said no. What happened meanwhile (a failed charge, its events) stays."""

    def __init__(self, error: Json, **about: Any) -> None:
        message, code = error["message"], error["code"]
        told = {name: value for name, value in error.items() if name not in ("message", "code", "type")}
        super().__init__(message, code, status=402, kind="card_error", started=True, **told, **about)


def missing_resource(kind: str, wanted: str, param: str = "id") -> Refused:
    return Refused(f"No such {kind}: '{wanted}'", "resource_missing", param, status=404)


def missing_parameter(name: str) -> Refused:
    return Refused(f"Missing required param: {name}.", "parameter_missing", name)


def wrong_parameter(name: str, message: str) -> Refused:
    return Refused(message, "parameter_invalid", name)


def wrong_state(thing: Json, verb: str) -> Refused:
    """A PaymentIntent or SetupIntent for which it is too late, or too early."""
    kind = thing["object"]
    about: dict[str, Any] = {kind: {name: each for name, each in thing.items() if name[0] != "_"}}
    name = "PaymentIntent" if kind == "payment_intent" else "SetupIntent"
    return Refused(
        f"You cannot {verb} this {name} because it has a status of {thing['status']}.",
        f"{kind}_unexpected_state",
        started=True,
        **about,
    )
