"""What a debtor agrees to with a plan; kept word by word."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from shared.i18n import N_, day, gettext, money
from shared.plans.rules import Part
from shared.rails.instruments import Instrument

TEXT_VERSION = "2026-11"

_AGREED = N_(
    "%(debtor)s owes %(creditor)s %(total)s for %(numbers)s and pays it in %(parts)s parts: %(schedule)s."
)
_COLLECTED = N_(
    "Each part is collected from %(instrument)s on its day; never more than is still open. This is the notice of these debits."
)
_PAID = N_("Each part is paid by %(debtor)s by its day.")
_KEPT = N_(
    "Credits are used first. As long as the parts are paid, the invoices are not reminded. A part that stays unpaid "
    "for more than %(days)s days ends the plan, and what is left is due at once."
)


def agreement(
    language: str,
    *,
    debtor: str,
    creditor: str,
    numbers: Sequence[str],
    currency: str,
    parts: Sequence[Part],
    held: Instrument | None,
    grace_days: int,
) -> str:
    """The words, in the debtor's language: three paragraphs."""
    told = [f"{day(language, p.due_on)}: {money(language, p.amount_minor, currency)}" for p in parts]
    total = money(language, sum(p.amount_minor for p in parts), currency)
    return "\n".join(
        (
            gettext(
                language,
                _AGREED,
                debtor=debtor,
                creditor=creditor,
                total=total,
                numbers=", ".join(numbers),
                parts=len(parts),
                schedule="; ".join(told),
            ),
            gettext(language, _COLLECTED, instrument=held.named)
            if held
            else gettext(language, _PAID, debtor=debtor),
            gettext(language, _KEPT, days=grace_days),
        )
    )


def text_hash(agreed: str) -> str:
    return sha256(agreed.encode()).hexdigest()
