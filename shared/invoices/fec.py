"""FEC (fichier des écritures comptables, LPF A47 A-1): the lines of customers' accounts, entry by entry.

The law fixes eighteen columns, tab or `|`, a decimal comma and dates AAAAMMJJ. Real files bring a BOM, points, quotes,
other column orders, leading blanks, a `|` inside a label, and `Montant` + `Sens` instead of `Debit` + `Credit`: all
that is read. What may not be is an entry that does not balance: such a file is cut off or edited, and is refused.

One pass, O(lines); kept in memory are only the lines on customers' accounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from shared.errors import DomainError, RefusedFile
from shared.money import UnreadableAmount, parse_xml_minor
from shared.tabular.delimited import find_encoding, header_line, records, text_lines
from shared.tabular.reader import MAX_CELL

SEPARATORS = "\t|;"
RECEIVABLE = ("411", "413", "416", "419")
_UNBILLED = "418"  # income not yet invoiced: nobody can be asked for it
_NEEDED = ("JournalCode", "EcritureNum", "EcritureDate", "CompteNum")
_WANTED = (
    *_NEEDED,
    *(
        "JournalLib",
        "CompteLib",
        "CompAuxNum",
        "CompAuxLib",
        "PieceRef",
        "PieceDate",
        "EcritureLet",
        "DateLet",
    ),
)
_SIGNS = {"D": 1, "C": -1, "+1": 1, "1": 1, "+": 1, "-1": -1, "-": -1}
_LIKE_AMOUNT = re.compile(r"[\d\s.,+\-]*|[DC]", re.ASCII)
_OPENING = frozenset("AN ANC ANOUV RAN RANOUV A-NOUV ANX".split())


class Receivable(NamedTuple):
    """One line on a customer's account; debits are positive. `nature` says what kind of entry it stands in."""

    line: int
    journal: str
    entry: str
    booked_on: date
    account: str
    customer_ref: str
    customer_name: str
    piece: str
    piece_on: date
    amount_minor: int
    lettering: str
    nature: str  # sale | payment | opening | other
    tax_minor: int | None


@dataclass(slots=True)
class _Entry:
    """An entry while its lines come in, until it balances."""

    line: int
    balance: int = 0
    tax: int = 0
    sale: bool = False
    bank: bool = False
    lines: list[Receivable] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fec:
    """What was read: the lines of customers' accounts, and what shows that all of the file was."""

    receivables: list[Receivable]
    lines: int
    entries: int
    debit_minor: int
    unbilled_minor: int


def read_fec(source: BinaryIO, currency: str = "EUR") -> Fec:
    """Read a FEC; the first thing that cannot be right is a `RefusedFile` with its line and column."""
    encoding = find_encoding(source)
    with text_lines(source, encoding) as lines:
        header = header_line(lines)
        separator = max(SEPARATORS, key=header.count)
        source.seek(0)
    with text_lines(source, encoding) as lines:
        rows = records(lines, separator, quoted=header.startswith('"'))
        _, names = next(((line, cells) for line, cells in rows if any(cells)), (1, []))
        return _entries(rows, _places(names), len(names), currency)


def _entries(rows: Iterator[tuple[int, list[str]]], at: Mapping[str, int], width: int, currency: str) -> Fec:
    amounts = _Amounts(at, currency)
    picks = [at[name] for name in _WANTED]
    least = max(at["CompteNum"], *(at[n] for n in ("Debit", "Credit", "Montant", "Sens"))) + 1
    open_entries: dict[tuple[str, str], _Entry] = {}
    found: list[Receivable] = []
    line = count = entries = debit = unbilled = 0
    for line, cells in rows:
        if not any(cells):
            continue
        count += 1
        if len(cells) != width:
            _mend(line, cells, width, least, at)
        cells.append("")  # stands for the columns the file does not have
        values = [cells[place].strip() for place in picks]
        amount = amounts.of(line, cells)
        account = values[3]
        booked_on = _day(line, "EcritureDate", values[2])
        if not account:
            raise RefusedFile("An account number was expected here.", line=line, column="CompteNum")
        key = (values[0], values[1] or values[2])
        entry = open_entries.get(key)
        if entry is None:
            entry = open_entries[key] = _Entry(line)
            entries += 1
        entry.balance += amount
        debit += max(amount, 0)
        if account.startswith(RECEIVABLE):
            if amount:
                entry.lines.append(_receivable(line, values, booked_on, amount))
        elif account.startswith("7"):
            entry.sale = True
        elif account.startswith("5"):
            entry.bank = True
        elif account.startswith("4457"):
            entry.tax -= amount
        elif account.startswith(_UNBILLED):
            unbilled += amount
        if not entry.balance and amount:
            found.extend(_with_nature(entry))
            del open_entries[key]
    _refuse_unbalanced(open_entries)
    return Fec(found, count, entries, debit, unbilled)


def _receivable(line: int, values: Sequence[str], booked_on: date, amount: int) -> Receivable:
    (
        journal,
        entry,
        _,
        account,
        journal_name,
        account_name,
        auxiliary,
        name,
        piece,
        piece_date,
        lettering,
        _,
    ) = values
    for column, text in (("CompAuxNum", auxiliary), ("PieceRef", piece), ("CompAuxLib", name)):
        if len(text) > MAX_CELL:
            raise RefusedFile("This value is too long.", line=line, column=column)
    opening = journal.upper() in _OPENING or "NOUVEAU" in journal_name.upper()
    return Receivable(
        line,
        journal,
        entry,
        booked_on,
        account,
        auxiliary or account,
        (name if auxiliary else account_name) or auxiliary or account,
        piece,
        _day(line, "PieceDate", piece_date) if piece_date else booked_on,
        amount,
        lettering,
        "opening" if opening else "",
        None,
    )


