"""Stripe's addresses, answered by the simulator: the page under test keeps its real script, frames and policy."""

from http.client import HTTPConnection
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Route

PATTERNS = ("https://js.stripe.com/**", "https://api.stripe.com/**", "https://hooks.stripe.com/**")
PASSED = ("content-type", "accept-language", "stripe-version", "authorization")
# What a page that embeds Stripe must allow, and nothing else.
POLICY = (
    "default-src 'self'; script-src 'self' https://js.stripe.com https://*.js.stripe.com; "
    "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com; "
    "connect-src 'self' https://api.stripe.com; object-src 'none'; base-uri 'none'"
)


def intercept(context: BrowserContext, simulator: str) -> None:
    """Send the context's requests to Stripe to the simulator at this address."""

    def answer(route: Route) -> None:
        asked = route.request
        parts = urlsplit(asked.url)
        headers = {name: asked.headers[name] for name in PASSED if name in asked.headers}
        connection = HTTPConnection(urlsplit(simulator).netloc, timeout=30)
        where = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(asked.method, where, asked.post_data_buffer, headers)
        told = connection.getresponse()
        route.fulfill(status=told.status, headers=dict(told.getheaders()), body=told.read())
        connection.close()

    for pattern in PATTERNS:
        context.route(pattern, answer)
