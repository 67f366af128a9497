"""Pure rules: what of an entry becomes which part of a bank line, so that people and matching find it again; and
which statements cannot share a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from stdnum import iso11649

from shared.bank_statements.reading import Detail, Entry, Party, StatementEnd


def creditor_reference(references: tuple[str, ...]) -> str | None:
    """The first valid RF reference, else the first structured one.

    >>> creditor_reference(("FA2026-1", "RF18539007547034")), creditor_reference(("FA2026-1", "FA2026-2"))
    ('RF18539007547034', 'FA2026-1')
    """
    for each in references:
        if each[:2] in ("RF", "rf") and iso11649.is_valid(each):
            return each
    return references[0] if references else None


def remittance(entry: Entry, creditor_ref: str | None) -> str:
    """All that was told: the text in one piece, then the other references, a blank before each.

    Where the payer told nothing, the bank's own words are all there is: many banks write the text there.
    """
    others = [each for each in entry.references if each != creditor_ref]
    told = " ".join([entry.text, *others]) if others else entry.text
    return told.strip() or (entry.info if entry.info and not creditor_ref else "")


def kept_details(entry: Entry) -> dict[str, Any] | None:
    """What has no column of its own: the transactions of a batch, and the rare facts of a single one.

    None for the common line, which has nothing more to say.
    """
    kept: dict[str, Any] = {}
    if entry.details:
        kept["transactions"] = [_transaction(each) for each in entry.details]
    if entry.unexplained_minor:
        kept["unexplained_minor"] = entry.unexplained_minor
    kept.update(_rare(entry.party))
    return kept or None


class Balances(NamedTuple):
    """A statement that adds up."""

    statement_id: UUID
    opening_minor: int
    closing_minor: int


def without_overlap(end: StatementEnd, others: Sequence[Balances], shared: Mapping[UUID, int]) -> list[UUID]:
    """Those of `others` that end where the statement begins or begin where it ends, directly or through further ones:
    where one closes the next one opens, so they share no line, however alike their lines are. O(others²), of one day.

    `shared`: the sum of the lines that look the same, by statement. Were they really the same, they would lie between
    the opening balance of the one and the closing balance of the other; if they make that difference, nothing is
    proved.

    >>> one, two, three = (Balances(UUID(int=n), 10 * n, 10 * n + 10) for n in (1, 2, 3))
    >>> end = StatementEnd("S", 40, 50, None, None, 1, 0, 10, 0, True)
    >>> [each.int for each in without_overlap(end, [one, three, two], {})]
    [3, 2, 1]
    >>> without_overlap(end, [one, two], {})
    []
    """
    opening, closing = end.opening_minor, end.closing_minor
    assert opening is not None and closing is not None, "only for a statement whose balances add up"
    proved: list[UUID] = []
    begins, ends = {opening}, {closing}
    waiting = [each for each in others if each.opening_minor != each.closing_minor]
    while found := next((w for w in waiting if w.closing_minor in begins or w.opening_minor in ends), None):
        waiting.remove(found)
        if shared.get(found.statement_id) in (found.closing_minor - opening, closing - found.opening_minor):
            continue
        proved.append(found.statement_id)
        if found.closing_minor in begins:
            begins.add(found.opening_minor)
        else:
            ends.add(found.closing_minor)
    return proved


def _transaction(detail: Detail) -> dict[str, Any]:
    told = {
        "amount_minor": detail.amount_minor,
        "end_to_end_id": detail.end_to_end_id,
        "bank_ref": detail.bank_ref,
        "party_name": detail.party.name,
        "party_iban": detail.party.iban,
        "remittance": detail.text,
        "references": list(detail.references),
        "info": detail.info,
        **_rare(detail.party),
    }
    return {name: value for name, value in told.items() if value}


def _rare(party: Party) -> dict[str, Any]:
    told = {
        "party_account": party.account,
        "party_ids": list(party.ids),
        "ultimate_party": party.ultimate,
    }
    return {name: value for name, value in told.items() if value}
