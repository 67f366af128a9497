"""Pure decisions: a bank line and the candidates found for it in, one decision out.

The stages run from the strongest evidence to the weaker; the first that has something to say decides, and it says
either "this, certainly" or "not certain, because". `shared.matching.candidates` finds what is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from shared.i18n import N_
from shared.matching.payout_rules import Awaited, which_payout

# Stored with every match. Raise it when a rule's meaning changes.
VERSION = 2

APPLIED, UNMATCHED, NOT_RECEIVABLE = "applied", "unmatched", "not_receivable"

_WORD = re.compile(r"[A-Z0-9]+")
# A number may be printed in up to four groups: "FA 2026 / 000 123".
_MOST_GROUPS = 4
_SHORTEST_KEY, _LONGEST_KEY, _FEWEST_DIGITS = 5, 35, 4


@dataclass(frozen=True, slots=True)
class BankLine:
    """What a statement says about one line. `texts`: everything in it that may carry a number."""

    id: UUID
    creditor_id: UUID
    amount_minor: int
    currency: str
    booked_on: date
    references: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    party_name: str | None = None
    party_iban: str | None = None
    is_reversal: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """An invoice or credit note with a number that stands on the line; closed ones too, as counter-evidence."""

    id: UUID
    customer_id: UUID
    customer_ref: str
    number: str
    number_key: str
    open_minor: int
    payee_is_other: bool = False


@dataclass(frozen=True, slots=True)
class Announced:
    """An expected payment: of the reference on the line, or of a customer who pays from the line's account."""

    id: UUID
    reference: str
    amount_minor: int
    arrived: bool
    items: tuple[tuple[Item, int], ...]
    cancelled: bool = False
    payee_is_other: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    by_reference: Sequence[Announced] = ()
    by_account: Sequence[Announced] = ()
    by_number: Sequence[Item] = ()
    # Customers known to pay from the line's account, with the other members of their groups.
    payers: frozenset[UUID] = frozenset()
    # Valid creditor references on the line, ours or not.
    references: frozenset[str] = frozenset()
    # Payouts that the bank has still to show, and the providers who make them.
    payouts: Sequence[Awaited] = ()
    providers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Allocated:
    item: Item
    amount_minor: int  # signed as the item


@dataclass(frozen=True, slots=True)
class Decision:
    """`why` is a message id with parameters: a sentence for a person, in their language."""

    outcome: str
    rule: str
    why: str
    params: dict[str, str] = field(default_factory=dict)
    confidence: float = 0.0
    allocations: tuple[Allocated, ...] = ()
    expected_payment_id: UUID | None = None
    evidence: tuple[str, ...] = ()
    payout_id: UUID | None = None


def decide(line: BankLine, candidates: Candidates) -> Decision:
    """The one decision about a line: applied only when certain. What may be a payout is no customer's."""
    if decision := _by_payout(line, candidates):
        return decision
    if line.amount_minor <= 0:
        return Decision(
            NOT_RECEIVABLE, "debit", N_("Money that left the account is no receipt."), confidence=1.0
        )
    if line.is_reversal:
        return _unmatched("reversal", N_("The bank marks this line as a reversal: look at what it reverses."))
    for stage in (_by_reference, _by_numbers, _by_expected_payment):
        if decision := stage(line, candidates):
            return decision
    return _unmatched("nothing", N_("Nothing on this line names an invoice or an announced payment."))


def _by_payout(line: BankLine, candidates: Candidates) -> Decision | None:
    """A provider's payout by its reference and amount, or by amount, payer and day where only one fits."""
    if line.is_reversal and line.amount_minor > 0:
        return None
    found = which_payout(
        line_id=line.id,
        texts=" ".join([*line.references, *line.texts, line.party_name or ""]),
        minor=line.amount_minor,
        booked_on=line.booked_on,
        awaited=candidates.payouts,
        providers=candidates.providers,
    )
    if found is None:
        return None
    if found.payout is None:
        return _unmatched("payout", found.why, **found.params)
    return Decision(
        APPLIED,
        "payout",
        found.why,
        found.params,
        0.9999,
        evidence=found.evidence,
        payout_id=found.payout.id,
    )


def _by_reference(line: BankLine, candidates: Candidates) -> Decision | None:
    """Our RF reference and the announced amount to the cent: the debtor told us exactly what this pays."""
    found = candidates.by_reference
    if not found:
        return None
    if len(found) > 1:
        return _unmatched("reference", N_("The line carries references of several announced payments."))
    announced = found[0]
    told = {"reference": announced.reference}
    if announced.arrived:
        return _unmatched(
            "reference", N_("The payment announced as %(reference)s has arrived before."), **told
        )
    if announced.cancelled:
        return _unmatched(
            "reference", N_("The debtor cancelled the payment announced as %(reference)s."), **told
        )
    if contradiction := _contradicted_by_numbers(line, candidates, announced):
        return contradiction
    if line.amount_minor != announced.amount_minor:
        return _unmatched(
            "reference+amount", N_("Announced as %(reference)s, but with another amount."), **told
        )
    return _apply_announced(announced, "reference+amount", ("reference", "amount"))


