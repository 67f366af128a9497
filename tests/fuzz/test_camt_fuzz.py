"""camt.053 under fire: any bytes are either read or refused, and what was written is what is read."""

from datetime import date
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from shared.bank_statements.camt import read_camt
from shared.bank_statements.reading import Entry, Occurrences, StatementEnd, StatementHead, identity
from shared.errors import RefusedFile
from shared.sandbox.camt_files import ACCOUNT, Camt053, Detail, Line, Statement, believable

WHOLE = Camt053().bytes(
    Statement([*believable(50), Line(-100, is_reversal=True, name="X")], id="S1"),
    Statement([Line(1)], id="S2"),
)
# Pieces that mean something to the reader do more harm than random bytes.
PIECES = [
    b"<Ntry>",
    b"</Ntry>",
    b"<Stmt>",
    b"</Stmt>",
    b"<Amt>",
    b"<Dt/>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"<?x ?>",
]
PIECES += [
    b"&amp;",
    b"&x;",
    b"&#0;",
    b"<!DOCTYPE a []>",
    b"\xff\xfe",
    b"\0",
    b"-",
    b"9" * 40,
    b"NaN",
    b'Ccy="ZZZ"',
]

texts = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="\x7f"), max_size=40
).map(lambda told: "".join(c for c in told if c.isprintable()))
names = texts.map(str.strip).map(lambda told: told or None)
amounts = st.integers(-(10**12), 10**12)
days = st.dates(date(1999, 1, 1), date(2099, 12, 31))
details = st.builds(
    Detail,
    amounts,
    end_to_end_id=st.sampled_from([None, "E1", "E2"]),
    name=names,
    texts=st.tuples(texts, texts),
)
lines = st.builds(
    Line,
    amounts,
    booked_on=days,
    value_on=days,
    entry_ref=st.sampled_from([None, "R1", "R2"]),
    end_to_end_id=st.sampled_from([None, "NOTPROVIDED", "E1"]),
    name=names,
    texts=st.lists(texts, max_size=3).map(tuple),
    reference=st.sampled_from([None, "RF18539007547034"]),
    status=st.sampled_from(["BOOK", "BOOK", "PDNG", "INFO"]),
    is_reversal=st.booleans(),
    currency=st.just("EUR"),
    batch=st.lists(details, max_size=3).map(tuple),
)
statements = st.lists(
    st.builds(Statement, st.lists(lines, max_size=6), opening_minor=amounts), min_size=1, max_size=3
)


def outcome(document: bytes) -> list[StatementHead | Entry | StatementEnd] | None:
    """What is read, or None when it is refused; any other exception fails the test."""
    try:
        return list(read_camt(BytesIO(document), "fuzz.xml"))
    except RefusedFile as refusal:
        assert refusal.file == "fuzz.xml" and str(refusal)
        return None


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(document):
    assert outcome(document) is None


@given(st.integers(0, len(WHOLE) - 1))
def test_a_cut_file_is_refused(length):
    assert outcome(WHOLE[:length]) is None


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE)),
            st.integers(0, 60),
            st.one_of(st.binary(max_size=8), st.sampled_from(PIECES)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_damaged_file_is_read_or_refused(damages):
    document = WHOLE
    for start, length, piece in damages:
        document = document[:start] + piece + document[start + length :]
    for each in outcome(document) or ():
        if isinstance(each, Entry):
            assert type(each.amount_minor) is int


@given(statements, st.integers(2, 13), st.sampled_from(["", "ns"]))
def test_what_was_written_is_read(written, version, prefix):
    found = outcome(Camt053(version, prefix).bytes(*written))
    assert found is not None
    entries = [each for each in found if isinstance(each, Entry)]
    expected = [line for statement in written for line in statement.lines]
    assert len(entries) == len(expected)
    for entry, line in zip(entries, expected, strict=True):
        assert (entry.amount_minor, entry.status, entry.is_reversal) == (
            line.amount_minor,
            line.status,
            line.is_reversal,
        )
        assert (entry.booked_on, entry.value_on, entry.entry_ref) == (
            line.booked_on,
            line.value_on,
            line.entry_ref,
        )
        if not line.batch:
            assert entry.text == "".join(line.texts) and entry.unexplained_minor == 0
            assert entry.end_to_end_id == (
                None if line.end_to_end_id == "NOTPROVIDED" else line.end_to_end_id
            )
        if len(line.batch) > 1:
            assert entry.unexplained_minor == line.amount_minor - sum(
                each.amount_minor for each in line.batch
            )
            assert [each.text for each in entry.details] == ["".join(each.texts) for each in line.batch]
    for end, statement in zip(
        [each for each in found if isinstance(each, StatementEnd)], written, strict=True
    ):
        assert end.balance_ok is True and end.opening_minor == statement.opening_minor
        assert end.credits_minor - end.debits_minor == statement.booked_minor


@given(st.lists(lines, max_size=8), st.lists(lines, max_size=8), st.lists(lines, max_size=8))
def test_an_overlapping_export_adds_exactly_what_is_new(before, shared, after):
    def keys(wanted: list[Line]) -> set[tuple[bytes, int]]:
        found = outcome(Camt053().bytes(Statement(wanted))) or []
        number = Occurrences()
        return {
            (k, number(k)) for k in (identity(ACCOUNT, each) for each in found if isinstance(each, Entry))
        }

    first, second = keys(before + shared), keys(shared + after)
    assert len(first) == len(before + shared) and len(second) == len(shared + after)
    assert len(first & second) >= len(shared)
    assert len(first | second) <= len(before + shared + after)
