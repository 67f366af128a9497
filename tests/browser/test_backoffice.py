"""The back office in a real browser: the queue by keyboard, without script, accessible in both lights and languages."""

from __future__ import annotations

import pytest

from tests.browser.axe import violations
from tests.browser.served import served
from tests.make.office import login_path, office
from tests.make.story import Story

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]

PAGES = (
    "/", "/matching", "/matching?q=nobody", "/matching/lines/{line_id}", "/matching/matched",
    "/matching/matches/{match_id}", "/matching/matches/{match_id}/undo", "/customers", "/customers/{customer_id}",
    "/customers/{customer_id}/invite", "/invoices", "/invoices/{item_id}", "/reports/aged", "/reports/open-items",
    "/bank", "/bank/accounts/{account_id}", "/bank/statements/{statement_id}", "/bank/import", "/imports", "/audit",
    "/audit/proof", "/operations",
)  # fmt: skip


@pytest.fixture
def site(database, open_page):
    """Opens pages as somebody with every permission the pages need; and the books behind them."""
    story = Story()
    with served(office(csrf=True)) as url:

        def visit(path="/", *, role="finance", width=1440, height=900, **options):
            page = open_page(url + login_path(role, f"Nadia {len(visits)}"), width, height, **options)
            page.locator("form button").first.click()
            page.wait_for_url(f"{url}/")
            page.goto(f"{url}/?lang={options.get('locale', 'fr')}")
            page.goto(url + path.format(**story.ids()))
            page.evaluate("document.fonts.ready.then(() => true)")
            visits.append(page)
            return page

        visits: list = []
        visit.story, visit.url = story, url
        yield visit


def overflow(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize(("scheme", "language"), [("light", "fr"), ("dark", "en")])
def test_every_page_is_accessible(site, width, scheme, language):
    for role in ("finance", "administrator"):
        page = site(role=role, width=width, scheme=scheme, locale=language, reduced_motion="reduce")
        for path in PAGES:
            if ("audit" in path) == (role == "administrator"):
                page.goto(site.url + path.format(**site.story.ids()))
                assert page.locator("html").get_attribute("lang") == language
                assert violations(page) == [], path
                assert overflow(page) <= 0, path


def test_no_page_is_wider_than_a_small_phone(site):
    page = site(width=320, height=640, locale="fr")
    for path in PAGES:
        page.goto(site.url + path.format(**site.story.ids()))
        assert overflow(page) <= 0, path


def test_the_queue_is_worked_by_keyboard_alone(site):
    page = site("/matching")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/matching/lines/*")
    first = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press("k")
    page.wait_for_url(first)
    page.keyboard.press("1")
    page.locator("#sum", has_text="F-2026").wait_for()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "find"
    page.keyboard.type("F-2026-0005")
    page.locator("#items", has_text="F-2026-0005").wait_for()
    page.locator("h1").click()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != first)
    assert page.locator("#notices .callout-success").is_visible()
    page.keyboard.press("u")
    page.wait_for_url("**/undo")
    assert page.evaluate("document.activeElement.name") == "reason"
    page.keyboard.type("mauvais client")
    page.keyboard.press("Enter")
    page.wait_for_url(first.split("?")[0])
    assert site.story.line_open_minor(site.story.waiting_line) == 169000


def test_what_is_left_over_follows_each_tick_and_amount(site):
    page = site("/matching/lines/{line_id}", locale="en")
    page.get_by_label("Select F-2026-0001").check()
    page.locator("#sum", has_text="490.00").wait_for()
    amount = page.get_by_label("Amount to use of F-2026-0001")
    amount.fill("1000.00")
    amount.press("Tab")
    page.locator("#sum", has_text="690.00").wait_for()
    amount.fill("1200.01")
    amount.press("Tab")
    page.locator("#sum .desk-wrong").wait_for()


def test_assigning_works_without_script(site):
    page = site("/matching/lines/{line_id}", java_script_enabled=False, locale="en")
    page.get_by_label("Select F-2026-0001").check()
    page.get_by_role("button", name="Recalculate").click()
    assert "490.00" in page.locator("#sum").inner_text()
    page.get_by_label("Look for other open items").fill("F-2026-0002")
    page.get_by_role("button", name="Find").click()
    assert page.get_by_label("Select F-2026-0001").is_checked()
    page.get_by_label("Select F-2026-0002").check()
    page.get_by_role("button", name="Assign").click()
    assert site.story.open_minor(site.story.late) == 0
    assert site.story.open_minor(site.story.open) == 1000
    assert site.story.line_open_minor(site.story.waiting_line) == 0


def test_two_clerks_on_one_line(site):
    mine, theirs = (
        site("/matching/lines/{line_id}", locale="en"),
        site("/matching/lines/{line_id}", locale="en"),
    )
    for page in (mine, theirs):
        page.get_by_label("Select F-2026-0001").check()
        page.get_by_role("button", name="Assign").click()
    assert "Somebody changed this meanwhile" in theirs.locator("#work").inner_text()
    assert site.story.line_open_minor(site.story.waiting_line) == 49000
