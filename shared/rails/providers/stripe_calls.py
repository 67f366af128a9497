"""How Stripe is called: the client, the one place that reads its refusals, and its objects as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stripe
import structlog

from shared.errors import ConfigurationError
from shared.rails.providers.protocols import Access, Busy, Rejected, Unclear
from shared.rails.providers.stripe_declines import decline_of
from shared.rails.providers.stripe_money import Inexact
from shared.rails.snapshot import Decline

log = structlog.get_logger("rails.stripe")

# Said with every request, so that a new SDK changes nothing until we decide so.
API_VERSION = "2026-10-28.endive"
_RETRIES = 2
# To connect, and to be answered. Three tries of the longest stay within the claim of a command.
_TIMEOUT = (5.0, 30.0)

# The SDK would write an id below the home folder and send how long our requests took.
stripe.enable_telemetry = False

Json = dict[str, Any]


def client_of(access: Access) -> stripe.StripeClient:
    """A client for one account."""
    addresses: Any = {"api": access.api_url} if access.api_url else {}
    return stripe.StripeClient(
        access.secret_key,
        stripe_version=API_VERSION,
        max_network_retries=_RETRIES,
        base_addresses=addresses,
        http_client=stripe.RequestsClient(timeout=_TIMEOUT),
    )


def plain(thing: stripe.StripeObject) -> Json:
    """An answer as nested plain values, so that translating it needs no SDK."""
    return thing.to_dict(for_json=True)


def keyed(key: str, part: str = "") -> Any:
    """Options of a command: the same key, the same effect. `part` names a secondary object of one command."""
    return {"idempotency_key": f"{key}-{part}" if part else key}


@contextmanager
def asking() -> Iterator[None]:
    """Ask Stripe; every failure leaves as one of the three answers that the core knows, or as a wrong setting."""
    try:
        yield
    except stripe.RateLimitError as error:
        raise Busy(str(error), _seconds(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ConfigurationError(
            "Stripe refuses the key of this account: %(error)s", error=error.user_message or error.code or ""
        ) from error
    except (stripe.CardError, stripe.InvalidRequestError, stripe.IdempotencyError) as error:
        if code_of(error) in _IN_PROGRESS:
            raise Unclear(str(error)) from error
        if isinstance(error, stripe.IdempotencyError):
            log.error("idempotency_key_reused", error=str(error), request=error.request_id)
        raise Rejected(str(error), decline_of(body_of(error))) from error
    except Inexact as error:
        raise Rejected(str(error), Decline("amount", "inexact")) from error
    except stripe.StripeError as error:  # no connection, no answer, 5xx, the same key in progress elsewhere
        raise Unclear(str(error)) from error


_IN_PROGRESS = ("idempotency_key_in_use", "lock_timeout")


def code_of(error: stripe.StripeError) -> str:
    """The code of a refusal. The SDK leaves `code` empty for some classes; the body has it."""
    return str(body_of(error).get("code") or error.code or "")


def body_of(error: stripe.StripeError) -> Json:
    body = error.json_body
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def _seconds(error: stripe.StripeError) -> int:
    told = (error.headers or {}).get("retry-after", "")
    return min(int(told), 600) if told.isdecimal() else 5
