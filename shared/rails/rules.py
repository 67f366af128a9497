"""Pure rules of payments over a rail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from shared.errors import DomainError
from shared.i18n import N_
from shared.ledger.rules import pair_up
from shared.rails.snapshot import Method
from shared.rails.states import Status

# Accounts of the French chart: 511 money to be cashed in, one sub-account per provider; 627 bank and similar charges.
CLEARING = {"stripe": "51151", "gocardless": "51152", "own_bank": "51153"}
FEES = "627"
# The one “provider” that takes files instead of commands.
OWN_BANK = "own_bank"

# What each provider can do at all; which of it an account offers is data.
OFFERS: dict[str, tuple[Method, ...]] = {
    "stripe": (Method.CARD, Method.CARD_PAGE, Method.VIRTUAL_IBAN, Method.PAY_BY_BANK, Method.DEBIT_CORE),
    "gocardless": (Method.PAY_BY_BANK, Method.DEBIT_CORE),
    "own_bank": (Method.DEBIT_CORE, Method.DEBIT_B2B),
}
# Where a method is on by default. Stripe's Pay by Bank is a private preview in the euro area, GoCardless' Instant Bank
# Pay is for UK payers (both as documented by the providers in 2026): switched on by who has it.
OFF_AT_FIRST = frozenset({("stripe", Method.PAY_BY_BANK), ("gocardless", Method.PAY_BY_BANK)})

# How long an attempt may wait for its payer. A transfer to a virtual IBAN takes days in some companies.
_PATIENCE = {
    Method.CARD: timedelta(hours=2),
    Method.CARD_PAGE: timedelta(hours=2),
    Method.PAY_BY_BANK: timedelta(hours=2),
    Method.DEBIT_CORE: timedelta(hours=2),  # of its mandate's form, when one is signed first
    Method.VIRTUAL_IBAN: timedelta(days=14),
}

DECLINED = {
    "insufficient_funds": N_("Your bank says that there is not enough money on the account."),
    "declined": N_(
        "Your bank declined the payment. It can tell you why; another card or way to pay may work."
    ),
    "expired_card": N_("This card has expired. Please use another one."),
    "not_authenticated": N_("Your bank could not confirm that it is you. Please try again."),
    "authentication_required": N_("Your bank wants you to confirm this payment yourself."),
    "wrong_details": N_("Some of the details were not right. Please check them and try again."),
    "limit": N_("The amount is above the limit of this card or account."),
    "mandate": N_("The direct debit mandate cannot be used any more. Please sign a new one."),
    "cancelled": N_("The payment was cancelled. Nothing was taken from your account."),
    "temporary": N_("The payment could not be made at the moment. Please try again in a few minutes."),
}


class NotOffered(DomainError):
    code = "not_offered"
    sentence = "This way to pay is not available for these invoices."


def declined(code: str) -> str:
    """The sentence (a message id) for the payer; a code we do not know reads as a plain decline."""
    return DECLINED.get(code, DECLINED["declined"])


def expires_at(method: Method, started_at: datetime) -> datetime | None:
    """When an attempt nobody finished is given up; None: it does not wait for its payer."""
    patience = _PATIENCE.get(method)
    return started_at + patience if patience else None


def offered_in(countries: Sequence[str], country: str) -> bool:
    return not countries or country in countries


def next_look(
    status: Status, method: Method, started_at: datetime, now: datetime, refundable_until: date | None
) -> datetime | None:
    """When to ask the provider again although nothing was heard: webhooks get lost. None: it is final.

    Asked often while somebody waits at the screen, then ever more rarely; received debits once a day for as long
    as they can come back, cards and transfers for the 120 days in which a card may be charged back.
    """
    age = now - started_at
    if status in (Status.CREATED, Status.UNKNOWN):
        return None  # the operation itself is tried again
    if status in (Status.AWAITING_PAYER, Status.PROCESSING):
        if age < timedelta(minutes=10):
            return now + timedelta(seconds=20)
        return now + (timedelta(minutes=10) if age < timedelta(hours=6) else timedelta(hours=6))
    if status in (Status.FAILED, Status.CANCELLED, Status.EXPIRED):
        return now + timedelta(days=1) if age < timedelta(days=3) else None  # money may still have been sent
    until = refundable_until or (started_at + timedelta(days=120)).date()
    return now + timedelta(days=1) if now.date() <= until else None


def next_look_at_form(started_at: datetime, now: datetime) -> datetime | None:
    """When to look again whether a form was filled in; None: after a week nobody will, and an event would tell."""
    age = now - started_at
    if age < timedelta(hours=1):
        return now + timedelta(seconds=30)
    return now + timedelta(hours=2) if age < timedelta(days=7) else None


def wait_before(attempt: int) -> timedelta:
    """Between two tries of one command whose outcome is unknown: 5 s, doubling, an hour at most."""
    return min(timedelta(seconds=5 * 2 ** min(attempt, 12)), timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Part:
    """What a payment wants of an item, and what is open of it when the money comes; both signed as the item."""

    item_id: UUID
    customer_id: UUID
    wanted_minor: int
    open_minor: int


@dataclass(frozen=True, slots=True)
class Share:
    """The part of received money that is one customer's. `pays`: (debit, amount); `uses`: (credit, debit, amount)."""

    customer_id: UUID
    amount_minor: int
    pays: tuple[tuple[UUID, int], ...]
    uses: tuple[tuple[UUID, UUID, int], ...]


def shares(parts: Sequence[Part], received_minor: int, receipt_id: UUID, payer_id: UUID) -> list[Share]:
    """Cut received money by customer, and settle what it was meant for as far as that is still open.

    Every unit is given to somebody: less than wanted fills the customers in order, more stays with the payer, on account.
    `receipt_id` only stands for “this money” while pairing.
    """
    by_customer: dict[UUID, list[Part]] = {}
    for part in parts:
        by_customer.setdefault(part.customer_id, []).append(part)
    left, found = received_minor, []
    for customer_id, theirs in by_customer.items():
        minor = min(left, sum(part.wanted_minor for part in theirs))
        left -= minor
        found.append((customer_id, minor, theirs))
    if left:
        keeper = payer_id if payer_id in by_customer else next(iter(by_customer), payer_id)
        found = [(c, m + left if c == keeper else m, p) for c, m, p in found] or [(keeper, left, [])]
    return [_share(c, m, p, receipt_id) for c, m, p in found if m > 0]


def _share(customer_id: UUID, minor: int, parts: Sequence[Part], receipt_id: UUID) -> Share:
    owed = [
        (p.item_id, min(p.wanted_minor, p.open_minor)) for p in parts if p.wanted_minor > 0 < p.open_minor
    ]
    credit = [
        (p.item_id, min(-p.wanted_minor, -p.open_minor)) for p in parts if p.wanted_minor < 0 > p.open_minor
    ]
    pairs = pair_up([*credit, (receipt_id, minor)], owed)
    return Share(
        customer_id,
        minor,
        tuple((debit, used) for given, debit, used in pairs if given == receipt_id),
        tuple(pair for pair in pairs if pair[0] != receipt_id),
    )


def take_from(kept: Sequence[tuple[UUID, int]], minor: int) -> list[tuple[UUID, int]]:
    """Take an amount out of receipts (id, what is left of each), in order; the sum is the amount, or it is refused."""
    taken = []
    for receipt_id, left in kept:
        part = min(left, minor)
        if part > 0:
            taken.append((receipt_id, part))
            minor -= part
    if minor:
        raise DomainError("More went back than came in: this needs a person.")
    return taken
