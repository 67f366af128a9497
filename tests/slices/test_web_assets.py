"""Styles, scripts and fonts: a fixed list under an address that changes with their content."""

import gzip
import re

import pytest

from shared.web.assets import allowed, version
from tests.browser.gallery.app import gallery


@pytest.fixture
def client():
    return gallery().test_client()


@pytest.mark.parametrize("name", sorted(allowed()))
def test_an_asset_is_cached_for_ever(client, name):
    answer = client.get(f"/assets/{version()}/{name}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in answer.headers
    again = client.get(f"/assets/{version()}/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_an_older_address_gets_todays_file_but_may_not_keep_it(client):
    answer = client.get("/assets/0123456789abcdef/app.css")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_it_travels_packed(client):
    plain = client.get(f"/assets/{version()}/app.css")
    packed = client.get(f"/assets/{version()}/app.css", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < 60_000


@pytest.mark.parametrize(
    "name", ["app.py", "../assets.py", "..%2fassets.py", "tokens.css", "%2e%2e/%2e%2e/dev", ""]
)
def test_nothing_else_on_the_disk_can_be_asked_for(client, name):
    assert client.get(f"/assets/{version()}/{name}").status_code == 404


def test_every_font_the_styles_name_is_served():
    styles = allowed()["app.css"].content.decode()
    named = set(re.findall(r'url\("?([^")]+\.(?:otf|woff2?|css))"?\)', styles))
    assert named
    assert named <= set(allowed())


def test_a_page_names_only_what_is_served(client):
    page = client.get("/").text
    addresses = re.findall(rf"/assets/{version()}/([^\"]+)", page)
    assert len(addresses) >= 5
    assert set(addresses) <= set(allowed())
    assert not re.search(r'(?:src|href)="https?://', page)


def test_a_page_travels_packed_and_its_length_tells_nothing(client):
    answers = [client.get("/", headers={"Accept-Encoding": "gzip"}) for _ in range(8)]
    assert all(answer.headers["Content-Encoding"] == "gzip" for answer in answers)
    assert gzip.decompress(answers[0].data).startswith(b"<!doctype html>")
    assert "Accept-Encoding" in answers[0].headers["Vary"]
    assert len({len(answer.data) for answer in answers}) > 1
    assert "Content-Encoding" not in client.get("/").headers
