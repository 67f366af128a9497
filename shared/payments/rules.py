"""Pure rules of baskets: what may be paid together, and to whom."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shared.errors import Conflict, DomainError


@dataclass(frozen=True, slots=True)
class Payee:
    """An account money may go to, under the exact name of its holder (verification of payee compares it).

    `is_own`: the creditor's; else a factor's, who alone may be paid, and by transfer only.
    """

    account_id: UUID
    name: str
    iban: str
    bic: str | None
    is_own: bool = True


@dataclass(frozen=True, slots=True)
class Payable:
    """An open item as the basket sees it; credits have negative amounts. `free_minor`: open and not announced."""

    item_id: UUID
    customer_id: UUID
    creditor_id: UUID
    number: str
    currency: str
    free_minor: int
    due_on: date
    payee: Payee | None


@dataclass(frozen=True, slots=True)
class Choice:
    """How much of an item the debtor wants to pay, or of a credit to use; None: all that is free."""

    item_id: UUID
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Basket:
    """One transfer: items of one creditor and currency that have the same payee."""

    creditor_id: UUID
    currency: str
    payee: Payee
    parts: tuple[tuple[Payable, int], ...]

    @property
    def amount_minor(self) -> int:
        return sum(minor for _, minor in self.parts)

    @property
    def payer_id(self) -> UUID:
        """The customer who pays it: a group's basket is paid by the company with the largest part."""
        return max(self.parts, key=lambda part: part[1])[0].customer_id

    @property
    def fingerprint(self) -> bytes:
        """Equal for equal baskets: a basket sent twice is announced once."""
        lines = sorted(f"{item.item_id}:{minor}" for item, minor in self.parts)
        return hashlib.sha256("|".join([str(self.payee.account_id), *lines]).encode()).digest()


class EmptyBasket(DomainError):
    code = "empty_basket"
    sentence = "Choose at least one invoice to pay."


class AmountNotOpen(DomainError):
    code = "amount_not_open"
    sentence = "%(number)s: the amount must lie between 0 and what is still open."


class NothingToTransfer(DomainError):
    code = "nothing_to_transfer"
    sentence = (
        "The credits you chose cover the invoices: there is nothing left to transfer. Ask us to settle them."
    )


class PayeeUnknown(DomainError):
    code = "payee_unknown"
    sentence = "%(number)s: we are confirming the account to pay to. Please contact us before you pay it."


def may_be_paid_by_provider(payable: Payable) -> bool:
    """Whether card and direct debit may be offered: they pay the creditor, and who owes to a factor is free only by
    paying the factor (C. civ. 1346-5 and 1324; CMF L313-28)."""
    return payable.payee is not None and payable.payee.is_own


def baskets(payables: Sequence[Payable], choices: Sequence[Choice]) -> list[Basket]:
    """Cut what was chosen into transfers: one per creditor, payee and currency, never across them.

    Refused: an item or amount outside of what is free, an item without a confirmed payee, a transfer that credits eat up.
    """
    by_id = {payable.item_id: payable for payable in payables}
    groups: dict[tuple[UUID, str, Payee], list[tuple[Payable, int]]] = {}
    for choice in choices:
        payable = by_id.get(choice.item_id)
        if payable is None:
            raise Conflict  # settled or announced since the page was drawn: the transfer would be another one
        minor = payable.free_minor if choice.amount_minor is None else choice.amount_minor
        _refuse_out_of_bounds(payable, minor)
        if minor == 0:
            continue
        if payable.payee is None:
            raise PayeeUnknown(number=payable.number)
        key = (payable.creditor_id, payable.currency, payable.payee)
        groups.setdefault(key, []).append((payable, minor))
    if not groups:
        raise EmptyBasket
    found = [
        Basket(creditor, currency, payee, tuple(parts))
        for (creditor, currency, payee), parts in groups.items()
    ]
    if any(_credits_exceed(basket) for basket in found):
        raise NothingToTransfer
    return sorted(found, key=lambda basket: (str(basket.creditor_id), basket.payee.iban, basket.currency))


def _refuse_out_of_bounds(payable: Payable, minor: int) -> None:
    low, high = min(0, payable.free_minor), max(0, payable.free_minor)
    if not low <= minor <= high:
        raise AmountNotOpen(number=payable.number, field=str(payable.item_id))


def _credits_exceed(basket: Basket) -> bool:
    """A credit settles only invoices of its own customer: no customer of the basket may be left below zero."""
    by_customer: dict[UUID, int] = {}
    for payable, minor in basket.parts:
        by_customer[payable.customer_id] = by_customer.get(payable.customer_id, 0) + minor
    return basket.amount_minor <= 0 or any(total < 0 for total in by_customer.values())
