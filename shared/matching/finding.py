"""Find what a person could assign a line to: candidates with their clues, and a search over all open items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.customers.rules import search_key
from shared.errors import DomainError
from shared.ledger.rules import number_key
from shared.matching.queries import Line
from shared.matching.rules import BankLine, number_keys
from shared.matching.suggest import Candidate, Clues, Suggestion, rank, telling_words
from shared.money import parse_minor
from shared.payments import reference

_FIELDS = """
    SELECT i.id AS item_id, i.customer_id, c.ref AS customer_ref, c.name AS customer_name, i.kind, i.number,
           i.number_key, i.currency, i.due_on, i.amount_minor, i.open_minor,
           coalesce(b.holder_kind = 'factor', false) AS payee_is_other
    FROM open_item i JOIN customer c ON c.id = i.customer_id LEFT JOIN bank_account b ON b.id = i.payee_account_id"""
# A receipt's own money is not something a line can pay.
_OF_LINE = """
    i.creditor_id = :creditor AND i.currency = :currency AND i.open_minor <> 0
    AND i.kind IN ('invoice', 'credit_note', 'receipt_undone')"""

_PAYERS = text("""
    SELECT m.id FROM customer_iban k JOIN customer c ON c.id = k.customer_id
    JOIN customer m ON m.id = c.id OR m.group_code = c.group_code
    WHERE k.iban = :iban ORDER BY m.id LIMIT 50""")
# The customers with most of the payer's words in their names; one pass over the customers.
_ALIKE = text("""
    SELECT id FROM (SELECT c.id, c.ref, (SELECT count(*) FROM unnest(CAST(:words AS text[])) AS w
                                         WHERE strpos(' ' || c.search_key, ' ' || w) > 0) AS hits
                    FROM customer c) x
    WHERE hits > 0 ORDER BY hits DESC, ref LIMIT 5""")
_ANNOUNCED = text("""
    SELECT p.item_id, e.reference FROM expected_payment e
    JOIN expected_payment_item p ON p.expected_payment_id = e.id
    WHERE e.cancelled_at IS NULL AND e.received_at IS NULL AND e.creditor_id = :creditor
      AND e.currency = :currency
      AND (e.amount_minor = :minor OR e.customer_id = ANY (:payers) OR e.reference = ANY (:references))
    ORDER BY e.announced_at, p.item_id LIMIT 50""")
# Each branch is bounded, so that a customer with thousands of items cannot make the page slow.
_CANDIDATES = text(f"""
    WITH wanted AS (
        (SELECT i.id FROM open_item i WHERE i.number_key = ANY (:keys) AND {_OF_LINE} LIMIT 100)
        UNION (SELECT i.id FROM open_item i WHERE i.id = ANY (:items) AND {_OF_LINE})
        UNION (SELECT i.id FROM open_item i WHERE i.open_minor = :minor AND {_OF_LINE}
               ORDER BY i.due_on, i.id LIMIT 50)
        UNION (SELECT i.id FROM open_item i WHERE i.customer_id = ANY (:customers) AND {_OF_LINE}
               ORDER BY i.due_on, i.id LIMIT 100))
    {_FIELDS} WHERE i.id IN (SELECT id FROM wanted) ORDER BY i.due_on, i.id""")
# Keys are digits and capitals only, so that a range finds a beginning through the index in any collation.
_SEARCH = text(f"""
    {_FIELDS}
    WHERE {_OF_LINE} AND i.id IN (
        (SELECT id FROM open_item WHERE :key <> '' AND open_minor <> 0
         AND number_key BETWEEN :key AND :key || repeat('Z', 40) AND starts_with(number_key, :key) LIMIT 100)
        UNION (SELECT id FROM open_item WHERE open_minor = :minor LIMIT 100)
        UNION (SELECT o.id FROM open_item o WHERE o.open_minor <> 0 AND o.customer_id IN (
                   SELECT c.id FROM customer c
                   WHERE lower(c.ref) = lower(:words) OR (:name <> '' AND strpos(c.search_key, :name) > 0)
                   ORDER BY c.ref LIMIT 20) LIMIT 500))
    ORDER BY i.due_on, i.number, i.id LIMIT :limit""")
_BY_ID = text(f"{_FIELDS} WHERE i.id = ANY (:items) AND {_OF_LINE} ORDER BY i.due_on, i.id")


@dataclass(frozen=True, slots=True)
class Found:
    """What a line could pay, best first; `keys`: the numbers of these that stand in its text."""

    suggestions: list[Suggestion]
    keys: frozenset[str]


def suggestions(session: Session, actor: Actor, line: Line) -> Found:
    """The candidates of one line with a reason each. Four statements, each bounded."""
    actor.must(Permission.SEE_BANK)
    keys = number_keys(_for_rules(line))
    payers = list(session.scalars(_PAYERS, {"iban": line.party_iban})) if line.party_iban else []
    words = telling_words(line.party_name)
    alike = list(session.scalars(_ALIKE, {"words": words})) if words else []
    own = {"creditor": line.creditor_id, "currency": line.currency, "minor": line.open_minor}
    references = [key for key in map(reference.normalise, _references(line, keys)) if reference.is_valid(key)]
    asked = {**own, "payers": payers, "references": references}
    announced = {row.item_id: row.reference for row in session.execute(_ANNOUNCED, asked)}
    rows = session.execute(
        _CANDIDATES,
        {**own, "keys": sorted(keys), "items": list(announced), "customers": [*payers, *alike]},
    )
    candidates = [Candidate(**row._mapping) for row in rows]
    named = {each.item_id for each in candidates if each.number_key in keys}
    clues = Clues(line.open_minor, named, announced, frozenset(payers), frozenset(alike))
    return Found(rank(candidates, clues), frozenset(c.number_key for c in candidates if c.item_id in named))


def search(session: Session, actor: Actor, line: Line, words: str, limit: int = 20) -> list[Candidate]:
    """Open items of any customer of the line's creditor: by number, by customer, or by amount."""
    actor.must(Permission.SEE_BANK)
    if not words.strip():
        return []
    asked: dict[str, Any] = {
        "creditor": line.creditor_id,
        "currency": line.currency,
        "words": words.strip(),
        # A short number would be the beginning of too many.
        "key": key if len(key := number_key(words)) >= 3 and any(c.isdigit() for c in key) else "",
        "name": search_key(words),
        "minor": _amount(words, line.currency),
        "limit": limit,
    }
    return [Candidate(**row._mapping) for row in session.execute(_SEARCH, asked)]


