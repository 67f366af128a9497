"""The demo's ways to pay: accounts in the sandboxes, or with test keys from the environment the providers' own test
worlds; and one card payment, made as a browser would make it."""

from __future__ import annotations

import os
import time
import urllib.request
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import actor as actors
from shared import clock
from shared.actor import SYSTEM
from shared.config import settings
from shared.creditors.models import BankAccount, Creditor
from shared.db import reading, writing
from shared.demo import company
from shared.errors import DomainError
from shared.mandates.pain008 import Address
from shared.mandates.setup import Collecting, set_up
from shared.payments.queries import payables
from shared.payments.rules import Choice
from shared.rails import starting
from shared.rails.accounts import Keys, add_account
from shared.rails.models import Payment, ProviderAccount
from shared.rails.snapshot import Method
from shared.sandbox.gocardless.app import ACCESS_TOKEN
from shared.sandbox.stripe.accepted import VERSION

_ICS = "FR72ZZZ123456"
_PATIENCE_SECONDS = 30
# What the environment may hold: with test keys the same demo pays in the providers' own test worlds.
_STRIPE = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_PUBLISHABLE_KEY")
_GOCARDLESS = ("GOCARDLESS_ACCESS_TOKEN", "GOCARDLESS_WEBHOOK_SECRET")


def connect(session: Session) -> None:
    """Give the first entity accounts with the providers, and let both collect through their own bank."""
    for entity in company.ENTITIES:
        creditor = session.scalars(select(Creditor).where(Creditor.code == entity.code)).one()
        iban = session.scalars(
            select(BankAccount.iban).where(BankAccount.creditor_id == creditor.id, BankAccount.receives)
        ).one()
        address = Address(country="FR", town="Lyon", postcode="69003", lines=("12 quai des Tanneurs",))
        set_up(session, SYSTEM, creditor, Collecting(_ICS, iban, address, b2b=True))
        add_account(session, SYSTEM, creditor, "own_bank", mode="test")
    first = session.scalars(select(Creditor).where(Creditor.code == company.ENTITIES[0].code)).one()
    stripe, gocardless = keys_of("stripe"), keys_of("gocardless")
    add_account(
        session, SYSTEM, first, "stripe", mode="test" if stripe else "sandbox",
        keys=stripe or Keys("sk_test_quittance", _made_up(), "pk_test_quittance"),
    )  # fmt: skip
    add_account(
        session, SYSTEM, first, "gocardless", mode="test" if gocardless else "sandbox",
        keys=gocardless or Keys(ACCESS_TOKEN, _made_up()),
    )  # fmt: skip


def keys_of(provider: str) -> Keys | None:
    """Test keys from the environment; live ones are refused: a demo moves no money."""
    secret, webhook, *public = (os.environ.get(n) for n in (_STRIPE if provider == "stripe" else _GOCARDLESS))
    if not secret or not webhook:
        return None
    if "live" in secret.split("_"):
        raise DomainError("The demo takes test keys only: %(provider)s gave a live one.", provider=provider)
    return Keys(secret, webhook, public[0] if public else None)


def pay_by_card(person: actors.Actor, stripe_url: str) -> tuple[str, int] | None:
    """Pay one invoice by card, in the sandbox: gives its number and amount, or None where there is no sandbox.

    The worker must be running: it speaks to the provider, as always.
    """
    with reading(SYSTEM) as session:
        account = session.execute(
            select(ProviderAccount.id, ProviderAccount.creditor_id, ProviderAccount.publishable_key).where(
                ProviderAccount.provider == "stripe", ProviderAccount.mode == "sandbox"
            )
        ).first()
    if account is None:
        return None
    with writing(person) as session:
        chosen = next(
            p for p in payables(session, person)
            if p.free_minor > 0 and p.payee and p.payee.is_own and p.creditor_id == account.creditor_id
        )  # fmt: skip
        terms = starting.Terms(account.id, Method.CARD, "fr", save=True)
        payment_id = starting.pay(session, person, [Choice(chosen.item_id)], terms)
    step = _step_when(payment_id, "awaiting_payer")
    _confirm(stripe_url, account.publishable_key or "", step["data"]["client_secret"])
    with writing(person) as session:
        starting.look(session, person, payment_id)
    _step_when(payment_id, "received")
    return chosen.number, chosen.free_minor


def _confirm(stripe_url: str, key: str, client_secret: str) -> None:
    """What the card form in the browser sends, for the test card that is never declined."""
    intent = client_secret.split("_secret_")[0]
    told = {
        "key": key,
        "client_secret": client_secret,
        "_stripe_version": VERSION,
        "return_url": settings().portal_url,
        "payment_method_data[type]": "card",
        "payment_method_data[card][number]": "4242424242424242",
        "payment_method_data[card][exp_month]": "12",
        "payment_method_data[card][exp_year]": str(clock.today().year + 3),
        "payment_method_data[card][cvc]": "123",
    }
    url = f"{stripe_url}/v1/payment_intents/{intent}/confirm"
    with urllib.request.urlopen(url, urlencode(told).encode(), timeout=10):  # noqa: S310 - our own sandbox
        pass


def _step_when(payment_id: UUID, status: str) -> dict[str, Any]:
    """Wait for the worker to bring the payment to a status; gives what its payer does next."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        with reading(SYSTEM) as session:
            found = session.execute(
                select(Payment.status, Payment.step).where(Payment.id == payment_id)
            ).one()
        if found.status == status:
            return found.step or {}
        time.sleep(0.1)
    raise DomainError("The sandbox did not answer in time: payment %(id)s.", id=payment_id)


def _made_up() -> str:
    return f"whsec_{os.urandom(24).hex()}"
