"""The page with the card form: which scripts come in, from where, and what no other page allows."""

import re
from dataclasses import replace

import pytest

from portal.pay import away, card_form
from shared.config import settings
from shared.rails.snapshot import Phase
from shared.web.headers import CONTENT_SECURITY_POLICY
from tests.make.attempts import received, told
from tests.make.rails import an_account
from tests.portal.test_rails_pay import FORM, chosen, payment_of, start

POLICY = {
    "default-src": {"'none'"},
    "script-src": {"'self'", "https://js.stripe.com", "https://*.js.stripe.com"},
    "frame-src": {"https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"},
    "connect-src": {"'self'", "https://api.stripe.com"},
    "img-src": {"'self'", "data:", "https://*.stripe.com"},
    "style-src": {"'self'"},
    "font-src": {"'self'"},
    "form-action": {"'self'"},
    "frame-ancestors": {"'none'"},
    "base-uri": {"'none'"},
}


@pytest.fixture
def pay(account, client):
    """Starts a payment and gives the address of its page."""
    stripe = an_account(account.books)

    def begun(method="card"):
        return payment_of(start(client, stripe, chosen(account, "late"), method=method))

    return begun


def policy(answer):
    parts = (part.split() for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: set(sources) for name, *sources in parts}


def scripts(answer):
    return re.findall(r"<script[^>]*>", answer.text)


def test_the_card_page_loads_our_scripts_and_stripes_and_nothing_else(client, pay):
    payment_id = pay()
    told(payment_id, Phase.AWAITING_PAYER, step=FORM)
    page = client.get(f"/pay/payments/{payment_id}")
    assert policy(page) == POLICY
    inventory = [re.search(r'src="([^"]+)"', tag)[1] for tag in scripts(page)]
    ours = [re.sub(r"/assets/\w+/", "", source) for source in inventory]
    assert ours == ["htmx.js", "app.js", "https://js.stripe.com/endive/stripe.js", "card.js"]
    assert all("defer" in tag for tag in scripts(page)), "nothing waits for a script"
    assert 'payment=(self "https://js.stripe.com")' in page.headers["Permissions-Policy"]
    for feature in ("camera", "geolocation", "microphone", "usb"):
        assert f"{feature}=()" in page.headers["Permissions-Policy"]
    assert page.headers["Cache-Control"] == "no-store", "the secret in it is kept nowhere"
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_no_other_page_allows_anything_foreign(account, client, pay):
    payment_id = pay("card_page")
    told(payment_id, Phase.AWAITING_PAYER)
    over = client.get(f"/pay/payments/{payment_id}")
    received(payment_id)
    for page in (
        over,
        client.get(f"/pay/payments/{payment_id}"),
        client.get("/"),
        client.get("/pay/how?how=all"),
        client.get("/pay/on-file"),
    ):
        assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert "payment=()" in page.headers["Permissions-Policy"]
        assert "stripe.com" not in page.text


def test_once_over_the_card_page_is_as_strict_as_all(client, pay):
    payment_id = pay()
    received(payment_id)
    page = client.get(f"/pay/payments/{payment_id}")
    assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY and len(scripts(page)) == 2


def test_the_sandbox_takes_stripes_place_and_only_the_sandbox(client, pay, monkeypatch):
    sandbox = replace(settings(), stripe_js_url="http://127.0.0.1:4242/js/stripe.js")
    monkeypatch.setattr(card_form, "settings", lambda: sandbox)
    page = client.get(f"/pay/payments/{pay()}")
    told_to = policy(page)
    assert told_to["script-src"] == {"'self'", "http://127.0.0.1:4242"}
    assert told_to["frame-src"] == {"http://127.0.0.1:4242"}
    assert "stripe.com" not in page.headers["Content-Security-Policy"]
    assert "http://127.0.0.1:4242/js/stripe.js" in page.text


def test_pages_of_the_sandbox_may_be_opened_where_there_is_one(monkeypatch):
    step = {"kind": "redirect", "data": {"url": "http://127.0.0.1:4243/flow/1"}}
    assert away.provider_page(step) is None
    sandbox = replace(settings(), gocardless_api_url="http://127.0.0.1:4243/")
    monkeypatch.setattr(away, "settings", lambda: sandbox)
    assert away.provider_page(step) == "http://127.0.0.1:4243/flow/1"
    step["data"]["url"] = "http://127.0.0.1:42430/flow/1"
    assert away.provider_page(step) is None


def test_the_pages_of_the_pay_flow_are_light(account, client, pay):
    """What a first visit transfers: the page, its style and its scripts. Fonts are shown late, and kept for a year."""
    payment_id = pay()
    told(payment_id, Phase.AWAITING_PAYER, step=FORM)
    for path in ("/pay", "/pay/check?how=all", "/pay/how?how=all", f"/pay/payments/{payment_id}"):
        page = client.get(path)
        files = set(re.findall(r'"(/assets/[^"]+\.(?:css|js|svg))"', page.text))
        assert len(files) >= 4
        packed = sum(len(client.get(f, headers={"Accept-Encoding": "gzip"}).data) for f in files)
        assert packed + len(page.data) <= 90_000, (path, packed, len(page.data))
