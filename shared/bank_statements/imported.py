"""The answer to an import of bank statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.bank_statements.reading import Remark, StatementEnd


@dataclass(frozen=True, slots=True)
class ImportedStatement:
    """One statement of a file: its proofs, and what became of its entries. `id` is the bank's."""

    id: str
    account: str
    currency: str
    end: StatementEnd
    created: int
    duplicates: int
    remarks: tuple[Remark, ...]

    @property
    def booked(self) -> int:
        return self.end.entries - self.end.not_booked

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "account": self.account,
            "currency": self.currency,
            "opening_minor": self.end.opening_minor,
            "closing_minor": self.end.closing_minor,
            "entries": self.booked,
            "credits_minor": self.end.credits_minor,
            "debits_minor": self.end.debits_minor,
            "balance_ok": self.end.balance_ok,
            "created": self.created,
            "duplicates": self.duplicates,
            "not_booked": self.end.not_booked,
            "remarks": [str(each) for each in self.remarks],
        }


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """The answer to an import. Entries that are not booked yet are rows, but neither created nor duplicates."""

    file: str
    format: str
    statements: tuple[ImportedStatement, ...]

    @property
    def rows(self) -> int:
        return sum(each.end.entries for each in self.statements)

    @property
    def created(self) -> int:
        return sum(each.created for each in self.statements)

    @property
    def duplicates(self) -> int:
        return sum(each.duplicates for each in self.statements)

    def as_json(self) -> dict[str, Any]:
        """The stable answer of `quittance import statement --json`."""
        return {
            "format": self.format,
            "rows": self.rows,
            "created": self.created,
            "updated": 0,
            "unchanged": 0,
            "duplicates": self.duplicates,
            "rejected": [],
            "statements": [each.as_json() for each in self.statements],
        }
