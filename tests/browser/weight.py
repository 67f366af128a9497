"""What a page weighs on a first visit, and how much of it moves while it loads and lives."""

from __future__ import annotations

from playwright.sync_api import Page

_WATCH = """
window.moved = [];
new PerformanceObserver(list => list.getEntries().forEach(entry => {
  if (!entry.hadRecentInput) window.moved.push([entry.value, ...entry.sources.map(s => s.node?.className || s.node?.nodeName)]);
})).observe({ type: "layout-shift", buffered: true });
"""


def transferred(page: Page, address: str) -> dict[str, int]:
    """Bytes on the wire by address, headers included; providers' own not counted. The page's cache must be empty."""
    wire, asked, found = page.context.new_cdp_session(page), {}, {}
    wire.on(
        "Network.requestWillBeSent", lambda told: asked.update({told["requestId"]: told["request"]["url"]})
    )
    wire.on(
        "Network.loadingFinished",
        lambda told: found.update({told["requestId"]: int(told["encodedDataLength"])}),
    )
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto(address, wait_until="networkidle")
    site = "/".join(address.split("/")[:3])
    wire.detach()
    return {asked[key]: size for key, size in found.items() if asked[key].startswith(site)}


def watch(page: Page) -> None:
    """From the next page on, keep what moves by itself."""
    page.add_init_script(_WATCH)


def moved(page: Page) -> float:
    """The cumulative layout shift since the page was opened."""
    return float(page.evaluate("window.moved.reduce((sum, each) => sum + each[0], 0)"))
