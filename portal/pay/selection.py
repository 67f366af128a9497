"""What the wizard's form says was chosen, and the transfers it makes. Pure: forms and payables in, baskets out.

The form shows a part of a long list. What it shows is ticked or not (`shown`, `item`) and may have an amount of its
own (`amount-ID`); of what it does not show, “all” and “overdue” take everything whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from werkzeug.datastructures import MultiDict

from shared.errors import DomainError
from shared.money import Money, parse_minor
from shared.payments.rules import AmountNotOpen, Basket, Choice, EmptyBasket, Payable, PayeeUnknown, baskets

ALL, OVERDUE, THESE = "all", "overdue", "these"


@dataclass
class Selection:
    """What is chosen of an account. `amounts`: signed minor units by item; `typed`: as the person wrote it."""

    how: str
    payables: dict[UUID, Payable]
    amounts: dict[UUID, int] = field(default_factory=dict)
    typed: dict[UUID, str] = field(default_factory=dict)
    refused: dict[UUID, DomainError] = field(default_factory=dict)

    @property
    def debits(self) -> list[Payable]:
        """What is chosen to be paid, oldest due first."""
        return [p for p in self.payables.values() if p.free_minor > 0 and p.item_id in self.amounts]

    @property
    def credits(self) -> list[Payable]:
        """The credits one may use: those of who is paid here, with the account that is paid to."""
        paid = {_payer_and_payee(p) for p in self.debits}
        return [p for p in self.payables.values() if p.free_minor < 0 and _payer_and_payee(p) in paid]

    @property
    def choices(self) -> list[Choice]:
        return [Choice(item_id, minor) for item_id, minor in self.amounts.items() if minor]

    def baskets(self) -> list[Basket]:
        """One transfer per creditor, payee and currency; the first wrong amount is refused with its invoice."""
        for refusal in self.refused.values():
            raise refusal
        if not self.debits:
            raise EmptyBasket
        return baskets(list(self.payables.values()), self.choices)


def selection(form: MultiDict[str, str], payables: Sequence[Payable], today: date) -> Selection:
    """Read the wizard's form. What was settled or announced meanwhile is no longer among the payables: left out."""
    how = form.get("how", THESE)
    found = Selection(how, {p.item_id: p for p in payables})
    ticked, shown = _ids(form.getlist("item")), _ids(form.getlist("shown"))
    whole = {p.item_id for p in offered(payables, how, today)} - shown
    for payable in payables:
        if payable.item_id in ticked or payable.item_id in whole:
            _choose(found, payable, form.get(f"amount-{payable.item_id}", ""))
    return found


def offered(payables: Iterable[Payable], how: str, today: date) -> list[Payable]:
    """What “all” or “overdue” stands for. An invoice whose account is not confirmed is paid by nobody."""
    return [
        p
        for p in payables
        if p.free_minor > 0 and p.payee is not None and (how == ALL or (how == OVERDUE and p.due_on < today))
    ]


def chosen_anew(choices: Iterable[Choice], payables: Sequence[Payable]) -> Selection:
    """What was chosen before, as far as it is still to be paid."""
    found = Selection(THESE, {p.item_id: p for p in payables})
    for choice in choices:
        payable = found.payables.get(choice.item_id)
        if payable is None:
            continue
        wanted = payable.free_minor if choice.amount_minor is None else choice.amount_minor
        found.amounts[payable.item_id] = (min if payable.free_minor > 0 else max)(wanted, payable.free_minor)
    return found


def fields(chosen: Selection, *, without: Basket | None = None) -> list[tuple[str, str]]:
    """The form that chooses the same again, item by item; `without` what one basket holds of it."""
    left_out = {part.item_id for part, _ in without.parts} if without else set()
    found = [("how", THESE)]
    for item_id, minor in chosen.amounts.items():
        payable = chosen.payables[item_id]
        if item_id in left_out or minor == 0:
            continue
        found.append(("item", str(item_id)))
        if minor != payable.free_minor:
            found.append((f"amount-{item_id}", str(Money(abs(minor), payable.currency).decimal)))
    return found


def carried(form: MultiDict[str, str]) -> list[tuple[str, str]]:
    """What a form chose, to be sent on by the next one."""
    names = ("how", "item", "shown")
    return [
        (n, v) for n, v in form.items(multi=True) if n in names or (n.startswith("amount-") and v.strip())
    ]


def shown(form: MultiDict[str, str]) -> list[bytes]:
    """The baskets whose totals the person saw when they went on."""
    return [found for text in form.getlist("seen") if (found := fingerprint(text))]


def as_shown(form: MultiDict[str, str], made: Iterable[Basket]) -> bool:
    return {basket.fingerprint for basket in made} == set(shown(form))


def fingerprint(text: str) -> bytes:
    """A basket's fingerprint out of a form; what is none is nobody's."""
    return bytes.fromhex(text) if len(text) == 64 and set(text) <= set("0123456789abcdef") else b""


def _choose(found: Selection, payable: Payable, typed: str) -> None:
    sign = 1 if payable.free_minor > 0 else -1
    found.amounts[payable.item_id] = payable.free_minor
    if payable.payee is None and sign > 0:
        found.refused[payable.item_id] = PayeeUnknown(number=payable.number)
    if not typed.strip():
        return
    found.typed[payable.item_id] = typed
    try:
        minor = parse_minor(typed, payable.currency)
        if not 0 <= minor <= abs(payable.free_minor):
            raise AmountNotOpen(number=payable.number)
        found.amounts[payable.item_id] = sign * minor
    except DomainError as refusal:
        found.refused[payable.item_id] = refusal


def _payer_and_payee(payable: Payable) -> tuple[UUID, UUID, str, UUID | None]:
    account = payable.payee.account_id if payable.payee else None
    return payable.customer_id, payable.creditor_id, payable.currency, account


def _ids(texts: Iterable[str]) -> set[UUID]:
    found = set()
    for text in texts:
        try:
            found.add(UUID(text))
        except ValueError:
            continue  # nothing of ours has such an id
    return found
