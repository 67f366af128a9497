"""Every way to pay, as a debtor with a phone and no pointer goes it: in French and in English, against the programs as
they are served."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from tests.browser.keyboard import Keyboard
from tests.browser.stripe_routes import intercept
from tests.browser.town import Town, a_town
from tests.conftest import empty

pytestmark = pytest.mark.browser

PHONE, PATIENCE = 390, 10_000
GOOD, ASKS, REFUSED = "4242424242424242", "4000002760003184", "4000000000009995"
WORDS = {
    "en": {
        "received": "Received. Thank you!",
        "processing": "In progress: please do not pay again",
        "agreed": "Your plan is agreed.",
        "ordered": "Ordered: please do not pay again",
        "returned": "Your bank returned this payment",
        "in_force": "This mandate is in force.",
        "owner": "Account holder, exactly as written here",
    },
    "fr": {
        "received": "Reçu. Merci\u00a0!",
        "processing": "En cours\u00a0: merci de ne pas payer à nouveau",
        "agreed": "Votre échéancier est accepté.",
        "ordered": "Prélèvement demandé\u00a0: merci de ne pas payer à nouveau",
        "returned": "Votre banque a renvoyé ce paiement",
        "in_force": "Ce mandat est en vigueur.",
        "owner": "Titulaire du compte, exactement ainsi",
    },
}


@pytest.fixture(scope="module")
def town(database_url) -> Iterator[Town]:
    empty(database_url)
    with pytest.MonkeyPatch.context() as patch, a_town(patch) as found:
        yield found


@pytest.fixture(params=["fr", "en"])
def words(request) -> dict[str, str]:
    return {"language": request.param, **WORDS[request.param]}


Enter = Callable[..., tuple[Page, Keyboard, UUID]]


@pytest.fixture
def enter(town, open_page, words) -> Enter:
    """Lets a new debtor in through their link; gives their page, their keys and the invoice they owe."""

    def entered(minor: int = 120_000, **options) -> tuple[Page, Keyboard, UUID]:
        path, invoice = town.debtor(minor)
        language = words["language"]
        options = {"locale": f"{language}-FR", "reduced_motion": "reduce", **options}
        page = open_page(f"{town.portal}{path}?lang={language}", PHONE, **options)
        intercept(page.context, town.stripe_url)
        keys = Keyboard(page)
        keys.press("main form button")
        page.wait_for_url(town.portal + "/")
        assert page.locator("html").get_attribute("lang") == language
        return page, keys, invoice

    return entered


def test_a_card_that_is_refused_and_one_whose_bank_asks(town, enter, words):
    page, keys, invoice = enter()
    start(page, keys, town.at_stripe, "card")
    enter_card(page, keys, REFUSED)
    keys.page.keyboard.press("Enter")
    expect(page.locator("[data-card-error]")).to_contain_text("insufficient funds")
    expect(page.locator("[data-card-confirm]")).to_be_enabled()
    enter_card(page, keys, ASKS)
    page.keyboard.press("Enter")
    page.wait_for_url("**/3ds/**")
    keys.press("button[value=succeed]")
    arrives(page, words["received"])
    assert town.books.open_minor(invoice) == 0


def test_a_transfer_to_an_iban_of_its_own(town, enter, words):
    page, keys, invoice = enter()
    start(page, keys, town.at_stripe, "virtual_iban")
    page.locator(".transfer-facts").wait_for()
    shown = page.locator(".transfer-facts")
    expect(shown).to_contain_text(words["owner"])
    iban = town.value("SELECT step->'data'->>'iban' FROM payment WHERE id = :id", page.url)
    assert iban in shown.inner_text().replace(" ", "").replace("\u00a0", "")
    keys.press(".transfer-facts [data-copy]")
    town.stripe.fund(120_000, iban=iban)
    arrives(page, words["received"])
    assert town.books.open_minor(invoice) == 0


def test_a_mandate_on_the_providers_page_and_its_debit_returned(town, enter, words):
    """Signed and debited; months of calm; the bank takes it back, and another way is one step away."""
    page, keys, invoice = enter()
    start(page, keys, town.at_gocardless, "debit_core")
    page.wait_for_url("**/billing/static/flow?*")
    sign_at_gocardless(page, keys)
    arrives(page, words["processing"])
    query = "SELECT ref FROM payment_ref WHERE payment_id = :id AND ref LIKE 'PM%'"
    address, debit = page.url, town.value(query, page.url)
    town.gocardless.confirm(debit)
    page.reload()
    arrives(page, words["received"])
    assert town.books.open_minor(invoice) == 0
    town.gocardless.step(debit, "failed", "AM04")
    returned(page, words)
    assert town.books.open_minor(invoice) == 120_000
    keys.press("#attempt a.button-primary")
    page.wait_for_url("**/pay/how?*")
    choose_way(page, keys, town.at_stripe, "card")
    assert page.url != address
    enter_card(page, keys, GOOD)
    page.keyboard.press("Enter")
    arrives(page, words["received"])
    assert town.books.open_minor(invoice) == 0


def test_a_mandate_for_the_creditors_own_bank(town, enter, words):
    page, keys, _ = enter()
    page.goto(f"{town.portal}/mandates")
    keys.press(".page-actions a")
    page.wait_for_url("**/mandates/sign")
    keys.choose("core")
    keys.press("main form button")
    page.wait_for_url("**/mandates/sign?*")
    keys.fill("[name=debtor_name]", "Client SAS")
    keys.fill("[name=iban]", "FR76 3000 6000 0112 3456 7890 189")
    keys.fill("[name=town]", "Lyon")
    keys.to("[name=consent]")
    page.keyboard.press("Space")
    keys.press("main form button")
    arrives(page, words["in_force"], "#mandate")
    with page.expect_download() as download:
        keys.press("#mandate a.button-primary")
    assert download.value.suggested_filename.endswith(".pdf")
    start(page, keys, town.own_bank, "debit_core")
    arrives(page, words["ordered"])


def test_the_providers_page_needs_no_script(town, enter, words):
    page, keys, invoice = enter(java_script_enabled=False)
    start(page, keys, town.at_stripe, "card_page")
    page.wait_for_url("**/checkout/*", timeout=PATIENCE)
    keys.press("form button")
    arrives(page, words["received"])
    assert town.books.open_minor(invoice) == 0


def test_a_plan_proposed_and_agreed(town, enter, words):
    page, keys, _ = enter(90_000)
    page.goto(f"{town.portal}/plans")
    keys.press(".page-actions a")
    page.wait_for_url("**/plans/new")
    keys.to("[name=item]")
    page.keyboard.press("Space")
    keys.fill("[name=parts]", "3")
    keys.press("main form button")
    page.wait_for_url("**/plans/check?*")
    expect(page.locator("tbody tr")).to_have_count(4)  # three parts and their total
    keys.press("main form button")
    arrives(page, words["agreed"], "main")
    expect(page.locator("table").first.locator("tbody tr")).to_have_count(3)


def start(page: Page, keys: Keyboard, account: UUID, method: str) -> None:
    """From anywhere: pay everything, keep the amounts, this way."""
    page.goto(re.sub(r"(https?://[^/]+).*", r"\1/pay", page.url))
    keys.press(".offer a")
    page.locator("#summary").wait_for()
    keys.press("#summary button")
    page.wait_for_url("**/pay/how")
    choose_way(page, keys, account, method)


def choose_way(page: Page, keys: Keyboard, account: UUID, method: str) -> None:
    keys.choose(f"{account}:{method}")
    keys.press(".paying form button")
    page.wait_for_url(lambda url: "/pay/how" not in url and "/pay/start" not in url)


def enter_card(page: Page, keys: Keyboard, number: str) -> None:
    """Through the fields of the provider's frame to our button."""
    expect(page.locator("[data-card-confirm]")).to_be_enabled(timeout=PATIENCE)
    frame = page.frame(url=re.compile("/element"))
    assert frame
    keys.fill_frame(frame, "#number", number, "1234", "123")
    expect(page.locator("[data-card-confirm]")).to_be_focused()


def sign_at_gocardless(page: Page, keys: Keyboard) -> None:
    """The provider's own page: who one is and one's account, then a look at it all."""
    for field, words in {
        "company_name": "Client SAS", "email": "lea@client.example", "address_line1": "1 rue Neuve",
        "postal_code": "69003", "city": "Lyon", "account_holder_name": "Client SAS",
        "iban": "FR7630006000011234567890189",
    }.items():  # fmt: skip
        if page.locator(f"[name={field}]").count():
            keys.fill(f"[name={field}]", words)
    keys.press("main form button:not(.quiet)")
    page.locator("dl").wait_for()
    keys.press("main form button:not(.quiet)")


def returned(page: Page, words: dict[str, str]) -> None:
    """The page does not follow what ended; whoever looks again sees it."""
    for _ in range(50):
        page.reload()
        if page.get_by_text(words["returned"]).count():
            return
    raise AssertionError(page.locator("main").inner_text())


def arrives(page: Page, sentence: str, where: str = "#attempt") -> None:
    expect(page.locator(where)).to_contain_text(sentence, timeout=PATIENCE)
