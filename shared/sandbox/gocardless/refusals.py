"""How the API says no: four types, a code, and what exactly was wrong.

Shapes: https://developer.gocardless.com/api-reference/#errors-error-types
"""

from __future__ import annotations

from typing import Any

_DOCUMENTATION = "https://developer.gocardless.com/api-reference/"


class Refusal(Exception):
    """Rolls back what the request did and becomes its answer."""

    def __init__(self, code: int, kind: str, message: str, errors: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.code, self.kind, self.message, self.errors = code, kind, message, errors

    def body(self, request_id: str) -> dict[str, Any]:
        reason = self.errors[0].get("reason", self.kind) if self.errors else self.kind
        return {
            "error": {
                "message": self.message,
                "documentation_url": f"{_DOCUMENTATION}#{reason}",
                "type": self.kind,
                "request_id": request_id,
                "code": self.code,
                "errors": self.errors,
            }
        }


def invalid(field: str, message: str, pointer: str) -> Refusal:
    error = {"field": field, "message": message, "request_pointer": pointer}
    return Refusal(422, "validation_failed", "Validation failed", [error])


def wrong_state(reason: str, message: str, code: int = 422, **links: str) -> Refusal:
    error: dict[str, Any] = {"reason": reason, "message": message}
    if links:
        error["links"] = links
    return Refusal(code, "invalid_state", message, [error])


def misuse(code: int, reason: str, message: str) -> Refusal:
    return Refusal(code, "invalid_api_usage", message, [{"reason": reason, "message": message}])


def not_found() -> Refusal:
    return misuse(404, "resource_not_found", "Resource not found")


def broken() -> Refusal:
    message = "Uh-oh! Something's gone wrong on our end"
    return Refusal(500, "gocardless", message, [{"reason": "internal_error", "message": message}])
