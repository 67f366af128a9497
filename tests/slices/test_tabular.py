"""Files with a header row: what is read, what is refused, and where."""

import io
from datetime import date, datetime

import pytest

from shared.customers.files import CustomerRow, read_customers
from shared.errors import RefusedFile
from shared.invoices.files import read_invoices
from shared.tabular.rows import RowError
from tests.make import files

COLUMNS = ("customer_ref", "name", "city", "iban")


def customers(content: bytes) -> list[CustomerRow | RowError]:
    return list(read_customers(io.BytesIO(content)).rows)


def refusal(content: bytes) -> RefusedFile:
    with pytest.raises(RefusedFile) as caught:
        customers(content)
    return caught.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_delimiters_and_encodings(delimiter: str, encoding: str) -> None:
    content = files.csv_bytes(
        COLUMNS,
        [("C1", "Boulangerie « Été » œ", "Orléans, Centre; FR", "")],
        delimiter=delimiter,
        encoding=encoding,
    )
    (row,) = customers(content)
    assert (row.name, row.city) == ("Boulangerie « Été » œ", "Orléans, Centre; FR")


def test_the_euro_sign_of_iso_8859_15() -> None:
    (row,) = customers(files.csv_bytes(COLUMNS, [("C1", "100 € Été", "", "")], encoding="iso8859-15"))
    assert row.name == "100 € Été"


def test_header_is_matched_without_case_and_unknown_columns_are_told() -> None:
    file = read_customers(io.BytesIO(b" NAME ;colour; Customer_Ref;;\r\nDupont;red;C1;;\r\n\r\n;;;;\r\n"))
    assert [(row.line, row.customer_ref, row.name) for row in file.rows] == [(2, "C1", "Dupont")]
    assert file.unknown == ("colour",)
    assert file.columns == {"customer_ref", "name"}


def test_lines_are_those_of_the_file_though_values_have_line_ends() -> None:
    content = b'\ncustomer_ref,name,siren\nC1,"A\nB\nC",\nC2,B,123\n\nC3,C,\n'
    first, bad, third = customers(content)
    assert (first.line, first.name, third.line) == (3, "A\nB\nC", 8)
    assert isinstance(bad, RowError)
    assert (bad.line, bad.column, bad.value) == (6, "siren", "123")


def test_rows_tell_everything_that_is_wrong_with_them() -> None:
    content = files.csv_bytes(
        (
            "customer_ref",
            "name",
            "siren",
            "vat_id",
            "country",
            "email",
            "credit_limit",
            "payment_terms",
            "iban",
            "kind",
        ),
        [
            (
                "",
                "",
                "857147962",
                "FR00857147961",
                "France",
                "a@b",
                "much",
                "soon",
                "FR7630006000011234567890188",
                "boss",
            )
        ],
    )
    wrong = customers(content)
    assert {error.column for error in wrong if isinstance(error, RowError)} == {
        *(
            "customer_ref",
            "name",
            "siren",
            "vat_id",
            "country",
            "email",
            "credit_limit",
            "payment_terms",
            "iban",
        ),
        "kind",
    }
    assert all("%(" not in str(error) for error in wrong)


def test_a_full_customer() -> None:
    columns = (
        "customer_ref",
        "name",
        "siren",
        "vat_id",
        "country",
        "language",
        "email",
        "credit_limit",
        "iban",
        "kind",
    )
    values = ("C1", "Dupont", "857 147 961", "fr85857147961", "fr", "fr-FR", "ap@dupont.fr", "10 000,50")
    (row,) = customers(
        files.csv_bytes(
            [*columns, "payment_terms"], [(*values, "FR76 3000 6000 0112 3456 7890 189", "Public", "NET 30")]
        )
    )
    assert row == CustomerRow(
        2, "C1", "Dupont", "857147961", "FR85857147961", "FR", "fr", "ap@dupont.fr",
        credit_limit_minor=1_000_050, payment_terms="30 net", ibans=("FR7630006000011234567890189",), kind="public",
    )  # fmt: skip


