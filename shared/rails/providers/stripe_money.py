"""Amounts as Stripe writes them, and as we do: both whole numbers of a smallest unit, not always the same unit. Pure.

Source: docs.stripe.com/currencies (zero-decimal, three-decimal, special cases), as of 2026.
"""

from __future__ import annotations

from shared.money import digits, parse_currency

# No decimals since, but Stripe still wants two of them, both zero: 5 UGX are 500.
_TWO_ZEROS = frozenset({"ISK", "UGX"})
# Two decimals in ISO 4217 (an ariary has five parts), none at Stripe.
_NO_DECIMALS = frozenset({"MGA"})
# Stripe's partners take no third decimal that is not zero.
_LAST_IS_ZERO = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


class Inexact(ValueError):
    """An amount that one side cannot write exactly."""

    def __init__(self, amount: int, currency: str) -> None:
        super().__init__(f"Stripe and we do not both know {amount} {currency} (in its smallest unit).")


def to_stripe(minor: int, currency: str) -> int:
    """Our minor units as Stripe's; an amount that Stripe cannot express is refused, never rounded.

    >>> to_stripe(12_345, "EUR"), to_stripe(500, "JPY"), to_stripe(5, "UGX"), to_stripe(500, "MGA")
    (12345, 500, 500, 5)
    >>> to_stripe(1_005, "TND")
    Traceback (most recent call last):
    shared.rails.providers.stripe_money.Inexact: Stripe and we do not both know 1005 TND (in its smallest unit).
    """
    digits(currency)
    if currency in _TWO_ZEROS:
        return minor * 100
    if (currency in _NO_DECIMALS and minor % 100) or (currency in _LAST_IS_ZERO and minor % 10):
        raise Inexact(minor, currency)
    return minor // 100 if currency in _NO_DECIMALS else minor


def from_stripe(amount: int, currency: str) -> tuple[int, str]:
    """Stripe's amount and currency as ours; what is not a whole unit of ours is refused.

    >>> from_stripe(500, "ugx"), from_stripe(1230, "tnd"), from_stripe(5, "mga")
    ((5, 'UGX'), (1230, 'TND'), (500, 'MGA'))
    """
    code = parse_currency(currency)
    if code in _TWO_ZEROS:
        if amount % 100:
            raise Inexact(amount, code)
        return amount // 100, code
    return amount * 100 if code in _NO_DECIMALS else amount, code
