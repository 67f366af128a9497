"""A debtor without a mouse: Tab, arrows, Space and Enter, and what has the focus."""

from __future__ import annotations

from playwright.sync_api import Frame, Locator, Page

_FOCUSED = "selector => document.activeElement !== null && document.activeElement.matches(selector)"
_FAR = 80


class Keyboard:
    def __init__(self, page: Page) -> None:
        self.page = page

    def to(self, selector: str) -> None:
        """Tab on until what matches has the focus."""
        for _ in range(_FAR):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(_FOCUSED, selector):
                return
        raise AssertionError(f"the keyboard does not reach {selector}")

    def press(self, selector: str) -> None:
        """Reach a button or a link, and press it."""
        self.to(selector)
        self.page.keyboard.press("Enter")

    def choose(self, value: str) -> None:
        """Reach the next group of radio buttons and move to the one whose value begins so."""
        self.to("input[type=radio]")
        wanted = f'input[type=radio][value^="{value}"]'
        for _ in range(20):
            if self.page.evaluate(_FOCUSED, wanted):
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"the arrows do not reach {wanted}")

    def fill(self, selector: str, words: str) -> None:
        self.to(selector)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(words)

    def fill_frame(self, frame: Frame, selector: str, *values: str) -> None:
        """Tab into a frame's first field, then through its fields one after the other."""
        for _ in range(_FAR):
            self.page.keyboard.press("Tab")
            if frame.evaluate(_FOCUSED, selector):
                break
        else:
            raise AssertionError(f"the keyboard does not reach {selector} in its frame")
        for value in values:
            self.page.keyboard.press("ControlOrMeta+a")
            self.page.keyboard.type(value)
            self.page.keyboard.press("Tab")


def focused(page: Page) -> Locator:
    return page.locator(":focus")