def items(session: Session, actor: Actor, line: Line, ids: Sequence[UUID]) -> list[Candidate]:
    """Open items by id, as far as the line could pay them still."""
    actor.must(Permission.SEE_BANK)
    asked = {"creditor": line.creditor_id, "currency": line.currency, "items": list(ids)}
    return [Candidate(**row._mapping) for row in session.execute(_BY_ID, asked)] if ids else []


@dataclass(frozen=True, slots=True)
class Keeper:
    """A customer who could keep the rest of a line on account."""

    id: UUID
    ref: str
    name: str


_KEEPERS = text("""
    SELECT id, ref, name FROM customer
    WHERE id = ANY (:ids) OR (:words <> '' AND (lower(ref) = lower(:words) OR strpos(search_key, :name) > 0))
    ORDER BY name, ref LIMIT 30""")


def keepers(session: Session, actor: Actor, ids: Sequence[UUID], words: str) -> list[Keeper]:
    """The customers of the items on the page, and those the search names though they owe nothing."""
    actor.must(Permission.SEE_BANK)
    name = search_key(words)
    asked = {"ids": list(ids), "words": words.strip() if name else "", "name": name}
    return [Keeper(row.id, row.ref, row.name) for row in session.execute(_KEEPERS, asked)]


def _for_rules(line: Line) -> BankLine:
    references = tuple(filter(None, (line.creditor_ref, line.end_to_end_id)))
    texts = tuple(filter(None, (line.remittance,)))
    return BankLine(
        line.id, line.creditor_id, line.open_minor, line.currency, line.booked_on, references, texts
    )


def _references(line: Line, keys: set[str]) -> list[str]:
    return [*filter(None, (line.creditor_ref, line.end_to_end_id)), *(k for k in keys if k.startswith("RF"))]


def _amount(words: str, currency: str) -> int | None:
    try:
        return parse_minor(words, currency)
    except DomainError:
        return None
