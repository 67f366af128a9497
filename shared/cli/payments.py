"""Commands about providers and the life of a payment."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from shared import db
from shared.actor import SYSTEM
from shared.cli.output import AsJson, answer, opened, screen, table
from shared.creditors import actions as creditors
from shared.errors import DomainError
from shared.rails.accounts import Keys, account_rows
from shared.rails.accounts import add_account as add_provider_account
from shared.rails.states import TRANSITIONS

# From which variables the keys of each provider are read; never from arguments, which others may see.
_VARIABLES = {
    "stripe": ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_PUBLISHABLE_KEY"),
    "gocardless": ("GOCARDLESS_ACCESS_TOKEN", "GOCARDLESS_WEBHOOK_SECRET", None),
}
# What a key says of itself (the providers' documentation of keys).
_PREFIXES = {
    "stripe": {"sk_test_": "test", "rk_test_": "test", "sk_live_": "live", "rk_live_": "live"},
    "gocardless": {"sandbox_": "test", "live_": "live"},
}


def add_provider(
    provider: Annotated[str, typer.Argument(help="stripe, gocardless or own-bank")],
    creditor: Annotated[str, typer.Option(help="Code of the creditor whose account it is.")],
    mode: Annotated[str | None, typer.Option(help="test or live; told from the key.")] = None,
    as_json: AsJson = False,
) -> None:
    """Connect a creditor with a provider; keys come from the environment. Example: quittance provider add stripe --creditor VERNAISON"""
    name = provider.replace("-", "_")
    if name not in (*_VARIABLES, "own_bank"):
        raise typer.BadParameter("expected stripe, gocardless or own-bank")
    if mode not in (None, "test", "live"):
        raise typer.BadParameter("expected test or live", param_hint="--mode")
    with opened(as_json):
        keys, told = (None, None) if name == "own_bank" else _keys(name)
        if mode and told and mode != told:
            raise DomainError("The key is for %(told)s, not for %(mode)s.", told=told, mode=mode)
        with db.writing(SYSTEM) as session:
            owner = creditors.by_code(session, creditor)
            account = add_provider_account(
                session, SYSTEM, owner, name, mode=told or mode or "live", keys=keys
            )
            row = account_rows(session, SYSTEM, account.id)[0]
    told_back = {"id": str(row.id), "provider": provider, "mode": row.mode, "webhook_url": row.webhook_url}
    if as_json:
        answer(told_back)
    else:
        screen.print(f"{provider} of {row.creditor}, {row.mode}")
        if row.webhook_url:
            screen.print(f"Register this webhook: {row.webhook_url}", soft_wrap=True)


def list_providers(as_json: AsJson = False) -> None:
    """The accounts at providers, what they offer, and their webhooks. Never a key."""
    with opened(as_json), db.reading(SYSTEM) as session:
        rows = account_rows(session, SYSTEM)
    if as_json:
        found = [
            {
                "id": str(r.id),
                "provider": r.provider,
                "creditor": r.creditor,
                "mode": r.mode,
                "active": r.active,
                "webhook_url": r.webhook_url,
                "rails": [{"method": m, "enabled": on, "countries": where} for m, on, where in r.rails],
            }
            for r in rows
        ]
        answer(found)
        return
    table(
        "Providers",
        ["creditor", "provider", "mode", "methods", "webhook"],
        [
            (r.creditor, r.provider, r.mode, ", ".join(m for m, on, _ in r.rails if on), r.webhook_url or "")
            for r in rows
        ],
    )


def draw_states(
    form: Annotated[str, typer.Option("--format", help="mermaid, dot or table")] = "mermaid",
    as_json: AsJson = False,
) -> None:
    """Draw the life of a payment from the table the code obeys. Example: quittance draw-states --format dot"""
    edges = [(old.value, new.value, why) for (old, new), why in TRANSITIONS.items()]
    if as_json:
        answer([{"from": old, "to": new, "why": why} for old, new, why in edges])
    elif form == "table":
        table("Payments", ["from", "to", "why"], edges)
    elif form == "mermaid":
        lines = [f"    {old} --> {new}: {why.replace(':', ',')}" for old, new, why in edges]
        typer.echo("\n".join(["stateDiagram-v2", "    [*] --> created", *lines]))
    elif form == "dot":
        lines = [f'    {old} -> {new} [label="{why}"];' for old, new, why in edges]
        typer.echo("\n".join(["digraph payment {", *lines, "}"]))
    else:
        raise typer.BadParameter("expected mermaid, dot or table", param_hint="--format")


def _keys(provider: str) -> tuple[Keys, str]:
    """The keys in the environment, and the mode the key of the API is for."""
    secret_name, webhook_name, shown_name = _VARIABLES[provider]
    secret, webhook = _read(secret_name), _read(webhook_name)
    shown = _read(shown_name) if shown_name else None
    mode = _mode(provider, secret_name, secret)
    if shown and shown_name and not shown.startswith(f"pk_{mode}_"):
        raise DomainError(
            "%(variable)s does not begin with pk_%(mode)s_, as %(secret)s asks for.",
            variable=shown_name, mode=mode, secret=secret_name,
        )  # fmt: skip
    return Keys(secret, webhook, shown), mode


def _mode(provider: str, name: str, key: str) -> str:
    for prefix, mode in _PREFIXES[provider].items():
        if key.startswith(prefix):
            return mode
    raise DomainError(
        "%(variable)s is no key we know: it begins with none of %(prefixes)s.",
        variable=name, prefixes=", ".join(_PREFIXES[provider]),
    )  # fmt: skip


def _read(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise DomainError("%(variable)s is not set in the environment.", variable=name)
    return value
