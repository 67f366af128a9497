"""Accounts at providers: what they offer, how to reach them, and what proves their webhooks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.config import settings
from shared.creditors.models import Creditor
from shared.db import REFUSALS
from shared.errors import ConfigurationError, Conflict, NotFound
from shared.identity.secret import seal, unseal
from shared.ids import new_id
from shared.rails.models import ProviderAccount, Rail
from shared.rails.providers.protocols import Access
from shared.rails.rules import CLEARING, OFF_AT_FIRST, OFFERS
from shared.rails.snapshot import Method

REFUSALS["provider_account_active"] = Conflict("This creditor has an account with this provider already.")


@dataclass(frozen=True, slots=True)
class Keys:
    """What a provider gives one to work with it. None of it is ever shown again."""

    secret: str
    webhook_secret: str
    publishable: str | None = None


def add_account(
    session: Session,
    actor: Actor,
    creditor: Creditor,
    provider: str,
    *,
    mode: str,
    keys: Keys | None = None,
    methods: Iterable[Method] | None = None,
) -> ProviderAccount:
    """Connect a creditor with a provider. `methods` None: all that the provider has and that need no invitation."""
    actor.must(Permission.MANAGE_CREDITORS)
    if mode == "sandbox" and settings().production:
        raise ConfigurationError("The sandbox is for demo and tests: it cannot be used in production.")
    account_id = new_id()
    account = ProviderAccount(
        id=account_id,
        creditor_id=creditor.id,
        provider=provider,
        mode=mode,
        clearing_account=CLEARING[provider],
        events_until=clock.now(),
        created_at=clock.now(),
        publishable_key=keys.publishable if keys else None,
        credentials=seal(keys.secret, account_id) if keys else None,
        webhook_secret=seal(keys.webhook_secret, account_id) if keys else None,
    )
    session.add(account)
    session.flush()
    chosen = set(methods) if methods is not None else None
    for method in OFFERS[provider]:
        on = (provider, method) not in OFF_AT_FIRST if chosen is None else method in chosen
        session.add(Rail(account_id=account_id, method=method, enabled=on))
    session.flush()
    record(
        session, actor, "add_provider_account", "provider_account", account_id, provider=provider, mode=mode
    )
    return account


def switch_rail(
    session: Session,
    actor: Actor,
    account_id: UUID,
    method: Method,
    *,
    enabled: bool,
    countries: Iterable[str],
) -> None:
    """Offer a method or not, and to payers of which countries (none named: all)."""
    actor.must(Permission.MANAGE_CREDITORS)
    rail = session.get(Rail, (account_id, method.value))
    if rail is None:
        raise NotFound
    rail.enabled, rail.countries = enabled, sorted(set(countries))
    session.flush()
    record(session, actor, "switch_rail", "provider_account", account_id, method=method, enabled=enabled)


def change_webhook_secret(session: Session, actor: Actor, account_id: UUID, secret: str) -> None:
    """Take a new secret; the one before stays good until the next change, for what is on its way."""
    actor.must(Permission.MANAGE_CREDITORS)
    account = session.get(ProviderAccount, account_id)
    if account is None:
        raise NotFound
    account.previous_webhook_secret = account.webhook_secret
    account.webhook_secret = seal(secret, account_id)
    session.flush()
    record(session, actor, "change_webhook_secret", "provider_account", account_id)


def access(session: Session, account_id: UUID) -> Access:
    """How to reach an account; for the worker alone, the portal's role may not read the key."""
    row = session.execute(
        select(ProviderAccount.provider, ProviderAccount.mode, ProviderAccount.credentials).where(
            ProviderAccount.id == account_id
        )
    ).one()
    key = unseal(row.credentials, account_id) if row.credentials else ""
    return Access(account_id, row.provider, row.mode, key, _api_url(row.provider, row.mode))


def webhook_secrets(connection: psycopg.Connection[Any], provider: str, account_id: UUID) -> list[str]:
    """The current and the previous secret of an active account; not found for any other id."""
    row = connection.execute(
        "SELECT webhook_secret, previous_webhook_secret FROM provider_account"
        " WHERE id = %s AND provider = %s AND active",
        [account_id, provider],
    ).fetchone()
    if row is None:
        raise NotFound
    return [unseal(bytes(sealed), account_id) for sealed in row if sealed]


def _api_url(provider: str, mode: str) -> str | None:
    if mode != "sandbox" or provider == "own_bank":
        return None
    url = settings().stripe_api_url if provider == "stripe" else settings().gocardless_api_url
    if url is None:
        raise ConfigurationError(
            "The sandbox of %(provider)s is not running: start the demo.", provider=provider
        )
    return url


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as an administrator sees it: never a key. `rails`: (method, enabled, countries)."""

    id: UUID
    provider: str
    mode: str
    creditor: str
    clearing_account: str
    active: bool
    has_key: bool
    has_webhook_secret: bool
    last_event_at: datetime | None
    rails: list[tuple[str, bool, list[str]]]

    @property
    def webhook_url(self) -> str | None:
        """Where the provider is told to send its events; None: it sends none."""
        if self.provider == "own_bank":
            return None
        return f"{settings().portal_url}/webhooks/{self.provider}/{self.id}"


_ROWS = text("""
    SELECT a.id, a.provider, a.mode, c.code AS creditor, a.clearing_account, a.active,
           a.credentials IS NOT NULL AS has_key, a.webhook_secret IS NOT NULL AS has_webhook_secret,
           (SELECT received_at FROM provider_event e WHERE e.account_id = a.id ORDER BY e.id DESC LIMIT 1) AS last_event_at,
           (SELECT json_agg(json_build_array(r.method, r.enabled, r.countries) ORDER BY r.method)
            FROM rail r WHERE r.account_id = a.id) AS rails
    FROM provider_account a JOIN creditor c ON c.id = a.creditor_id
    WHERE CAST(:id AS uuid) IS NULL OR a.id = :id ORDER BY c.code, a.provider, a.created_at LIMIT 200""")


def account_rows(session: Session, actor: Actor, account_id: UUID | None = None) -> list[AccountRow]:
    """The accounts at providers, all or one."""
    actor.must(Permission.MANAGE_CREDITORS)
    return [
        AccountRow(**{**row._mapping, "rails": [tuple(each) for each in row.rails or ()]})
        for row in session.execute(_ROWS, {"id": account_id})
    ]
