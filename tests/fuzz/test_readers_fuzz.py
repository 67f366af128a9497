"""Whatever bytes come in: rows, or a refusal in words. Never another exception, never a wrong amount."""

import io
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.customers.files import read_customers
from shared.errors import DomainError, RefusedFile
from shared.importing.fec_items import read_fec_books
from shared.invoices.cii import read_cii
from shared.invoices.facturx import read_facturx
from shared.invoices.files import read_invoices
from shared.invoices.recognise import recognise
from shared.invoices.ubl import read_ubl
from shared.payments.history_file import read_payments
from shared.tabular.rows import RowError
from tests.make import files

FEC = files.fec_lines(
    [
        [
            files.fec_line("VE", "1", "20260110", "411000", 12000, customer="C1", piece="F1"),
            files.fec_line("VE", "1", "20260110", "707000", -12000),
        ]
    ]
)
READERS: dict[str, tuple[Callable[[bytes], Any], list[bytes]]] = {
    "customers": (
        lambda b: list(read_customers(io.BytesIO(b)).rows),
        [b"customer_ref,name,siren,iban\nC1,A,857147961,\n"],
    ),
    "invoices": (lambda b: list(read_invoices(io.BytesIO(b)).rows), [files.invoices_csv(3)]),
    "xlsx": (
        lambda b: list(read_invoices(io.BytesIO(b)).rows),
        [files.xlsx_bytes(files.INVOICE_COLUMNS, files.invoice_rows(3))],
    ),
    "payments": (
        lambda b: list(read_payments(io.BytesIO(b)).rows),
        [b"payment_ref;customer_ref;received_on;amount\nP1;C1;31/12/2025;1 200,50\n"],
    ),
    "fec": (lambda b: read_fec_books(io.BytesIO(b)), [FEC, FEC.replace(b"\t", b"|")]),
    "cii": (read_cii, [files.cii()]),
    "ubl": (read_ubl, [files.ubl(), files.ubl("CreditNote")]),
    "facturx": (lambda b: read_facturx(io.BytesIO(b)), [files.pdf_with([("factur-x.xml", files.cii())])]),
    "recognise": (lambda b: recognise(io.BytesIO(b)), [files.cii(), FEC, files.invoices_csv(1)]),
}


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A good file cut off, with bytes changed, taken out, doubled or put in; or no file at all."""
    content = bytearray(draw(st.sampled_from([*seeds, b""])))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["cut", "put", "drop", "double", "word"])):
            case "cut":
                del content[at:]
            case "put":
                content[at:at] = draw(st.binary(min_size=1, max_size=12))
            case "drop":
                del content[at : at + draw(st.integers(1, 40))]
            case "double":
                content[at:at] = content[at : at + draw(st.integers(1, 200))]
            case _:
                words = [
                    b'"',
                    b"\0",
                    b"\r",
                    b";",
                    b"|",
                    b"\t",
                    b"-",
                    b"9" * 40,
                    b"&x;",
                    b"<!DOCTYPE a>",
                    "é€".encode(),
                ]
                content[at:at] = draw(st.sampled_from(words))
    return bytes(content)


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files_are_read_or_refused(name: str, data: st.DataObject) -> None:
    read, seeds = READERS[name]
    content = data.draw(damaged(seeds))
    try:
        read(content)
    except RefusedFile as refusal:
        assert "%(" not in str(refusal)


@given(st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_workbook_with_a_damaged_part_is_read_or_refused(data: st.DataObject) -> None:
    """Bytes changed inside a part, with a container that is whole: what reaches openpyxl's own parsers."""
    read, (whole,) = READERS["xlsx"]
    with zipfile.ZipFile(io.BytesIO(whole)) as honest:
        parts = {name: honest.read(name) for name in honest.namelist()}
    name = data.draw(st.sampled_from(sorted(parts)))
    parts[name] = data.draw(damaged([parts[name]]))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as container:
        for part, content in parts.items():
            container.writestr(part, content)
    try:
        read(out.getvalue())
    except RefusedFile as refusal:
        assert "%(" not in str(refusal)


@given(st.text(max_size=40), st.sampled_from(["EUR", "JPY", "TND", "XXX", ""]))
def test_a_cell_never_becomes_another_amount(text: str, currency: str) -> None:
    content = files.csv_bytes(
        (
            "invoice_number",
            "customer_ref",
            "issue_date",
            "total_incl_vat",
            "currency",
            "vat_breakdown",
            "payee_iban",
        ),
        [("F1", "C1", "2026-01-01", text, currency, text, text)],
    )
    try:
        found = list(read_invoices(io.BytesIO(content)).rows)
    except DomainError:
        return
    assert found
    assert all(isinstance(row, RowError) for row in found) or not text.strip()


_PRINTED = {
    "point": lambda minor: f"{minor // 100}.{minor % 100:02d}",
    "comma": lambda minor: f"{minor // 100},{minor % 100:02d}",
    "french": lambda minor: f"{minor // 100:,}".replace(",", "\u202f") + f",{minor % 100:02d}",
}
_REFERENCES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=20
)


@given(
    st.lists(
        st.tuples(
            _REFERENCES, _REFERENCES, st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 10**13),
            st.integers(0, 2000), st.sampled_from(sorted(_PRINTED)), st.booleans(),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(",;\t"),
)  # fmt: skip
def test_good_rows_come_back_exactly(rows: list[tuple[Any, ...]], delimiter: str) -> None:
    written = [
        (
            number, customer, day.isoformat() if iso else f"{day:%d/%m/%Y}", _PRINTED[how](net + tax),
            f"5.5:{_PRINTED[how](net)}:{_PRINTED[how](tax)}",
        )
        for number, customer, day, net, tax, how, iso in rows
    ]  # fmt: skip
    content = files.csv_bytes(
        ("invoice_number", "customer_ref", "issue_date", "total_incl_vat", "vat_breakdown"),
        written,
        delimiter=delimiter,
    )
    found = list(read_invoices(io.BytesIO(content)).rows)
    assert [
        (r.invoice_number, r.customer_ref, r.issued_on, r.total_incl_minor, r.total_excl_minor) for r in found
    ] == [(number, customer, day, net + tax, net) for number, customer, day, net, tax, _, _ in rows]
    assert {share.rate for row in found for share in row.vat} == {Decimal("5.5")}
