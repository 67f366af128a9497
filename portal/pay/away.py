"""The way to a provider's own page: an address the worker stored, looked at once more before anybody is sent there."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Response

from shared.config import settings


def provider_page(step: dict[str, Any] | None) -> str | None:
    """The address to go to next, if that is what the step says and it is one a browser may be sent to."""
    if step is None or step["kind"] != "redirect":
        return None
    url = str(step["data"].get("url") or "")
    address = urlsplit(url)
    safe = address.scheme == "https" and address.hostname
    return url if safe or f"{address.scheme}://{address.netloc}" in _sandboxes() else None


def leaving_for(page: Response, address: str) -> Response:
    """The page, which its browser leaves at once for the provider's.

    Not a redirect: a form of ours may lead only to us (`form-action`), and browsers hold what it redirects to to that.
    """
    page.headers["Refresh"] = f"0; url={address}"
    return page


def _sandboxes() -> set[str]:
    """Where the sandbox serves the providers' pages; none in production, which refuses these settings."""
    found = settings()
    addresses = (urlsplit(url) for url in (found.stripe_api_url, found.gocardless_api_url) if url)
    return {f"{address.scheme}://{address.netloc}" for address in addresses}
