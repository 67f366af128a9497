"""Accessibility as axe sees it: WCAG 2.2 AA."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Frames of providers are theirs; those of our sandbox are looked at as pages of their own.
RULES = {
    "iframes": False,
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
}


def violations(page: Page) -> list[str]:
    """Each violation in one line, with the elements it is about."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{v['id']}: {v['help']} — {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found]
