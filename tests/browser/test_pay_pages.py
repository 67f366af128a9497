"""The pages of paying as pages: what they weigh, that nothing jumps, that everybody can use them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.axe import violations
from tests.browser.keyboard import Keyboard
from tests.browser.stripe_routes import intercept
from tests.browser.test_pay_journeys import arrives, choose_way, start
from tests.browser.town import Town, a_town
from tests.browser.weight import moved, transferred, watch
from tests.conftest import empty

pytestmark = pytest.mark.browser

MOST_BYTES = 150_000
# Below this nobody sees it; 0.1 is what is called good (web.dev/articles/cls).
STILL = 0.02


@pytest.fixture(scope="module")
def town(database_url) -> Iterator[Town]:
    empty(database_url)
    with pytest.MonkeyPatch.context() as patch, a_town(patch) as found:
        yield found


@pytest.fixture
def enter(town, open_page):
    def entered(width, language, scheme="light"):
        path, invoice = town.debtor()
        page = open_page(
            f"{town.portal}{path}?lang={language}", width, scheme=scheme, reduced_motion="reduce"
        )
        intercept(page.context, town.stripe_url)
        watch(page)
        page.locator("main form button").click()
        page.wait_for_url(town.portal + "/")
        return page, invoice

    return entered


def overflow(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_a_first_visit_is_light(town, enter):
    page, invoice = enter(390, "fr")
    base = town.portal
    start(page, Keyboard(page), town.at_stripe, "card")
    page.locator("[data-card-confirm]:enabled").wait_for()
    paying = page.url
    check = f"{base}/pay/check?how=these&item={invoice}"
    pages = ["/", "/pay", "/pay/on-file", "/mandates", "/mandates/sign?scheme=core", "/plans/new"]
    for address in (*(base + path for path in pages), check, check.replace("/check", "/how"), paying):
        found = transferred(page, address)
        assert sum(found.values()) <= MOST_BYTES, (address, found)


@pytest.mark.parametrize(("width", "scheme", "language"), [(320, "light", "fr"), (390, "dark", "en")])
def test_everybody_can_use_each_page_and_nothing_jumps(town, enter, width, scheme, language):
    page, _ = enter(width, language, scheme)
    keys = Keyboard(page)

    def look(name):
        assert overflow(page) <= 0, name
        assert violations(page) == [], name
        assert moved(page) <= STILL, (name, page.evaluate("window.moved"))

    for path in (
        "pay",
        "pay/on-file",
        "mandates",
        "mandates/sign?scheme=core",
        "plans",
        "plans/new",
    ):
        page.goto(f"{town.portal}/{path}")
        look(path.replace("/", "-"))
    start(page, keys, town.at_stripe, "virtual_iban")
    page.locator(".transfer-facts").wait_for()
    look("virtual-iban")
    keys.press("[data-dialog]")
    keys.press("dialog[open] .button-danger")
    page.locator("#attempt a[href*='again']").wait_for()
    look("cancelled")
    page.locator("#attempt a[href*='again']").click()
    page.wait_for_url("**/pay/how?*")
    look("how")
    choose_way(page, keys, town.at_stripe, "card")
    page.locator("[data-card-confirm]:enabled").wait_for()
    look("card")
    page.frame_locator("iframe").get_by_label("Card number" if language == "en" else "Numéro de carte").fill(
        "4242424242424242"
    )
    page.frame_locator("iframe").locator("#expiry").fill("12 / 34")
    page.frame_locator("iframe").locator("#cvc").fill("123")
    page.locator("[data-card-confirm]").click()
    arrives(page, "Received" if language == "en" else "Reçu")
    look("received")
