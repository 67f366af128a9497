"""Lines assigned by hand over several customers, undone, fought over by two clerks; and files that are none."""

from __future__ import annotations

import io
import re

import pytest
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.ledger import checks as ledger_checks
from shared.matching import checks as matching_checks
from tests.make.office import office, signed_in
from tests.make.story import Story

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def story(database):
    return Story()


@pytest.fixture
def app(database):
    return office()


@pytest.fixture
def clerk(app, story):
    return signed_in(app)


def assign(client, line, *items, do="assign", seen=169000, **more):
    data = {"item": [str(item) for item in items], "seen": str(seen), "do": do, **more}
    return client.post(f"/matching/lines/{line}", data=data)


def count(table):
    with db.reading(SYSTEM) as session:
        return session.scalar(text(f"SELECT count(*) FROM {table}"))


def assert_books_agree():
    with db.reading(SYSTEM) as session:
        for check in (
            ledger_checks.items_equal_their_allocations,
            ledger_checks.items_equal_the_ledger,
            matching_checks.lines_equal_their_receipts,
            matching_checks.unassigned_money_equals_the_ledger,
        ):
            assert check(session) is None, check.__name__


def test_one_line_over_two_customers_then_the_next_line(clerk, story):
    answer = assign(clerk, story.waiting_line, story.late, story.open)
    assert answer.status_code == 303 and "/matching/lines/" in answer.headers["Location"]
    assert (story.open_minor(story.late), story.open_minor(story.open)) == (0, 1000)
    assert story.line_open_minor(story.waiting_line) == 0
    assert_books_agree()


def test_a_credit_is_used_with_the_invoice_and_the_rest_is_kept_on_account(clerk, story):
    answer = assign(clerk, story.waiting_line, story.credit, story.late, keep=str(story.child))
    assert answer.status_code == 303
    assert (story.open_minor(story.credit), story.open_minor(story.late)) == (0, 0)
    assert story.line_open_minor(story.waiting_line) == 0  # 1,100.00 paid, 590.00 on account of the other
    assert_books_agree()


def test_typed_amounts_are_used_to_the_cent(clerk, story):
    typed = {f"amount-{story.late}": "1 000,50", f"amount-{story.open}": "0.5"}
    assert assign(clerk, story.waiting_line, story.late, story.open, **typed).status_code == 303
    assert (story.open_minor(story.late), story.open_minor(story.open)) == (19950, 49950)
    assert story.line_open_minor(story.waiting_line) == 68900


@pytest.mark.parametrize("typed", ["1200,01", "-", "abc", "1.2.3", "0", "99999999999999999999"])
def test_a_wrong_amount_is_told_and_changes_nothing(clerk, story, typed):
    answer = assign(clerk, story.waiting_line, story.late, **{f"amount-{story.late}": typed})
    assert answer.status_code == 422
    assert 'class="callout callout-danger"' in answer.text
    assert (story.open_minor(story.late), story.line_open_minor(story.waiting_line)) == (120000, 169000)


def test_nothing_ticked_is_refused_with_a_sentence(clerk, story):
    answer = assign(clerk, story.waiting_line)
    assert answer.status_code == 422 and "callout-danger" in answer.text


def test_looking_and_recalculating_change_nothing(clerk, story):
    before = count("match"), count("allocation"), count("audit_entry")
    answer = assign(clerk, story.waiting_line, story.late, do="recalculate", find="F-2026-0005")
    assert answer.status_code == 200 and "F-2026-0005" in answer.text and "490,00" in answer.text
    assert (count("match"), count("allocation"), count("audit_entry")) == before


def test_the_second_clerk_is_told_and_sees_the_line_as_it_stands(app, clerk, story):
    other = signed_in(app, name="Paul Petit")
    assert assign(clerk, story.waiting_line, story.late).status_code == 303
    answer = assign(other, story.waiting_line, story.open)
    assert answer.status_code == 409 and 'name="seen" value="49000"' in answer.text
    assert story.open_minor(story.open) == 50000
    gone = assign(other, story.waiting_line, story.late, seen=49000)
    assert gone.status_code == 409


def test_undoing_needs_a_reason_and_frees_everything(clerk, story):
    assign(clerk, story.waiting_line, story.late, story.open)
    page = clerk.get(f"/matching/lines/{story.waiting_line}").text
    undo = re.search(r'href="(/matching/matches/[^"]+/undo)"', page)[1]
    assert clerk.post(undo, data={"reason": ""}).status_code == 422
    assert story.open_minor(story.late) == 0
    assert clerk.post(undo, data={"reason": "mauvais client"}).status_code == 303
    assert (story.open_minor(story.late), story.open_minor(story.open)) == (120000, 50000)
    assert clerk.post(undo, data={"reason": "encore"}).status_code == 409
    assert_books_agree()


def test_match_now_applies_what_is_certain(clerk, story):
    fresh = story.bank_line(50000, "F-2026-0002")
    assert clerk.post("/matching/run").status_code == 303
    assert (story.line_open_minor(fresh), story.open_minor(story.open)) == (0, 0)


def test_a_long_run_is_left_to_the_worker(clerk, story, monkeypatch):
    monkeypatch.setattr("backoffice.matching.matches.AT_ONCE", 0)
    fresh = story.bank_line(50000, "F-2026-0002")
    assert clerk.post("/matching/run").status_code == 303
    assert story.line_open_minor(fresh) == 50000
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM fact WHERE name = 'matching_requested'")) == 1


@pytest.mark.parametrize(
    "path", ["/matching?q=%00&page=9999999", "/matching?q=%25&age=x", "/matching?creditor='"]
)
def test_odd_filters_are_no_errors(clerk, path):
    assert clerk.get(path).status_code == 200


@pytest.mark.parametrize("asked", ["F-2026-0001", "client c001", "1 200,00", "%", "'", "x" * 500, "𝔉"])
def test_any_search_is_answered(clerk, story, asked):
    answer = assign(clerk, story.waiting_line, do="recalculate", find=asked)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content",
    [b"", b"not xml", b"<Document/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe\x00", b"%PDF-"],
)
def test_a_file_that_is_no_statement_is_refused_in_one_sentence(clerk, story, content):
    before = count("bank_statement"), count("bank_line"), count("journal_entry")
    answer = clerk.post("/bank/import", data={"file": (io.BytesIO(content), "releve.xml")})
    assert answer.status_code == 422
    assert answer.text.count("invalid-feedback") == 1
    assert (count("bank_statement"), count("bank_line"), count("journal_entry")) == before