def _by_numbers(line: BankLine, candidates: Candidates) -> Decision | None:
    """Numbers of open items whose open amounts make the line to the cent; nothing named may be left out."""
    named = _hits(line, candidates.by_number)
    if not named:
        return None
    numbers = ", ".join(sorted(item.number for item in named))
    if len({item.number_key for item in named}) < len(named):
        return _unmatched("numbers", N_("More than one item has the number %(numbers)s."), numbers=numbers)
    if closed := [item.number for item in named if item.open_minor == 0]:
        return _unmatched("numbers", N_("%(numbers)s: settled before."), numbers=", ".join(sorted(closed)))
    if foreign := [item.number for item in named if item.payee_is_other]:
        told = ", ".join(sorted(foreign))
        return _unmatched(
            "payee", N_("%(numbers)s: payable to another account, for example a factor's."), numbers=told
        )
    if candidates.payers and any(item.customer_id not in candidates.payers for item in named):
        return _unmatched(
            "payer", N_("%(numbers)s: named, but the payer is known as another customer."), numbers=numbers
        )
    if sum(item.open_minor for item in named) != line.amount_minor:
        return _unmatched(
            "numbers+amount", N_("%(numbers)s: named, but the open amounts differ."), numbers=numbers
        )
    if shortfall := _customer_below_zero(Allocated(item, item.open_minor) for item in named):
        why = N_("The credits of %(customer)s exceed what it pays.")
        return _unmatched("numbers+amount", why, customer=shortfall)
    return Decision(
        APPLIED,
        "numbers+amount",
        N_("The line names %(numbers)s, and their open amounts make it to the cent."),
        {"numbers": numbers},
        0.9995,
        tuple(Allocated(item, item.open_minor) for item in named),
        evidence=("number", "amount"),
    )


def _by_expected_payment(line: BankLine, candidates: Candidates) -> Decision | None:
    """No number, but a known account of a customer that announced exactly this amount, once."""
    waiting = [each for each in candidates.by_account if not each.arrived]
    exact = [each for each in waiting if each.amount_minor == line.amount_minor]
    if len(exact) > 1:
        return _unmatched("expected+account", N_("Several announced payments have this amount and payer."))
    if not exact:
        return None
    if candidates.references - {exact[0].reference}:
        why = N_("The payer announced this amount as %(reference)s, but the line carries another reference.")
        return _unmatched("conflict", why, reference=exact[0].reference)
    return _apply_announced(exact[0], "expected+account+amount", ("payer account", "amount", "announcement"))


def _apply_announced(announced: Announced, rule: str, evidence: tuple[str, ...]) -> Decision:
    told = {"reference": announced.reference}
    if announced.payee_is_other:
        why = N_("Announced as %(reference)s, but to another account, for example a factor's.")
        return _unmatched("payee", why, **told)
    for item, minor in announced.items:
        if not min(0, item.open_minor) <= minor <= max(0, item.open_minor):
            why = N_("Announced as %(reference)s, but %(number)s was settled in part meanwhile.")
            return _unmatched(rule, why, number=item.number, **told)
    return Decision(
        APPLIED,
        rule,
        N_("The debtor announced this payment as %(reference)s, with this amount."),
        told,
        0.9999,
        tuple(Allocated(item, minor) for item, minor in announced.items),
        announced.id,
        evidence,
    )


def _contradicted_by_numbers(line: BankLine, candidates: Candidates, announced: Announced) -> Decision | None:
    promised = {item.id for item, _ in announced.items}
    others = [item.number for item in _hits(line, candidates.by_number) if item.id not in promised]
    if not others:
        return None
    why = N_("The reference %(reference)s announces other invoices than the line names: %(numbers)s.")
    return _unmatched("conflict", why, reference=announced.reference, numbers=", ".join(sorted(others)))


def _customer_below_zero(allocated: Iterable[Allocated]) -> str | None:
    """A credit settles only its own customer's invoices: nobody may be left with a negative part of the money."""
    totals: dict[str, int] = {}
    for part in allocated:
        totals[part.item.customer_ref] = totals.get(part.item.customer_ref, 0) + part.amount_minor
    return next((ref for ref, total in sorted(totals.items()) if total < 0), None)


def _unmatched(rule: str, why: str, /, **params: str) -> Decision:
    return Decision(UNMATCHED, rule, why, params)


def _hits(line: BankLine, items: Sequence[Item]) -> list[Item]:
    """Items whose number stands on the line as a whole; a shorter number inside a longer one does not count."""
    by_key: dict[str, list[Item]] = {}
    for item in items:
        by_key.setdefault(item.number_key, []).append(item)
    found: dict[UUID, Item] = {}
    for text in (*line.references, *line.texts):
        taken: set[int] = set()
        for span, key in sorted(_windows(text), key=lambda window: -len(window[1])):
            if key in by_key and not taken & set(span):
                taken |= set(span)
                found.update((item.id, item) for item in by_key[key])
    return sorted(found.values(), key=lambda item: item.number)


def number_keys(line: BankLine) -> set[str]:
    """Everything on the line that may be an item's number, as `ledger.rules.number_key` writes it. O(words)."""
    return {key for text in (*line.references, *line.texts) for _, key in _windows(text)}


def _windows(text: str) -> list[tuple[range, str]]:
    """Runs of one to four words joined: (which words, key).

    >>> [key for _, key in _windows("FA-2026 00042 merci")]
    ['FA2026', 'FA202600042', 'FA202600042MERCI', '202600042', '202600042MERCI', '00042', '00042MERCI']
    """
    words = _WORD.findall(text.upper())
    windows = []
    for start in range(len(words)):
        for length in range(1, _MOST_GROUPS + 1):
            if start + length > len(words):
                break
            key = "".join(words[start : start + length])
            if len(key) > _LONGEST_KEY:
                break
            if len(key) >= _SHORTEST_KEY and sum(c.isdigit() for c in key) >= _FEWEST_DIGITS:
                windows.append((range(start, start + length), key))
    return windows
