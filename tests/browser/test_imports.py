"""A file uploaded, looked at and imported in a real browser: without script, accessible in both lights and languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.axe import violations
from tests.browser.served import served
from tests.make.books import Books
from tests.make.files import csv_bytes
from tests.make.office import login_path, office
from tests.slices.test_import_invoices import COLUMNS, one, row

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]


@pytest.mark.parametrize(
    ("width", "scheme", "locale", "script"),
    [(1440, "light", "en", True), (390, "dark", "fr", True), (390, "light", "fr", False)],
)
def test_a_file_on_its_way_into_the_books(
    open_page, tmp_path: Path, width: int, scheme: str, locale: str, script: bool
) -> None:
    Books().customer("C1")
    file = tmp_path / "factures.csv"
    new = {"customer_ref": "C9", "customer_name": "Société Nouvelle"}
    file.write_bytes(csv_bytes(COLUMNS, [row(), row("F2", **new), row("F3", total_incl_vat="12O")]))

    def look() -> None:
        if script:  # axe is a script itself
            assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    with served(office(csrf=True)) as url:
        page = open_page(
            url + login_path(),
            width,
            scheme=scheme,
            locale=locale,
            reduced_motion="reduce",
            java_script_enabled=script,
        )
        page.locator("form button").first.click()
        page.wait_for_url(f"{url}/")
        page.goto(f"{url}/imports")
        look()
        page.locator("input[type=file]").set_input_files(file)
        page.locator("main form button").last.click()
        page.wait_for_url("**/imports/*")
        look()
        assert one("SELECT count(*) FROM open_item")[0] == 0
        page.locator("input[name=skip_bad_rows]").check()
        page.locator("#take button").click()
        page.locator(".callout-success").wait_for()
        look()
        assert one("SELECT count(*) FROM open_item")[0] == 2
