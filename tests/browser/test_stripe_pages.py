"""A page with Stripe's script and a strict policy, in a real browser: the card form, 3-D Secure, the hosted page."""

import re

import pytest
import stripe
from flask import Flask, Response
from playwright.sync_api import expect

from shared.sandbox.stripe.control_client import Control
from shared.sandbox.stripe.serving import serving
from tests.browser.axe import violations
from tests.browser.served import served
from tests.browser.stripe_routes import POLICY, intercept

pytestmark = pytest.mark.browser
stripe.enable_telemetry = False

PAGE = """<!doctype html><html lang="{lang}"><title>Pay</title><meta name="viewport" content="width=device-width">
<script src="{script}" defer></script><script src="/pay.js" defer></script>
<main data-secret="{secret}"><h1>Pay</h1><div id="element"></div><button id="pay">Pay now</button>
<p id="told" role="alert"></p></main></html>"""
SCRIPT = """
const main = document.querySelector("main"), secret = main.dataset.secret;
const stripe = Stripe("pk_test_abc", { locale: document.documentElement.lang });
const elements = stripe.elements({ clientSecret: secret, appearance: {}, locale: document.documentElement.lang });
const element = elements.create("payment", {});
element.on("ready", () => { main.dataset.ready = "yes"; });
element.mount("#element");
document.getElementById("pay").addEventListener("click", async () => {
  const confirm = secret.startsWith("seti_") ? stripe.confirmSetup : stripe.confirmPayment;
  const { error } = await confirm({ elements, confirmParams: { return_url: location.origin + "/back?invoice=1" } });
  document.getElementById("told").textContent = error.message;
});
"""
BACK = """
const query = new URLSearchParams(location.search);
const stripe = Stripe("pk_test_abc");
const secret = query.get("payment_intent_client_secret");
(secret ? stripe.retrievePaymentIntent(secret) : stripe.retrieveSetupIntent(query.get("setup_intent_client_secret")))
  .then((read) => { document.getElementById("told").textContent = (read.paymentIntent || read.setupIntent).status; });
"""


def merchant(script, policy=POLICY):
    app = Flask("merchant")

    def answer(body, kind="text/html"):
        return Response(body, mimetype=kind, headers={"Content-Security-Policy": policy})

    @app.get("/pay/<lang>/<secret>")
    def pay(lang, secret):
        return answer(PAGE.format(lang=lang, secret=secret, script=script))

    @app.get("/back")
    def back():
        page = PAGE.format(lang="en", secret="", script=script)
        return answer(page.replace("/pay.js", "/back.js"))

    app.add_url_rule("/pay.js", "script", lambda: answer(SCRIPT, "text/javascript"))
    app.add_url_rule("/back.js", "back_script", lambda: answer(BACK, "text/javascript"))
    app.add_url_rule("/favicon.ico", "icon", lambda: answer("", "image/x-icon"))
    return app


@pytest.fixture(scope="module")
def simulator():
    with serving() as url:
        yield url


@pytest.fixture(scope="module")
def shop():
    with served(merchant("https://js.stripe.com/endive/stripe.js")) as url:
        yield url


@pytest.fixture
def v1(simulator):
    return stripe.StripeClient("sk_test_abc", base_addresses={"api": simulator}, max_network_retries=2).v1


