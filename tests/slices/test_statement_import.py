"""Importing statements: every line once, every cent posted, and nothing at all when a file is refused."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import date, timedelta
from io import BytesIO
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import URL

from shared import db
from shared.actor import SYSTEM, staff
from shared.audit.checks import chain
from shared.bank_statements import checks, queries
from shared.bank_statements.imported import ImportedFile
from shared.bank_statements.importing import import_statement
from shared.creditors import actions as creditors
from shared.errors import NotAllowed, NotFound, RefusedFile
from shared.ids import new_id
from shared.ledger import checks as ledger_checks
from shared.matching import checks as matching_checks
from shared.sandbox.camt_files import ACCOUNT, Camt053, Detail, Line, Statement, believable
from tests.conftest import DEEP

PAYER = "FR7630006000011234567890189"


@pytest.fixture
def creditor(database: URL):
    with db.writing(SYSTEM) as session:
        creditor = creditors.add_creditor(session, SYSTEM, name="Ateliers Vernaison SAS", code="AV")
        creditors.add_account(session, SYSTEM, creditor, ACCOUNT)
    return creditor


def take(document: bytes, file: str = "bank.xml", **options: object) -> ImportedFile:
    with db.writing(SYSTEM) as session:
        return import_statement(session, SYSTEM, BytesIO(document), file, **options)


def ask(query: str, **params: object) -> list[tuple]:
    with db.reading(SYSTEM) as session:
        return [tuple(row) for row in session.execute(text(query), params)]


def one(query: str, **params: object) -> object:
    ((value,),) = ask(query, **params)
    return value


def everything_is_true() -> None:
    with db.reading(SYSTEM) as session:
        for check in (
            checks.statements_equal_their_lines,
            checks.lines_are_kept_once,
            ledger_checks.entries_balance,
            matching_checks.lines_equal_their_receipts,
            matching_checks.unassigned_money_equals_the_ledger,
            chain,
        ):
            assert check(session) is None


def test_a_statement_becomes_lines_and_one_journal_entry(creditor):
    lines = [
        Line(
            12000,
            entry_ref="A1",
            name="SANDOLAND",
            iban=PAYER,
            texts=("FACT 2026-", "019"),
            reference="RF18539007547034",
        ),
        Line(8050, entry_ref="A2"),
        Line(-500, entry_ref="A3", info="FRAIS"),
    ]
    done = take(Camt053().bytes(Statement(lines, opening_minor=100_000)))
    assert done.as_json() == {
        "format": "camt.053", "rows": 3, "created": 3, "updated": 0, "unchanged": 0, "duplicates": 0, "rejected": [],
        "statements": [{
            "id": "A3260901", "account": ACCOUNT, "currency": "EUR", "opening_minor": 100_000,
            "closing_minor": 119_550, "entries": 3, "credits_minor": 20_050, "debits_minor": 500, "balance_ok": True,
            "created": 3, "duplicates": 0, "not_booked": 0, "remarks": [],
        }],
    }  # fmt: skip
    assert ask(
        "SELECT position, amount_minor, open_minor, remittance, creditor_ref, party_name FROM bank_line ORDER BY position"
    ) == [
        (1, 12000, 12000, "FACT 2026-019", "RF18539007547034", "SANDOLAND"),
        (2, 8050, 8050, "", None, None),
        (3, -500, 0, "FRAIS", None, None),
    ]
    assert ask(
        "SELECT e.journal, e.event, e.booked_on, l.account, l.amount_minor FROM journal_entry e JOIN journal_line l ON l.entry_id = e.id ORDER BY l.id"
    ) == [
        ("BQ", "statement", date(2026, 9, 1), "512", 20_050),
        ("BQ", "statement", date(2026, 9, 1), "471", -20_050),
    ]
    assert ask("SELECT name, payload->>'created' FROM fact") == [("statement_imported", "3")]
    assert one("SELECT count(*) FROM audit_entry WHERE verb = 'import_statement'") == 1
    everything_is_true()


def test_the_same_file_twice_adds_nothing_and_says_so(creditor):
    document = Camt053().bytes(Statement(list(believable(60))))
    first, second = take(document, "monday.xml"), take(document, "again.xml")
    assert (first.created, first.duplicates) == (60, 0)
    assert (second.rows, second.created, second.duplicates) == (60, 0, 60)
    assert [str(each) for each in second.statements[0].remarks] == [
        "This statement was imported before, from monday.xml: nothing was added."
    ]
    assert one("SELECT count(*) FROM bank_statement") == one("SELECT count(*) FROM journal_entry") == 1
    assert one("SELECT count(*) FROM bank_line") == 60 and one("SELECT count(*) FROM fact") == 1
    everything_is_true()


@pytest.mark.parametrize("refs", [True, False])
def test_an_overlapping_file_adds_only_what_is_new(creditor, refs):
    lines = list(believable(60, refs=refs))
    take(Camt053().bytes(Statement(lines[:40], id="S1")), "s1.xml")
    done = take(Camt053().bytes(Statement(lines[20:], id="S2", opening_minor=77)))
    assert (done.created, done.duplicates) == (20, 20)
    assert [str(each) for each in done.statements[0].remarks] == [
        "20 lines came with statement “S1” (s1.xml) before: not added again."
    ]
    assert one("SELECT sum(amount_minor) FROM bank_line") == sum(line.amount_minor for line in lines)
    everything_is_true()


def test_two_lines_alike_to_the_letter_are_two(creditor):
    twins = [Line(5000, texts=("LOYER",), iban=PAYER)] * 2
    document = Camt053().bytes(Statement(twins))
    assert take(document).created == 2 and take(document).created == 0
    assert ask("SELECT occurrence FROM bank_line ORDER BY position") == [(1,), (2,)]


def test_a_line_alike_in_the_next_statement_of_the_day_is_a_line_of_its_own(creditor):
    twin = Line(5000, texts=("LOYER",), iban=PAYER)
    morning = Camt053().bytes(Statement([twin], id="AM", opening_minor=1000))
    evening = Camt053().bytes(Statement([twin, Line(1)], id="PM", opening_minor=6000))
    whole = Camt053().bytes(Statement([twin, twin, Line(1)], id="DAY", opening_minor=1000))
    assert [take(each).created for each in (morning, evening)] == [1, 2]
    assert [take(each).created for each in (evening, morning, whole)] == [0, 0, 0]
    assert one("SELECT sum(open_minor) FROM bank_line") == 10_001
    everything_is_true()


def test_a_statement_delivered_twice_in_one_file_is_one(creditor):
    statement = Statement([Line(5000, texts=("LOYER",)), Line(-5000, texts=("LOYER",))])
    done = take(Camt053().bytes(statement, statement))
    assert (done.created, done.duplicates) == (2, 2)
    assert one("SELECT count(*) FROM bank_statement") == 1


def test_an_unknown_account_is_refused_with_the_command_that_adds_it(creditor):
    document = Camt053().bytes(Statement([Line(100)], account=PAYER))
    with pytest.raises(RefusedFile) as caught:
        take(document)
    assert str(caught.value) == (
        f"bank.xml: The account {PAYER} is not known here. Add it first: quittance account add {PAYER} --creditor AV"
    )
    assert take(document, create_account=creditor).created == 1
    assert one("SELECT count(*) FROM bank_account WHERE iban = :iban", iban=PAYER) == 1


def test_what_is_no_iban_cannot_become_an_account(creditor):
    document = Camt053().bytes(Statement([Line(100)], account="12345678"))
    with pytest.raises(RefusedFile, match="not a valid IBAN"):
        take(document, create_account=creditor)


def test_an_account_is_kept_in_one_currency(creditor):
    with pytest.raises(RefusedFile, match=r"The statement is in USD, but the account .* is kept in EUR"):
        take(Camt053().bytes(Statement([Line(100, currency="USD")], currency="USD")))


def test_a_statement_that_does_not_add_up_is_taken_and_says_so(creditor):
    done = take(Camt053().bytes(Statement([Line(100)], lie=5)))
    assert done.as_json()["statements"][0]["balance_ok"] is False
    assert one("SELECT balance_ok FROM bank_statement") is False
    with db.reading(SYSTEM) as session:
        assert checks.balances_add_up(session) == "1 statements do not add up, the first is A3260901"
    everything_is_true()


def test_pending_entries_are_counted_and_left_out(creditor):
    done = take(Camt053().bytes(Statement([Line(100), Line(900, status="PDNG")])))
    assert (done.rows, done.created, done.duplicates) == (2, 1, 0)
    assert "1 entries are not booked yet" in str(done.statements[0].remarks[0])
    assert one("SELECT sum(amount_minor) FROM bank_line") == 100
    assert one("SELECT entries FROM bank_statement") == 1


def test_amounts_beyond_32_bits_keep_every_cent(creditor):
    done = take(Camt053().bytes(Statement([Line(3_000_000_001)], opening_minor=5_000_000_000)))
    assert (
        done.statements[0].end.closing_minor
        == one("SELECT closing_minor FROM bank_statement")
        == 8_000_000_001
    )
    assert one("SELECT open_minor FROM bank_line") == 3_000_000_001


def test_a_statement_without_receipts_posts_nothing(creditor):
    take(Camt053().bytes(Statement([Line(-100)]), Statement([], id="S2")))
    assert one("SELECT count(*) FROM bank_statement") == 2
    assert one("SELECT count(*) FROM journal_entry") == 0


def test_a_hole_between_statements_is_told(creditor):
    take(Camt053().bytes(Statement([Line(100)], id="S1")))
    take(
        Camt053().bytes(
            Statement([Line(7, date(2026, 9, 2))], id="S2", opening_minor=100, on=date(2026, 9, 2))
        )
    )
    done = take(Camt053().bytes(Statement([Line(9)], id="S4", opening_minor=500, on=date(2026, 9, 4))))
    assert [str(each) for each in done.statements[0].remarks] == [
        "It opens with 5.00 EUR, but statement “S2” of 2026-09-02 closed with 1.07 EUR:"
        " a statement between them may be missing."
    ]
    with db.reading(SYSTEM) as session:
        (account,) = queries.accounts(session, SYSTEM)
        assert (account.fresh_until, account.statements, account.gaps) == (date(2026, 9, 4), 3, 1)
        rows = queries.statements(session, SYSTEM, account.bank_account_id)
        assert [(row.reference, row.follows) for row in rows] == [("S4", False), ("S2", True), ("S1", None)]


def test_lines_are_read_page_by_page(creditor):
    take(Camt053().bytes(Statement([Line(minor) for minor in range(1, 8)])))
    with db.reading(SYSTEM) as session:
        (account,) = queries.accounts(session, SYSTEM)
        (row,) = queries.statements(session, SYSTEM, account.bank_account_id)
        first = queries.lines(session, SYSTEM, row.id, limit=5)
        rest = queries.lines(session, SYSTEM, row.id, after=first[-1].position, limit=5)
        assert [line.amount_minor for line in (*first, *rest)] == list(range(1, 8))
        assert queries.statement(session, SYSTEM, row.id) == row
        with pytest.raises(NotFound):
            queries.statement(session, SYSTEM, account.bank_account_id)


def test_batches_and_further_references_are_kept_where_they_are_found_again(creditor):
    batch = (Detail(6000, "A", "X", PAYER, ("F1",)), Detail(4000, "B", "Y", None, (), "RF18539007547034"))
    document = Camt053().bytes(
        Statement([Line(10000, batch=batch), Line(10, texts=("SOLDE",), reference="FA-1")])
    )
    more = b"<Strd><CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>\n</Stmt>"
    take(document.replace(b"</RmtInf></TxDtls></NtryDtls></Ntry>\n</Stmt>", more))
    ((details,), (nothing,)) = ask("SELECT details FROM bank_line ORDER BY position")
    assert nothing is None
    assert details == {"transactions": [
        {"amount_minor": 6000, "end_to_end_id": "A", "party_name": "X", "party_iban": PAYER, "remittance": "F1"},
        {"amount_minor": 4000, "end_to_end_id": "B", "party_name": "Y", "references": ["RF18539007547034"]},
    ]}  # fmt: skip
    assert ask("SELECT creditor_ref, remittance FROM bank_line WHERE position = 2") == [
        ("RF18539007547034", "SOLDE FA-1")
    ]


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_a_file_that_breaks_off_leaves_nothing(creditor, cut):
    document = Camt053().bytes(Statement(list(believable(300))))
    before = counts()
    with pytest.raises(RefusedFile):
        take(document[: int(len(document) * cut)])
    assert counts() == before
    assert take(document).created == 300


def test_a_second_statement_that_is_refused_takes_the_first_with_it(creditor):
    before = counts()
    with pytest.raises(RefusedFile):
        take(Camt053().bytes(Statement([Line(100)]), Statement([Line(100)], account=PAYER)))
    assert counts() == before


def test_only_who_may_import_imports(database):
    collector = staff(new_id(), "Camille", "collector")
    with pytest.raises(NotAllowed), db.writing(collector) as session:
        import_statement(session, collector, BytesIO(b""), "x.xml")


def counts() -> list[tuple]:
    tables = "bank_account bank_statement bank_line journal_entry journal_line audit_entry fact".split()
    return ask(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables))


# --- any way of cutting a history into files ends in the same books


@st.composite
def histories(draw) -> list[Line]:
    """Up to four days of lines, many of them alike to the letter, half of the banks without a reference."""
    days = draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=4), min_size=1, max_size=4))
    refs = draw(st.booleans())
    return [
        Line(
            100 * amount,
            date(2026, 9, 1) + timedelta(days=day),
            entry_ref=f"R{amount}" if refs else None,
            texts=("LOYER",),
        )
        for day, amounts in enumerate(days)
        for amount in amounts
    ]


def slice_of(history: list[Line], start: int, end: int) -> bytes:
    opening = 5000 + sum(line.amount_minor for line in history[:start])
    on = history[end - 1].booked_on
    return Camt053().bytes(Statement(history[start:end], f"S{start}-{end}", opening_minor=opening, on=on))


def the_books_hold(history: list[Line]) -> None:
    assert ask(
        "SELECT booked_on, amount_minor, count(*) FROM bank_line GROUP BY 1, 2 ORDER BY 1, 2"
    ) == sorted(
        (*key, count)
        for key, count in Counter((line.booked_on, line.amount_minor) for line in history).items()
    )
    assert one("SELECT sum(amount_minor) FROM journal_line WHERE account = '512'") == sum(
        line.amount_minor for line in history
    )
    everything_is_true()


def emptied(database: URL) -> None:
    with psycopg.connect(database.set(drivername="postgresql").render_as_string(), autocommit=True) as owner:
        owner.execute("TRUNCATE bank_statement, bank_line, journal_entry, journal_line, fact CASCADE")


@given(histories(), st.data())
@settings(max_examples=25 if not DEEP else 1000)
def test_whole_days_in_any_order_overlapping_and_repeated(database, creditor, history, data):
    emptied(database)
    edges = [
        0,
        *(n for n in range(1, len(history)) if history[n].booked_on != history[n - 1].booked_on),
        len(history),
    ]
    ranges = [(a, b) for a in edges for b in edges if a < b]
    chosen = data.draw(st.lists(st.sampled_from(ranges), max_size=6))
    for start, end in [*chosen, *pairwise(edges), *data.draw(st.lists(st.sampled_from(ranges), max_size=2))]:
        take(slice_of(history, start, end))
    the_books_hold(history)


@given(histories(), st.data())
@settings(max_examples=25 if not DEEP else 1000)
def test_a_history_cut_anywhere_delivered_in_order_then_again(database, creditor, history, data):
    emptied(database)
    cuts = data.draw(st.sets(st.integers(1, len(history)), max_size=5))
    parts = list(pairwise(sorted({0, len(history), *cuts})))
    for start, end in parts:
        take(slice_of(history, start, end))
    the_books_hold(history)
    for start, end in data.draw(st.lists(st.sampled_from([*parts, (0, len(history))]), max_size=4)):
        assert take(slice_of(history, start, end)).created == 0
    the_books_hold(history)


def test_memory_is_flat_whatever_the_number_of_entries(creditor, tmp_path):
    peaks = []
    for count in (2_000, 20_000):
        file = tmp_path / f"{count}.xml"
        with file.open("wb") as out:
            Camt053().write(out, [Statement(list(believable(count)), id=str(count))])
        with db.writing(SYSTEM) as session, file.open("rb") as source:
            tracemalloc.start()
            assert import_statement(session, SYSTEM, source, file.name).rows == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # What grows is one number per line, to tell alike lines apart; nothing of the file itself.
    assert peaks[1] - peaks[0] < 200 * 18_000
