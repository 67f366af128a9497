"""The one page that loads a foreign script: Stripe's, whose frames hold the card fields. Nobody else's comes in.

Sources as Stripe documents them for its security policy (docs.stripe.com/security/guide, read in 2026).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response

from shared.config import STRIPE_JS, settings
from shared.web.headers import extend

_SCRIPTS = ("https://js.stripe.com", "https://*.js.stripe.com")
_SOURCES = {
    "script-src": _SCRIPTS,
    "frame-src": (*_SCRIPTS, "https://hooks.stripe.com"),
    "connect-src": ("https://api.stripe.com",),
    "img-src": ("https://*.stripe.com",),
}
# Wallets ask the browser from inside Stripe's frames.
_FEATURES = {"payment": ("https://js.stripe.com",)}


def script() -> str:
    """Where the script is loaded from: Stripe itself, or the sandbox that stands in for it in demo and tests."""
    return settings().stripe_js_url


def admit(response: Response) -> Response:
    """Let this answer, and no other, load the card form."""
    if script() == STRIPE_JS:
        return extend(response, _SOURCES, _FEATURES)
    address = urlsplit(script())
    origin = f"{address.scheme}://{address.netloc}"
    sources = dict.fromkeys(("script-src", "frame-src", "connect-src", "img-src"), (origin,))
    return extend(response, sources, {"payment": (origin,)})