@pytest.fixture
def page(browser, simulator):
    """A phone's page whose requests to Stripe reach the simulator; nothing may complain."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    intercept(context, simulator)
    page, complaints = context.new_page(), []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    yield page
    context.unroute_all(behavior="wait")
    context.close()
    # A declined card is a 402, which browsers log.
    assert not [text for text in complaints if "402" not in text]


def intent(v1, *types, **more):
    allowed = {"allowed_payment_method_types": list(types or ["card"])}
    return v1.payment_intents.create({"amount": 1_234, "currency": "eur", **allowed, **more})


def fill(page, number, labels=("Card number", "Expiry date", "Security code")):
    frame = page.frame_locator("iframe")
    for label, value in zip(labels, (number, "12 / 34", "123"), strict=True):
        frame.get_by_label(label).fill(value)


def test_a_card_is_paid_within_the_policy(page, shop, v1):
    made = intent(v1)
    page.goto(f"{shop}/pay/en/{made.client_secret}")
    fill(page, "4242 4242 4242 4242")
    page.get_by_role("button", name="Pay now").click()
    page.wait_for_url(re.compile(r"/back\?invoice=1&payment_intent=pi_.*&redirect_status=succeeded"))
    expect(page.locator("#told")).to_have_text("succeeded")
    assert v1.payment_intents.retrieve(made.id).status == "succeeded"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_forms_fields_are_accessible(page, simulator, language):
    page.goto(f"{simulator}/element?locale={language}")
    assert page.locator("html").get_attribute("lang") == language
    assert violations(page) == []


@pytest.mark.parametrize(
    ("answer", "status"), [("Réussir", "succeeded"), ("Échouer", "requires_payment_method")]
)
def test_3d_secure_in_french_by_keyboard(page, shop, v1, answer, status):
    made = intent(v1)
    page.set_extra_http_headers({"Accept-Language": "fr"})
    page.goto(f"{shop}/pay/fr/{made.client_secret}")
    expect(page.locator("[data-ready]")).to_have_count(1)
    page.frame_locator("iframe").get_by_label("Numéro de carte").focus()
    for value in ("4000002760003184", "1234", "123"):
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pay now")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/3ds/**")
    assert violations(page) == []
    expect(page.get_by_text("12,34")).to_be_visible()
    page.get_by_role("button", name=answer).press("Enter")
    page.wait_for_url(re.compile("/back"))
    expect(page.locator("#told")).to_have_text(status)


def test_a_decline_and_an_empty_form_are_said_where_they_happen(page, shop, v1):
    made = intent(v1)
    page.goto(f"{shop}/pay/en/{made.client_secret}")
    expect(page.locator("[data-ready]")).to_have_count(1)
    page.get_by_role("button", name="Pay now").click()
    expect(page.locator("#told")).to_have_text("Fill in every field.")
    fill(page, "4000 0000 0000 9995")
    page.get_by_role("button", name="Pay now").click()
    expect(page.locator("#told")).to_have_text("Your card has insufficient funds.")
    expect(page.frame_locator("iframe").get_by_role("alert")).to_have_text(
        "Your card has insufficient funds."
    )
    fill(page, "4242424242424242")
    page.get_by_role("button", name="Pay now").click()
    page.wait_for_url(re.compile("/back"))


def test_a_debit_is_chosen_and_signed(page, shop, v1):
    made = intent(v1, "card", "sepa_debit")
    page.goto(f"{shop}/pay/en/{made.client_secret}")
    frame = page.frame_locator("iframe")
    frame.get_by_label("Payment method").select_option("sepa_debit")
    frame.get_by_label("Name").fill("Dupont")
    frame.get_by_label("Email").fill("compta@dupont.example")
    frame.get_by_label("IBAN").fill("FR14 2004 1010 0505 0001 3M02 606")
    page.get_by_role("button", name="Pay now").click()
    page.wait_for_url(re.compile("/back"))
    expect(page.locator("#told")).to_have_text("processing")


def test_a_card_is_kept(page, shop, v1):
    kept = v1.setup_intents.create({"allowed_payment_method_types": ["card"]})
    page.goto(f"{shop}/pay/en/{kept.client_secret}")
    fill(page, "4242424242424242")
    page.get_by_role("button", name="Pay now").click()
    page.wait_for_url(re.compile(r"setup_intent=seti_"))
    expect(page.locator("#told")).to_have_text("succeeded")


def test_the_script_works_from_the_simulator_itself(page, simulator, v1):
    made = intent(v1)
    policy = POLICY.replace("https://js.stripe.com", simulator).replace("https://api.stripe.com", simulator)
    with served(merchant(f"{simulator}/js/stripe.js", policy)) as shop:
        page.goto(f"{shop}/pay/en/{made.client_secret}")
        fill(page, "4242424242424242")
        page.get_by_role("button", name="Pay now").click()
        page.wait_for_url(re.compile("/back"))
        expect(page.locator("#told")).to_have_text("succeeded")


def test_the_hosted_page(page, simulator, shop, v1):
    line = {"currency": "eur", "unit_amount": 2_500, "product_data": {"name": "FA-1"}}
    session = v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price_data": line, "quantity": 1}],
            "success_url": f"{shop}/favicon.ico?done={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{shop}/favicon.ico?cancelled",
            "allowed_payment_method_types": ["card", "sepa_debit"],
        }
    )
    page.goto(session.url)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_label("Card number").fill("4000002760003184")
    page.get_by_role("button", name="Pay").click()
    page.get_by_role("button", name="Fail").click()
    page.wait_for_url(re.compile(f"{session.id}\\?failed"))
    page.get_by_label("Card number").fill("4242424242424242")
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url(re.compile("done=cs_test_"))
    assert v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert Control(simulator).payout()["amount"] > 0
