"""Reaching GoCardless: the SDK's client, what its errors mean to us, and a check of what a key gave back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gocardless_pro
import requests
from gocardless_pro import errors

from shared.errors import ConfigurationError
from shared.rails.providers.gocardless_words import decline_of
from shared.rails.providers.protocols import Access, Busy, Rejected, Unclear
from shared.rails.snapshot import Decline

# The SDK asks up to three times; a command of several calls still ends before its claim does.
_TIMEOUT_SECONDS = 10
_BUSY_SECONDS = 15


def client_of(access: Access) -> Any:
    """The SDK's client. After a key was used before, it gives back what the key made: see `must_be_same`."""
    if not access.secret_key:
        raise ConfigurationError("This GoCardless account has no access token.")
    return gocardless_pro.Client(
        access_token=access.secret_key,
        environment="live" if access.mode == "live" else "sandbox",
        base_url=access.api_url,
        timeout=_TIMEOUT_SECONDS,
        raise_on_idempotency_conflict=False,
    )


@contextmanager
def asking() -> Iterator[None]:
    """Everything that can go wrong while GoCardless is asked and its answer read, in the core's words."""
    try:
        yield
    except (requests.RequestException, errors.MalformedResponseError) as error:
        raise Unclear(f"GoCardless did not answer: {error}") from error
    except errors.RateLimitError as error:
        raise Busy("GoCardless asks us to slow down.", _BUSY_SECONDS) from error
    except (errors.AuthenticationError, errors.PermissionsError) as error:
        raise ConfigurationError("GoCardless refuses the access token: %(error)s", error=error) from error
    except (errors.ValidationFailedError, errors.InvalidStateError, errors.InvalidApiUsageError) as error:
        raise Rejected(f"GoCardless refused it: {_said(error)}", _decline(error)) from error
    except errors.GoCardlessProError as error:  # its own failures, and types of errors we do not know
        raise Unclear(f"GoCardless failed: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unclear(f"GoCardless answered what cannot be read: {error!r}") from error


def must_be_same(sent: Mapping[str, Any], got: Mapping[str, Any]) -> None:
    """A key used before gives back what it made then, whatever was sent now: never take that for something else."""
    for name in sent.keys() & {"amount", "currency", "metadata"}:
        _same(name, sent[name], got.get(name))
    links = got.get("links") or {}
    for name, value in (sent.get("links") or {}).items():
        _same(name, value, links.get(name))
    for name in ("payment_request", "mandate_request"):
        if sent.get(name):
            must_be_same({n: v for n, v in sent[name].items() if n != "metadata"}, got.get(name) or {})


def _same(name: str, sent: Any, got: Any) -> None:
    if sent != got:
        raise Unclear(
            f"GoCardless has something else under the key of this command: {name} is {got}, not {sent}."
        )


def reasons(error: errors.ApiError) -> list[str]:
    """Which states or fields it is about, in GoCardless' words."""
    found = [each.get("reason") or each.get("field") for each in error.errors or () if isinstance(each, dict)]
    return [str(each) for each in found if each]


def _said(error: errors.ApiError) -> str:
    parts = [f"{each.get('field', '')} {each.get('message', '')}".strip() for each in error.errors or ()]
    said = "; ".join(part for part in parts if part) or str(error.message)
    named = ", ".join(reasons(error))
    return f"{said} ({named})" if named else said


def _decline(error: errors.ApiError) -> Decline:
    return decline_of(next(iter(reasons(error)), ""), otherwise="temporary")
