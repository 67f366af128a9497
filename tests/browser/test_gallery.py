"""The UI kit in a real browser, in both lights and languages, on a phone and on a wide screen."""

import itertools
import os

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations

pytestmark = pytest.mark.browser
PAGES = ["/", "/list", "/list?q=nobody", "/form", "/empty", "/login", "/nowhere"]


def overflow(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


# Every pair of width, light and language; all eight together in the deep run.
VIEWS = [(390, "light", "fr"), (390, "dark", "en"), (1440, "light", "en"), (1440, "dark", "fr")]
if os.environ.get("QUITTANCE_DEEP"):
    VIEWS = list(itertools.product([390, 1440], ["light", "dark"], ["en", "fr"]))


@pytest.mark.parametrize(("width", "scheme", "language"), VIEWS)
@pytest.mark.parametrize("path", PAGES)
def test_accessible(open_page, gallery_url, path, language, scheme, width):
    page = open_page(gallery_url + path, width, scheme=scheme, locale=language, reduced_motion="reduce")
    assert page.locator("html").get_attribute("lang") == language
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_chosen_wins_over_the_devices(open_page, gallery_url, theme):
    other = "dark" if theme == "light" else "light"
    page = open_page(f"{gallery_url}/form?theme={theme}", scheme=other, reduced_motion="reduce")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(247, 246, 242)") == (theme == "light")
    assert violations(page) == []


def test_an_open_menu_a_dialog_and_a_refused_form_are_accessible(open_page, gallery_url):
    page = open_page(gallery_url + "/", reduced_motion="reduce")
    page.locator(".sidebar .account").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Undo").click()
    assert page.locator("dialog#undo").is_visible()
    assert violations(page) == []
    page = open_page(gallery_url + "/form", reduced_motion="reduce")
    page.get_by_role("button", name="Save").click()
    assert page.locator("[aria-invalid=true]").count() >= 3
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    assert violations(page) == []


@pytest.mark.parametrize("path", PAGES)
def test_never_wider_than_a_small_phone(open_page, gallery_url, path):
    assert overflow(open_page(gallery_url + path, 320, 640, locale="fr")) <= 0


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [768, 992, 1920])
def test_never_wider_than_the_screen(open_page, gallery_url, path, width):
    assert overflow(open_page(gallery_url + path, width)) <= 0


@pytest.mark.parametrize("path", PAGES)
def test_text_may_be_twice_as_large(open_page, gallery_url, path):
    page = open_page(gallery_url + path, 1280, locale="fr")
    page.evaluate("document.documentElement.classList.add('double')")
    page.evaluate("""() => { const sheet = new CSSStyleSheet();
        sheet.replaceSync(':root.double { font-size: 200% }'); document.adoptedStyleSheets = [sheet]; }""")
    assert overflow(page) <= 0
    # Buttons grow with their words: nothing is cut off.
    cut = page.evaluate("""() => [...document.querySelectorAll('.button, .badge-pill, h1')]
        .filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 80))""")
    assert cut == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(open_page, gallery_url):
    page = open_page(gallery_url + "/list")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    expect(page.locator(".skip-link")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("""() => { const e = document.activeElement, s = getComputedStyle(e);
            return [e.tagName, e.name || '', s.outlineStyle !== 'none' || s.boxShadow !== 'none'] }""")
        )
    assert all(shown for tag, _name, shown in seen if tag != "BODY")
    assert {"q", "status", "item"} <= {name for _tag, name, _shown in seen}


def test_shortcuts_help_search_and_rows(open_page, gallery_url):
    page = open_page(gallery_url + "/list")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("jouve")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("searchbox").fill("")
    expect(page.locator("tbody tr")).to_have_count(8)
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("tbody .tick input").nth(1).is_checked()
    assert page.locator("[data-ticked-count]").inner_text() == "2"
    page.keyboard.press("?")
    page.get_by_label("Use single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert not page.locator("#shortcuts").is_visible()


def test_all_rows_are_ticked_at_once(open_page, gallery_url):
    page = open_page(gallery_url + "/list")
    everything = page.get_by_label("Select all")
    assert everything.evaluate("e => e.indeterminate")
    everything.click()
    assert page.locator("[data-ticked-count]").inner_text() == "8"
    page.get_by_label("Select F2026-000840").uncheck()
    assert page.locator("[data-ticked-count]").inner_text() == "7"


def test_a_value_is_copied_and_it_is_said(open_page, gallery_url):
    page = open_page(gallery_url + "/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy: IBAN").click()
    expect(page.locator("[data-copy-said]").first).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "FR7630006000011234567890189"


def test_typing_filters_the_list_in_place(open_page, gallery_url):
    page = open_page(gallery_url + "/list")
    page.get_by_role("searchbox").fill("lefèvre")
    expect(page.locator("tbody tr")).to_have_count(2)
    assert page.url.endswith("q=lef%C3%A8vre&status=")
    assert page.evaluate("document.activeElement.name") == "q"


def test_a_refusal_reaches_the_notices(open_page, gallery_url):
    page = open_page(gallery_url + "/")
    page.get_by_role("button", name="Change something").click()
    page.locator("#notices .callout-danger").wait_for()
    assert "Somebody changed this meanwhile" in page.locator("#notices").inner_text()


def test_the_theme_switch_needs_no_reload_and_is_remembered(open_page, gallery_url):
    page = open_page(gallery_url + "/login")
    page.get_by_role("link", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_everything_works_without_script(open_page, gallery_url):
    page = open_page(gallery_url + "/list", java_script_enabled=False)
    page.get_by_role("searchbox").fill("lefèvre")
    page.get_by_role("button", name="Filter").click()
    assert page.locator("tbody tr").count() == 2
    page.goto(gallery_url + "/")
    assert not page.get_by_role("button", name="Copy: IBAN").is_visible()
    page.get_by_role("link", name="Undo").click()
    assert page.url.endswith("/form")
    page.locator(".sidebar .account").click()
    page.get_by_role("link", name="Français").locator("visible=true").click()
    assert page.locator("html").get_attribute("lang") == "fr"
