"""Pure ranking of what a bank line could pay, for the person who decides. Nothing here is ever applied by itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from shared.customers.rules import search_key
from shared.i18n import N_
from shared.ledger.rules import number_key

# More than a screenful helps nobody; the search finds the rest.
MOST = 12

# Words of a name that tell nothing about whose it is.
_COMMON = frozenset(
    "sas sasu sarl eurl snc sci scop gmbh ltd limited spa srl the les des du de la le et and cie groupe group "
    "societe company ste ets etablissements france holding services service virement vir sepa monsieur madame".split()
)
_SHORTEST_WORD = 4
_TOKEN = re.compile(r"[0-9A-Za-z]+")
_MOST_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open item a line could pay."""

    item_id: UUID
    customer_id: UUID
    customer_ref: str
    customer_name: str
    kind: str
    number: str
    number_key: str
    currency: str
    due_on: date
    amount_minor: int
    open_minor: int
    payee_is_other: bool = False


@dataclass(frozen=True, slots=True)
class Clues:
    """What the line and the books say about whose money this is."""

    amount_minor: int
    named: Collection[UUID] = ()  # items whose number stands on the line
    announced: Mapping[UUID, str] = field(default_factory=dict)  # item → reference of a waiting announcement
    payers: Collection[UUID] = ()  # customers known to pay from the line's account, and their groups
    alike: Collection[UUID] = ()  # customers whose name shares words with the payer's


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`why` is a message id with parameters."""

    candidate: Candidate
    why: str
    params: dict[str, str]
    strength: int


def rank(candidates: Sequence[Candidate], clues: Clues, most: int = MOST) -> list[Suggestion]:
    """The best candidates first, each with its strongest reason; older debts first among equals."""
    found = [suggestion for each in candidates if (suggestion := _judge(each, clues))]
    found.sort(key=lambda s: (-s.strength, s.candidate.due_on, s.candidate.number, str(s.candidate.item_id)))
    return found[:most]


def _judge(item: Candidate, clues: Clues) -> Suggestion | None:
    same_amount = item.open_minor == clues.amount_minor
    payer, alike = item.customer_id in clues.payers, item.customer_id in clues.alike
    reasons: list[tuple[bool, int, str, dict[str, str]]] = [
        (
            item.item_id in clues.named and same_amount,
            9,
            N_("The line names it, and the amount is the same."),
            {},
        ),
        (item.item_id in clues.named, 8, N_("The line names it."), {}),
        (
            item.item_id in clues.announced,
            7,
            N_("The debtor announced it as %(reference)s."),
            {"reference": clues.announced.get(item.item_id, "")},
        ),
        (payer and same_amount, 6, N_("The payer’s account is known, and the amount is the same."), {}),
        (alike and same_amount, 5, N_("The payer’s name is alike, and the amount is the same."), {}),
        (payer, 4, N_("The payer’s account is known to pay for this customer."), {}),
        (same_amount, 3, N_("The amount is the same."), {}),
        (alike, 2, N_("The payer’s name is alike."), {}),
    ]
    for holds, strength, why, params in reasons:
        if holds:
            # What is paid to a factor's account is the least likely to be meant by money on ours.
            return Suggestion(item, why, params, strength - 10 if item.payee_is_other else strength)
    return None


def telling_words(name: str | None) -> list[str]:
    """The words of a payer's name that may find a customer; at most five, the longest first.

    >>> telling_words("SARL Ateliers LEFÈVRE et Fils")
    ['ateliers', 'lefevre', 'fils']
    """
    words = dict.fromkeys(search_key(name or "").split())
    telling = [word for word in words if len(word) >= _SHORTEST_WORD and word not in _COMMON]
    return sorted(telling, key=len, reverse=True)[:5]


def highlighted(text: str, keys: Collection[str]) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is one of the numbers `keys` (as `number_key` writes them).

    >>> list(highlighted("FACT F-2026 001 MERCI", {"F2026001"}))
    [('FACT ', False), ('F-2026 001', True), (' MERCI', False)]
    """
    tokens = list(_TOKEN.finditer(text))
    at, position = 0, 0
    while position < len(tokens):
        for length in range(min(_MOST_TOKENS, len(tokens) - position), 0, -1):
            start, end = tokens[position].start(), tokens[position + length - 1].end()
            if number_key(text[start:end]) in keys:
                if start > at:
                    yield text[at:start], False
                yield text[start:end], True
                at = end
                position += length - 1
                break
        position += 1
    if at < len(text):
        yield text[at:], False