def test_a_row_that_is_cut_off_is_refused() -> None:
    _, cut = customers(b"customer_ref,name,city,credit_limit\nC1,A,B,1000.00\nC2,B,C")
    assert isinstance(cut, RowError)
    assert cut.line == 3
    assert cut.params == {"found": 3, "expected": 4}


def test_a_long_cell_is_refused_with_its_column() -> None:
    (error,) = customers(files.csv_bytes(COLUMNS, [("C1", "x" * 501, "", "")]))
    assert isinstance(error, RowError)
    assert error.column == "name"


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"", 1, "empty"),
        (b"\n \n", 1, "empty"),
        (b"customer_ref;city\nC1;Paris\n", 1, "“name” is missing"),
        (b"customer_ref,name,NAME\n", 1, "twice"),
        (b'customer_ref,name\nC1,"A\nC2,B\n', 2, "quotation mark"),
        (b"customer_ref,name\nC1,\0\n", 2, "not a text file"),
        (b"customer_ref,name\nC1,A\nC2,\x81\xff\n", 3, "neither UTF-8"),
        ("customer_ref,name\nC1,Été".encode()[:-1], 2, "cut off"),
        (b"%PDF-1.7\n", None, "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None, "password-protected"),
        (b"PK\x03\x04 not a zip", None, "damaged"),
    ],
)
def test_files_that_are_refused_whole(content: bytes, line: int | None, said: str) -> None:
    error = refusal(content)
    assert error.line == line
    assert said in str(error)


class OneLine(io.RawIOBase):
    """A hundred megabytes without a line end, made as they are read."""

    def __init__(self, head: bytes, size: int) -> None:
        self.head, self.size, self.at = head, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= 1024**2, "the file is read in pieces"
        piece = (self.head[self.at : self.at + size] or b"x" * size)[: max(self.size - self.at, 0)]
        self.at += len(piece)
        return piece


def test_a_line_of_a_hundred_megabytes_is_refused_before_it_is_held() -> None:
    source = OneLine(b"customer_ref,name\nC1,", 100 * 1024**2)
    with pytest.raises(RefusedFile, match="longer than") as caught:
        read_customers(source)  # type: ignore[arg-type]
    assert caught.value.line == 2
    assert source.at < 3 * 1024**2


def test_a_quoted_value_over_many_lines_is_refused_before_it_is_held() -> None:
    error = refusal(b"customer_ref,name\nC0,x\nC1," + b'"a\n",' * 400_000)
    assert error.line == 3


def test_xlsx_cells_are_exact() -> None:
    columns = ("invoice_number", "customer_ref", "issue_date", "due_date", "total_incl_vat")
    rows = [
        ("F1", 42, date(2026, 3, 31), "30/04/2026", 1200.1),
        ("F2", 7.0, datetime(2026, 3, 31), "", 0.1 + 0.2),
        ("F3", "007", "2026-03-31", None, "1 234,56"),
    ]
    file = read_invoices(io.BytesIO(files.xlsx_bytes(columns, rows)))
    assert file.format == "xlsx"
    found = list(file.rows)
    assert [(row.line, row.customer_ref, row.total_incl_minor) for row in found] == [
        (2, "42", 120010),
        (3, "7", 30),
        (4, "007", 123456),
    ]
    assert {row.issued_on for row in found} == {date(2026, 3, 31)}
    assert found[0].due_on == date(2026, 4, 30)


def test_a_zip_bomb_is_refused_from_its_directory() -> None:
    assert "unpack" in str(refusal(files.zip_bomb(64)))


def test_a_sheet_with_entities_is_refused() -> None:
    assert "DOCTYPE" in str(
        refusal(files.with_document_type(files.xlsx_bytes(COLUMNS, [("C1", "A", "", "")])))
    )


def test_a_truncated_workbook_is_refused() -> None:
    whole = files.xlsx_bytes(COLUMNS, [("C1", "A", "", "")])
    assert "damaged" in str(refusal(whole[: len(whole) // 2]))
