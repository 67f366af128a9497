"""Templates carry no inline style or script: the content security policy would refuse them."""

import re
from html.parser import HTMLParser

import pytest

from tests.house_rules.files import files, named

TEMPLATES = [path for path in files(".html", tests=True) if "templates" in path.parts]
# Mails are read in mail programs, which know inline styles only.
PAGES = [path for path in TEMPLATES if "notifications" not in path.parts]


class Inline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.wrong = []

    def handle_starttag(self, tag, attrs):
        names = {name for name, _ in attrs}
        self.wrong += [name for name in names if name == "style" or name.startswith(("on", "hx-on"))]
        if tag == "style" or (tag == "script" and "src" not in names):
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if (value or "").strip().lower().startswith("javascript:") or (
                name == "hx-vals" and "js:" in (value or "")
            ):
                self.wrong.append(value)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_nothing_inline(path):
    parser = Inline()
    parser.feed(re.sub(r"\{#.*?#\}", "", path.read_text("utf-8"), flags=re.S))
    assert not parser.wrong


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_nothing_is_marked_safe(path):
    assert not re.search(r"\|\s*safe\b|autoescape\s+false", path.read_text("utf-8"))


@pytest.mark.parametrize("path", [p for p in PAGES if "tests" not in p.parts], ids=named)
def test_every_post_form_carries_its_token(path):
    text = path.read_text("utf-8")
    for form in re.findall(r'<form[^>]*method="post".*?</form>', text, flags=re.S | re.I):
        assert "csrf" in form or "hidden_tag" in form, form[:120]