def _with_nature(entry: _Entry) -> Iterator[Receivable]:
    """The counterparts say what a line is: income makes an invoice or credit note, money a payment."""
    alone = len(entry.lines) == 1
    for row in entry.lines:
        if row.nature:
            yield row
            continue
        if entry.sale and entry.bank:  # a cash sale that passes through the customer's account
            nature = "sale" if row.amount_minor > 0 else "payment"
        else:
            nature = "sale" if entry.sale else "payment" if entry.bank else "other"
        yield row._replace(nature=nature, tax_minor=entry.tax if alone and nature == "sale" else None)


def _places(header: Sequence[str]) -> dict[str, int]:
    """Where each column stands; a column that is absent stands after the last."""
    spelled = {name.strip(' "\ufeff').lower(): place for place, name in enumerate(header)}
    if "ecrturelet" in spelled:  # the order of 2013 prints the name with and without its “i”
        spelled.setdefault("ecriturelet", spelled["ecrturelet"])
    signed = "montant" in spelled and "sens" in spelled
    for name in (*_NEEDED, *(("Montant", "Sens") if signed else ("Debit", "Credit"))):
        if name.lower() not in spelled:
            told = "The column “%(name)s” is missing: this is no FEC. Its first line must name its eighteen columns."
            raise RefusedFile(told, line=1, column=name, name=name)
    names = (*_WANTED, "EcritureLib", "Debit", "Credit", "Montant", "Sens")
    places = {name: spelled.get(name.lower(), len(header)) for name in names}
    for name in ("Debit", "Credit") if signed else ("Montant", "Sens"):
        places[name] = -1
    return places


class _Amounts:
    """The amount of a row, debit positive, in either of the two notations the law allows."""

    def __init__(self, at: Mapping[str, int], currency: str) -> None:
        self.debit, self.credit = at["Debit"], at["Credit"]
        self.amount, self.sign = at["Montant"], at["Sens"]
        self.currency = currency

    def of(self, line: int, cells: Sequence[str]) -> int:
        if self.sign < 0:
            debit = self._read(line, "Debit", cells[self.debit])
            return debit - self._read(line, "Credit", cells[self.credit])
        sign = _SIGNS.get(cells[self.sign].strip().upper())
        if sign is None:
            told = "“%(value)s” is not a direction: D or C, +1 or -1 was expected."
            raise RefusedFile(told, line=line, column="Sens", value=cells[self.sign][:20])
        return sign * self._read(line, "Montant", cells[self.amount])

    def _read(self, line: int, column: str, text: str) -> int:
        try:
            return _amount(text, self.currency)
        except DomainError as refusal:
            raise RefusedFile(refusal.sentence, line=line, column=column, **refusal.params) from None


@lru_cache(maxsize=8192)
def _amount(text: str, currency: str) -> int:
    """An amount of a FEC: decimal comma or point, never a thousands separator; the sign first or last.

    >>> [_amount(t, "EUR") for t in ("1200,00", " 000000000007760,45", "12.5-", "-0003,10", "")]
    [120000, 776045, -1250, -310, 0]
    """
    plain = text.strip().replace(",", ".").replace(" ", "")
    if not plain:
        return 0
    if plain.endswith(("-", "+")):
        plain = plain[-1] + plain[:-1]
    try:
        return parse_xml_minor(plain, currency)
    except UnreadableAmount:
        raise UnreadableAmount(value=text[:60]) from None


def _day(line: int, column: str, text: str) -> date:
    found = _read_day(text)
    if found is None:
        told = "“%(value)s” is not a date of a FEC: AAAAMMJJ such as 20260331 was expected."
        raise RefusedFile(told, line=line, column=column, value=text[:40])
    return found


@lru_cache(maxsize=8192)
def _read_day(text: str) -> date | None:
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _mend(line: int, cells: list[str], width: int, least: int, at: Mapping[str, int]) -> None:
    """Rows may lack blank cells at their end, have some too many, or a separator inside the label."""
    label, extra = at["EcritureLib"], len(cells) - width
    amounts = [
        cells[at[name]] for name in ("Debit", "Credit", "Montant", "Sens") if -1 < at[name] < len(cells)
    ]
    if extra > 0 and not any(cells[width:]) and all(map(_LIKE_AMOUNT.fullmatch, amounts)):
        del cells[width:]
    elif extra > 0 and label < width:
        cells[label : label + extra + 1] = [" ".join(cells[label : label + extra + 1])]
    elif least <= len(cells) < width:
        cells.extend([""] * (width - len(cells)))
    if len(cells) != width:
        told = "This row has %(found)s cells where the header has %(expected)s: the file may be cut off."
        raise RefusedFile(told, line=line, found=len(cells), expected=width)


def _refuse_unbalanced(entries: Mapping[tuple[str, str], _Entry]) -> None:
    for (journal, number), entry in entries.items():
        if entry.balance:
            told = (
                "Entry %(entry)s of journal %(journal)s does not balance: debit and credit differ by %(difference)s. "
                "The file is cut off or was changed."
            )
            difference = f"{abs(entry.balance) // 100},{abs(entry.balance) % 100:02d}"
            raise RefusedFile(told, line=entry.line, entry=number, journal=journal, difference=difference)
