"""Settings from the environment, read once, checked at start."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.errors import ConfigurationError

# The release train of the API version our Stripe SDK is pinned to. Only ever loaded from Stripe itself.
STRIPE_JS = "https://js.stripe.com/endive/stripe.js"
ENVIRONMENTS = ("demo", "test", "production")


@dataclass(frozen=True, slots=True)
class Settings:
    environment: str
    data: Path
    database_url: str | None
    portal_database_url: str | None
    backoffice_database_url: str | None
    smtp_url: str
    mail_from: str
    portal_url: str
    backoffice_url: str
    secret: str
    trusted_proxies: int
    stripe_api_url: str | None
    stripe_js_url: str
    gocardless_api_url: str | None

    @property
    def production(self) -> bool:
        return self.environment == "production"


@cache
def settings() -> Settings:
    """The process's settings; a setting that would be unsafe in production is refused here."""
    read = os.environ.get
    environment = read("QUITTANCE_ENV", "demo")
    if environment not in ENVIRONMENTS:
        raise ConfigurationError(
            "QUITTANCE_ENV is “%(value)s”; expected one of demo, test, production.", value=environment
        )
    data = Path(read("QUITTANCE_DATA", "var")).absolute()
    found = Settings(
        environment=environment,
        data=data,
        database_url=read("DATABASE_URL") or None,
        portal_database_url=read("DATABASE_URL_PORTAL") or None,
        backoffice_database_url=read("DATABASE_URL_BACKOFFICE") or None,
        smtp_url=read("SMTP_URL", "smtp://127.0.0.1:2525"),
        mail_from=read("QUITTANCE_MAIL_FROM", "Quittance <no-reply@quittance.example>"),
        portal_url=read("PORTAL_URL", "http://127.0.0.1:8000").rstrip("/"),
        backoffice_url=read("BACKOFFICE_URL", "http://127.0.0.1:8001").rstrip("/"),
        trusted_proxies=_count(
            read("QUITTANCE_TRUSTED_PROXIES", "1" if environment == "production" else "0")
        ),
        stripe_api_url=read("STRIPE_API_URL") or None,
        stripe_js_url=read("STRIPE_JS_URL") or STRIPE_JS,
        gocardless_api_url=read("GOCARDLESS_API_URL") or None,
        secret=read("QUITTANCE_SECRET") or (_kept_secret(data) if environment != "production" else ""),
    )
    if found.production:
        _refuse_unsafe(found)
    return found


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ConfigurationError(
            "QUITTANCE_TRUSTED_PROXIES is “%(value)s”; expected a number such as 1.", value=text[:20]
        )
    return int(text)


def _refuse_unsafe(found: Settings) -> None:
    if not (found.database_url or found.portal_database_url or found.backoffice_database_url):
        raise ConfigurationError(
            "Production needs DATABASE_URL: the embedded database is for the demo and tests."
        )
    if len(found.secret) < 32:
        raise ConfigurationError(
            "Production needs QUITTANCE_SECRET: at least 32 random characters, the same for all processes."
        )
    if found.stripe_api_url or found.gocardless_api_url or found.stripe_js_url != STRIPE_JS:
        raise ConfigurationError("Addresses of a sandbox are refused in production.")
    if os.environ.get("QUITTANCE_NOW"):
        raise ConfigurationError("QUITTANCE_NOW moves the clock and is refused in production.")
    for name, url in (("PORTAL_URL", found.portal_url), ("BACKOFFICE_URL", found.backoffice_url)):
        if not url.startswith("https://"):
            raise ConfigurationError("%(name)s must start with https:// in production.", name=name)


def _kept_secret(data: Path) -> str:
    """One secret per installation, so that a restarted demo keeps its logins."""
    path = data / "secret"
    try:
        return path.read_text()
    except FileNotFoundError:
        data.mkdir(parents=True, exist_ok=True)
        made = secrets.token_urlsafe(48)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process of this installation was faster
            return path.read_text()
        with os.fdopen(descriptor, "w") as file:
            file.write(made)
        return made
