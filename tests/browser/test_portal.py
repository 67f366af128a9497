"""The portal in a real browser: a debtor's whole way, by mouse, by keyboard and without script."""

import re

import pytest
from playwright.sync_api import expect

from portal.app import create_app
from tests.browser.axe import violations
from tests.browser.served import served
from tests.make.account import Account
from tests.make.people import an_invitation

pytestmark = pytest.mark.browser

WORDS = {
    "en": {"pay": "Pay", "confirm": "Confirm", "copy": "Copy: IBAN", "credit": "Use A2026-000007"},
    "fr": {
        "pay": "Régler",
        "confirm": "Confirmer",
        "copy": "Copier : IBAN",
        "credit": "Utiliser A2026-000007",
    },
}


@pytest.fixture
def account(database) -> Account:
    return Account()


@pytest.fixture
def portal(account):
    with served(create_app()) as url:
        yield url


@pytest.fixture
def enter(account, portal, open_page):
    """Opens a page as the debtor's person, through the link of an invitation."""

    def entered(width=1440, **options):
        link = an_invitation("lea@client.fr", account.lyon, account.paris)
        page = open_page(
            portal + re.sub(r"^https?://[^/]+", "", link) + "?lang=" + options.get("locale", "en"),
            width,
            **options,
        )
        page.locator("main form button").click()
        page.wait_for_url(portal + "/")
        return page

    return entered


def overflow(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def announce_all(page, portal):
    """From the overview to the transfers; the page of the second step as it stood."""
    page.goto(portal + "/pay")
    page.locator(".offer a").first.click()
    page.locator("#summary").wait_for()


def pages(account):
    return [
        "/", "/invoices", "/invoices?state=credits", "/invoices?q=nowhere", f"/invoices/{account.items['late']}",
        f"/invoices/{account.items['doubtful']}", "/pay", "/payments", f"/payments/received/{account.receipts['mistake']}",
        "/statement", "/statement?since=2026-05-02&as_of=2026-05-01", "/nowhere",
    ]  # fmt: skip


@pytest.mark.parametrize("width,locale,scheme", [(390, "fr", "light"), (1440, "en", "dark")])
def test_every_page_is_accessible(enter, portal, account, width, locale, scheme):
    page = enter(width, locale=locale, scheme=scheme, reduced_motion="reduce")
    for path in pages(account):
        page.goto(portal + path)
        assert page.locator("html").get_attribute("lang") == locale
        assert violations(page) == [], path
    announce_all(page, portal)
    assert violations(page) == []
    page.locator("#summary button").click()
    page.locator(".qr").first.wait_for()
    assert violations(page) == []
    page.goto(portal + "/")
    assert violations(page) == []
    page.goto(portal + "/payments")
    assert violations(page) == []


def test_never_wider_than_a_small_phone(enter, portal, account):
    page = enter(320, locale="fr")
    for path in pages(account):
        page.goto(portal + path)
        assert overflow(page) <= 0, path
    announce_all(page, portal)
    assert overflow(page) <= 0
    page.locator("#summary button").click()
    page.locator(".qr").first.wait_for()
    assert overflow(page) <= 0


@pytest.mark.parametrize("width,locale", [(390, "fr"), (1440, "en")])
def test_a_debtor_pays_a_part_with_a_credit(enter, portal, account, width, locale):
    words = WORDS[locale]
    page = enter(width, locale=locale, permissions=["clipboard-read", "clipboard-write"])
    page.locator(".page-actions").get_by_role("link", name=words["pay"]).click()
    page.locator(f"input[value='{account.items['late']}']").check()
    page.locator(".selection-bar button").click()
    total = page.locator("#summary .amount data")
    expect(total).to_have_attribute("value", "120000")
    page.locator(f"[name='amount-{account.items['late']}']").fill("1000")
    expect(total).to_have_attribute("value", "100000")
    page.get_by_label(words["credit"]).check()
    expect(total).to_have_attribute("value", "80000")
    page.get_by_role("button", name=re.compile(words["confirm"])).click()
    page.locator(".qr").wait_for()
    page.get_by_role("button", name=words["copy"]).click()
    page.locator("[data-copy-said]:not(:empty)").wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == account.books.iban
    address = page.url
    page.go_back()
    page.reload()
    page.goto(address)
    assert page.locator(".qr").count() == 1
    page.locator("[name=name]").fill("Client SAS")
    page.locator("[name=iban]").fill("FR76 3000 6000 0112 3456 7890 189")
    with page.expect_download() as download:
        page.locator("form[action$='/file'] button").click()
    assert download.value.suggested_filename.endswith(".xml")
    page.goto(portal + "/")
    assert page.locator(".callout a").count() == 1


def test_a_wrong_amount_is_told_while_one_types(enter, portal, account):
    page = enter(locale="en")
    announce_all(page, portal)
    page.locator(f"[name='amount-{account.items['late']}']").fill("99999")
    expect(page.locator("#summary .callout-warning")).to_contain_text("F2026-000101")
    page.locator(f"[name='amount-{account.items['late']}']").fill("5")
    expect(page.locator("#summary .callout-warning")).to_have_count(0)


def test_the_wizard_needs_no_mouse(enter, portal):
    page = enter(locale="en")
    page.goto(portal + "/pay")

    def tab_to(test):
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate(f"(e => {test})(document.activeElement)"):
                return
        raise AssertionError(f"the keyboard does not reach {test}")

    tab_to("e.closest('.offer') && e.tagName === 'A'")
    page.keyboard.press("Enter")
    page.locator("#summary").wait_for()
    tab_to("e.matches('.amount-input')")
    page.keyboard.type("10")
    tab_to("e.closest('#summary') && e.tagName === 'BUTTON'")
    expect(page.locator("#summary .transfer-sum")).to_have_count(3)
    page.keyboard.press("Enter")
    page.locator(".qr").first.wait_for()
    tab_to("e.matches('[data-dialog^=cancel]')")
    page.keyboard.press("Enter")
    assert page.locator("dialog[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_everything_works_without_script(enter, portal, account):
    page = enter(locale="en", java_script_enabled=False)
    announce_all(page, portal)
    page.locator(f"[name='amount-{account.items['late']}']").fill("1000")
    page.locator("#summary button").click()
    assert "The amounts are not the ones shown before" in page.locator("#notices").inner_text()
    page.locator("#summary button").click()
    assert page.locator(".qr").count() == 3
    page.locator("a[data-dialog]").first.click()
    page.get_by_role("button", name="Cancel the announcement").click()
    assert "The announcement is cancelled" in page.locator("#notices").inner_text()
    page.goto(portal + "/invoices")
    page.get_by_role("searchbox").fill("000103")
    page.get_by_role("button", name="Filter").click()
    assert page.locator("tbody tr").count() == 1
    with page.expect_download() as download:
        page.goto(portal + "/statement")
        page.locator("summary.button").click()
        page.get_by_role("link", name="PDF").click()
    assert download.value.suggested_filename.endswith(".pdf")
