"""Bring the documents of one file into tables of this transaction: COPY, then compare with the books.

O(rows), a handful of statements whatever their number; only the rows of one piece are in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from psycopg import Connection

from shared.ids import new_id_texts
from shared.invoices.files import InvoiceRow, VatShare
from shared.ledger.rules import number_key
from shared.tabular.copy_text import optional, pieces, text, texts


class Paper(NamedTuple):
    """What an electronic invoice says beyond its row."""

    type_code: str = ""
    payment_reference: str = ""
    preceding_number: str = ""
    factored: bool = False
    payee_name: str = ""


_PLAIN = Paper()
_COLUMNS = (
    "line, id, number, number_key, kind, customer_ref, customer_name, issued_on, due_on, currency, amount_minor,"
    " net_minor, vat_minor, vat, order_ref, creditor, payee_iban, document, type_code, payment_reference,"
    " preceding_number, factored, payee_name"
)
_CREATE = """
    CREATE TEMP TABLE incoming_invoice (
        line integer, id uuid, number text, number_key text, kind text, customer_ref text, customer_name text,
        issued_on date, due_on date, currency char(3), amount_minor bigint, net_minor bigint, vat_minor bigint,
        vat jsonb, order_ref text, creditor text, payee_iban text, document text, type_code text,
        payment_reference text, preceding_number text, factored boolean, payee_name text, first_line integer,
        repeats text
    ) ON COMMIT DROP"""
_COPY = f"COPY incoming_invoice ({_COLUMNS}) FROM STDIN"

# A number that stands twice: the first row counts, the others must say the same.
_REPEATED = """
    UPDATE incoming_invoice i SET first_line = f.line
    FROM (SELECT creditor, number, min(line) AS line FROM incoming_invoice
          GROUP BY creditor, number HAVING count(*) > 1) f
    WHERE (f.creditor, f.number) = (i.creditor, i.number) AND i.line <> f.line"""
_SAME = "kind, customer_ref, issued_on, due_on, currency, amount_minor, net_minor, vat, order_ref, payee_iban, document"
_SAME_OF = {table: ", ".join(f"{table}.{name}" for name in _SAME.split(", ")) for table in ("same", "r")}
_COMPARE_REPEATED = f"""
    UPDATE incoming_invoice i SET repeats = CASE WHEN same.line IS NULL THEN 'repeated' ELSE 'duplicate' END
    FROM incoming_invoice r
    LEFT JOIN (SELECT * FROM incoming_invoice) same ON same.line = r.first_line
         AND ({_SAME_OF["same"]}) IS NOT DISTINCT FROM ({_SAME_OF["r"]})
    WHERE i.line = r.line AND r.first_line IS NOT NULL"""

# What each row is to the books. Parties, amounts and the day of a booked document never change (a credit note
# corrects them); what follows from them may. A refusal is told by the first thing that differs.
_JUDGE = """
    CREATE TEMP TABLE judged_invoice ON COMMIT DROP AS
    SELECT s.*, k.id AS creditor_id, c.id AS customer_id, p.id AS payee_id, i.id AS item_id, NULL::text AS attached,
        CASE
            WHEN s.repeats IS NOT NULL THEN s.repeats
            WHEN k.id IS NULL THEN CASE s.creditor WHEN '' THEN 'no_creditor' ELSE 'creditor' END
            WHEN i.id IS NULL AND s.amount_minor = 0 THEN 'nothing'
            WHEN i.id IS NULL AND c.id IS NULL AND s.customer_name = '' THEN 'customer_ref'
            WHEN i.id IS NULL THEN 'created'
            WHEN i.kind <> s.kind THEN 'kind'
            WHEN c.id IS DISTINCT FROM i.customer_id THEN 'customer'
            WHEN i.currency <> s.currency THEN 'currency'
            WHEN i.amount_minor <> s.amount_minor THEN 'amount'
            WHEN i.issued_on <> s.issued_on THEN 'issue_date'
            WHEN v.total_excl_minor <> s.net_minor THEN 'net'
            WHEN s.due_on <> i.due_on OR s.payee_iban <> '' AND p.id IS DISTINCT FROM i.payee_account_id
                 OR v.order_ref IS DISTINCT FROM coalesce(s.order_ref, v.order_ref)
                 OR v.payment_reference IS DISTINCT FROM coalesce(s.payment_reference, v.payment_reference)
                 OR s.factored AND NOT v.factored THEN 'updated'
            ELSE 'unchanged'
        END AS outcome
    FROM incoming_invoice s
    LEFT JOIN creditor k ON k.code = s.creditor
    LEFT JOIN customer c ON c.ref = s.customer_ref
    LEFT JOIN bank_account p ON s.payee_iban <> '' AND p.creditor_id = k.id AND p.iban = s.payee_iban
    LEFT JOIN open_item i ON i.creditor_id = k.id AND i.number = s.number AND i.kind IN ('invoice', 'credit_note')
    LEFT JOIN invoice v ON v.id = i.id"""


class Staging:
    """The documents of one file, from its rows to what each of them is to the books."""

    def __init__(self, connection: Connection[Any], default_creditor: str) -> None:
        self._connection = connection
        self._default_creditor = default_creditor
        connection.execute(_CREATE)

    def take(
        self,
        rows: Iterable[InvoiceRow],
        paper: Paper = _PLAIN,
        progress: Callable[[int], None] = lambda n: None,
    ) -> int:
        """Stage the rows; gives how many."""
        count = 0
        with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for piece in pieces(self._lines(rows, paper)):
                copy.write(piece)
                count += piece.count("\n")
                progress(count)
        return count

    def judge(self) -> None:
        """Compare with the books. One file at a time: what is new for it stays new until it commits."""
        run = self._connection.execute
        run("SELECT pg_advisory_xact_lock(hashtextextended('import invoices', 0))")
        run("ANALYZE incoming_invoice (number, customer_ref)")
        if run(_REPEATED).rowcount:
            run(_COMPARE_REPEATED)
        run(_JUDGE)

    def _lines(self, rows: Iterable[InvoiceRow], paper: Paper) -> Iterator[str]:
        rest = (
            f"{optional(text(paper.payment_reference))}\t{optional(text(paper.preceding_number))}"
            f"\t{'t' if paper.factored else 'f'}\t{text(paper.payee_name)}\n"
        )
        ids = _ids()
        for row in rows:
            (
                line, number, kind, ref, name, issued, due, currency, total, net, order_ref, creditor, iban, shares,
                document,
            ) = row  # fmt: skip
            credit = kind == "credit_note"
            sign = -1 if credit else 1
            tax: int | None = None
            if shares:
                tax = sum([share.tax_minor for share in shares])
            elif net is not None:
                tax = total - net
            key = number_key(number)
            number, ref, name, order_ref, document = texts(number, ref, name, order_ref, document)
            yield (
                f"{line}\t{next(ids)}\t{number}\t{key}\t{kind}\t{ref}\t{name}\t{issued}\t{due or _NULL}\t{currency}"
                f"\t{sign * total}\t{_NULL if net is None else sign * net}\t{_NULL if tax is None else sign * tax}"
                f"\t{_vat(shares, sign)}\t{order_ref or _NULL}"
                f"\t{text(creditor.upper()) if creditor else self._default_creditor}\t{iban}\t{document}"
                f"\t{paper.type_code or ('381' if credit else '380')}\t{rest}"
            )


_NULL = "\\N"


def _vat(shares: tuple[VatShare, ...], sign: int) -> str:
    """The breakdown as the invoice keeps it, with the document's sign."""
    if len(shares) == 1 and not shares[0].category:
        ((rate, basis, tax, _),) = shares
        return f'[{{"rate": "{_rate(rate)}", "base_minor": {sign * basis}, "vat_minor": {sign * tax}}}]'
    kept = [
        {"rate": _rate(s.rate), "base_minor": sign * s.basis_minor, "vat_minor": sign * s.tax_minor}
        | ({"category": s.category} if s.category else {})
        for s in shares
    ]
    return text(json.dumps(kept))


@lru_cache(maxsize=256)
def _rate(rate: Decimal) -> str:
    """5.50 → 5.5, 20.00 → 20: one spelling, so that the same rate compares equal.

    >>> _rate(Decimal("20.00")), _rate(Decimal("5.50")), _rate(Decimal("0"))
    ('20', '5.5', '0')
    """
    return f"{rate.normalize():f}"


def _ids() -> Iterator[str]:
    while True:
        yield from new_id_texts(2000)
