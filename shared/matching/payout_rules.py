"""Pure decisions about bank lines that may be a provider's payout. Such a line is never given to a customer by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from shared.i18n import N_
from shared.ledger.rules import number_key

# A payout may show on the account a little before the day its provider names, and some bank days after it.
_EARLY, _LATE = timedelta(days=2), timedelta(days=6)
# A shorter text stands on lines of other people, too.
_SHORTEST_TEXT = 6


@dataclass(frozen=True, slots=True)
class Awaited:
    """A payout that the bank has still to show. `outstanding_minor` is signed as its bank line would be; `bank_line_id`: the
    line it is by the bank's own references."""

    id: UUID
    provider: str
    ref: str
    statement_text: str
    outstanding_minor: int
    arrives_on: date | None
    bank_line_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """`payout`: this one, certainly; else None, and `why` says what keeps us from being certain."""

    why: str
    params: dict[str, str]
    payout: Awaited | None = None
    evidence: tuple[str, ...] = ()


def which_payout(
    *,
    line_id: UUID,
    texts: str,
    minor: int,
    booked_on: date,
    awaited: Sequence[Awaited],
    providers: frozenset[str],
) -> Found | None:
    """The payout a line is; None: it is not about a payout. `texts`: all the line says, its payer included;
    `providers`: those the creditor has an account with."""
    known = [each for each in awaited if each.bank_line_id == line_id and each.outstanding_minor == minor]
    if known:
        return _certain(known[0], ("bank reference", "amount"))
    key = number_key(texts)
    named = [each for each in awaited if each.bank_line_id is None and _names(key, each)]
    exact = [each for each in named if each.outstanding_minor == minor]
    if len(exact) == 1:
        return _certain(exact[0], ("payout reference", "amount"))
    paying = {name for name in providers if number_key(_SAYS[name]) in key}
    fits = [
        each
        for each in awaited
        if each.provider in paying and each.outstanding_minor == minor and _in_time(each, booked_on)
    ]
    if len(fits) == 1 and (not named or fits[0] in named):
        return _certain(fits[0], ("amount", "payer name", "arrival date"))
    if len(fits) > 1 or len(exact) > 1:
        return Found(N_("Several payouts have this amount: choose on the payout’s page."), {})
    if named:
        why = N_("The line names payout %(payout)s, but with another amount.")
        return Found(why, {"payout": named[0].ref})
    if paying and minor > 0:
        why = N_("This looks like a payout of %(provider)s, but none that we know has this amount and day.")
        return Found(why, {"provider": _SAYS[min(paying)]})
    return None


# How providers call themselves on a bank line.
_SAYS = {"stripe": "Stripe", "gocardless": "GoCardless"}


def _certain(payout: Awaited, evidence: tuple[str, ...]) -> Found:
    if payout.provider == "own_bank":
        why = N_("It is what your bank collected, or gave back: %(payout)s.")
        return Found(why, {"payout": payout.statement_text or payout.ref}, payout, evidence)
    told = {"payout": payout.ref, "provider": _SAYS.get(payout.provider, payout.provider)}
    return Found(N_("It is payout %(payout)s of %(provider)s."), told, payout, evidence)


def _names(key: str, payout: Awaited) -> bool:
    """By its id or its own text; a text that is only the provider's name tells one payout as little as any other."""
    own = number_key(payout.statement_text)
    telling = len(own) >= _SHORTEST_TEXT and own != number_key(_SAYS.get(payout.provider, ""))
    return number_key(payout.ref) in key or (telling and own in key)


def _in_time(payout: Awaited, booked_on: date) -> bool:
    arrives = payout.arrives_on
    return arrives is not None and arrives - _EARLY <= booked_on <= arrives + _LATE
