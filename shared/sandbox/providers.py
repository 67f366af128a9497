"""The sandboxes of the payment providers, told where the accounts of this installation want their webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sqlalchemy import text

from shared.actor import SYSTEM
from shared.config import settings
from shared.db import driver, reading
from shared.rails.accounts import webhook_secrets
from shared.sandbox.gocardless import app as gocardless
from shared.sandbox.gocardless.client import Control as GoCardlessControl
from shared.sandbox.gocardless.store import Store
from shared.sandbox.stripe import serving as stripe


@dataclass(frozen=True, slots=True)
class Addresses:
    stripe: str
    gocardless: str


@contextmanager
def serving_providers(stripe_port: int, gocardless_port: int) -> Iterator[Addresses]:
    """Serve both while the block runs; what happened there is kept beside the database."""
    with ExitStack() as stack:
        folder = settings().data
        folder.mkdir(parents=True, exist_ok=True)
        at_stripe = stack.enter_context(
            stripe.serving(folder / "stripe.sqlite", stripe_port, _webhook("stripe"), retry_seconds=1.0)
        )
        store = Store(folder / "gocardless.sqlite")
        stack.callback(store.close)
        at_gocardless = stack.enter_context(gocardless.serving(store, gocardless_port))
        if webhook := _webhook("gocardless"):
            GoCardlessControl(at_gocardless).receiver(*webhook)
        yield Addresses(at_stripe, at_gocardless)


def _webhook(provider: str) -> tuple[str, str] | None:
    """Where the one sandbox account of a provider hears of events, and the secret that proves them."""
    with reading(SYSTEM) as session:
        account_id = session.scalar(
            text(
                "SELECT id FROM provider_account WHERE provider = :provider AND mode = 'sandbox' AND active"
                " ORDER BY created_at LIMIT 1"
            ),
            {"provider": provider},
        )
        if account_id is None:
            return None
        secret = webhook_secrets(driver(session), provider, account_id)[0]
    return f"{settings().portal_url}/webhooks/{provider}/{account_id}", secret
