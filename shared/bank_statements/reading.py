"""What a reader of any statement format yields: a head, its entries in the bank's order, an end with the proofs.

    head, entry, entry, …, end, head, …

A reader is a generator over the file and knows neither database nor clock. It raises `RefusedFile` for what it
cannot take; as that may come after the first entries, nothing counts until the generator is exhausted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, NamedTuple


@dataclass(slots=True)
class StatementHead:
    """Who reports about which account. `account` is a compact IBAN, or the bank's own identification."""

    statement: str
    account: str
    currency: str | None  # None only when the file names none and there is no entry either
    message: str | None = None
    owner: str | None = None
    sequence: int | None = None
    created_at: datetime | None = None
    period_from: date | None = None
    period_to: date | None = None


@dataclass(slots=True)
class Party:
    """The other side as the bank names it. `ids` are register numbers, BICs and the like, as given."""

    name: str | None = None
    iban: str | None = None
    account: str | None = None  # another identification, where there is no IBAN
    ultimate: str | None = None
    ids: tuple[str, ...] = ()


NOBODY = Party()


@dataclass(slots=True)
class Detail:
    """One transaction of a batch booked as a single entry. `amount_minor` is None where the bank gives none."""

    amount_minor: int | None
    end_to_end_id: str | None
    bank_ref: str | None
    party: Party
    texts: tuple[str, ...]
    references: tuple[str, ...]
    info: str | None

    @property
    def text(self) -> str:
        """The remittance text in one piece: banks cut it anywhere, in the middle of a number too."""
        return "".join(self.texts)


@dataclass(slots=True)
class Entry:
    """One line of the account. `amount_minor` is positive for money that came in, negative for money that left.

    Party, texts, references and end-to-end id are those of the line's only transaction; a batch keeps them in
    `details`. `references` are structured: creditor references (RF, national) and numbers of referred documents.
    `unexplained_minor` is the part of the amount that the transactions do not account for, such as charges.
    """

    position: int  # from 1 within its statement
    amount_minor: int
    currency: str
    status: str  # BOOK counts; PDNG, INFO, FUTR and whatever a bank invents are kept apart
    booked_on: date | None  # None only while not booked
    value_on: date | None
    entry_ref: str | None
    end_to_end_id: str | None
    transaction_code: str | None
    is_reversal: bool
    party: Party
    texts: tuple[str, ...]
    references: tuple[str, ...]
    info: str | None
    unexplained_minor: int
    details: tuple[Detail, ...]
    raw: str  # as the file has it, for audit

    @property
    def is_booked(self) -> bool:
        return self.status == "BOOK"

    @property
    def text(self) -> str:
        """The remittance text in one piece: banks cut it anywhere, in the middle of a number too."""
        return "".join(self.texts)


class Remark(NamedTuple):
    """Something a person should know about a statement that was taken: an English message id and its values."""

    sentence: str
    params: dict[str, Any]

    def __str__(self) -> str:
        return self.sentence % self.params


@dataclass(slots=True)
class StatementEnd:
    """The proofs. Sums are of booked entries, both as positive numbers in the account's currency.

    `balance_ok` says whether opening + credits − debits = closing; None when the file does not give both balances.
    """

    statement: str
    opening_minor: int | None
    closing_minor: int | None
    opening_on: date | None
    closing_on: date | None
    entries: int
    not_booked: int
    credits_minor: int
    debits_minor: int
    balance_ok: bool | None
    remarks: tuple[Remark, ...] = ()


def identity(account: str, entry: Entry) -> bytes:
    """What makes the same line of the same account recognisable in another file: 16 bytes.

    The bank's own reference does not stand alone, as banks use references again: next year, for another amount.
    Without one, all that was told about the line speaks for it. Truly equal lines share an identity; `Occurrences`
    tells them apart.
    """
    facts: tuple[object, ...]
    if entry.entry_ref:
        facts = ("ref", entry.entry_ref)
    else:
        facts = (
            "line",
            entry.value_on,
            entry.end_to_end_id,
            entry.party.iban,
            entry.references,
            entry.text,
            entry.info,
        )
    whole = (account, entry.booked_on, entry.amount_minor, entry.currency, *facts)
    return blake2b(repr(whole).encode(), digest_size=16).digest()


class Occurrences:
    """Numbers equal lines of one file from 1, so that (identity, number) is unique and stable.

    Two truly equal lines of a day become 1 and 2. The same file read again gives the same numbers and adds nothing;
    an overlapping export adds only the lines that are new. O(1) a line.

    >>> number = Occurrences()
    >>> number(b"a"), number(b"b"), number(b"a")
    (1, 1, 2)
    """

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def __call__(self, key: bytes) -> int:
        self._seen[key] += 1
        return self._seen[key]
