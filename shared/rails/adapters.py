"""Which adapter speaks to which provider. Imported only by who needs the network: the SDKs are slow to load."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from shared.errors import ConfigurationError
from shared.rails.providers.protocols import Access, ReadsWebhooks, TakesPayments

_PACKAGE = "shared.rails.providers"


def adapter_of(access: Access) -> TakesPayments:
    """The adapter of an account; it takes payments, and what else it can is asked with `isinstance`."""
    adapter: TakesPayments = _adapter(access)
    return adapter


@cache
def _adapter(access: Access) -> Any:
    if access.provider == "own_bank":
        raise ConfigurationError("The creditor's own bank takes files, not commands.")
    return import_module(f"{_PACKAGE}.{access.provider}").Adapter(access)


@cache
def webhooks_of(provider: str) -> ReadsWebhooks:
    """What reads a provider's webhooks; it needs no key and no network."""
    reader: ReadsWebhooks = import_module(f"{_PACKAGE}.{provider}_webhooks").Webhooks()
    return reader
