"""One headless Chromium for all browser tests, and pages that tell what they complained of."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.gallery.app import gallery
from tests.browser.served import served

CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# What the browser itself logs for an answer of 4xx: the tests ask for some.
EXPECTED = "Failed to load resource"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip("no Chromium on this machine: install chromium-headless-shell to run the browser tests")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages in contexts of their own; at the end none may have complained on its console."""
    contexts, complaints = [], []

    def opened(url: str, width: int = 1440, height: int = 900, scheme: str = "light", **options) -> Page:
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        answer = page.goto(url)
        assert answer is not None
        assert answer.status < 500, page.inner_text("body")
        page.evaluate("document.fonts.ready.then(() => true)")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not [text for text in complaints if EXPECTED not in text]


@pytest.fixture(scope="session")
def gallery_url() -> Iterator[str]:
    with served(gallery()) as url:
        yield url
