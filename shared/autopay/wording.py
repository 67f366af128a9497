"""What a debtor agrees to when switching autopay on; kept word by word with who agreed."""

from __future__ import annotations

from hashlib import sha256

from shared.i18n import N_, gettext, money
from shared.rails.instruments import Instrument

# Changes with every change of a sentence below.
TEXT_VERSION = "2026-11"

_AGREED = N_(
    "I agree that %(creditor)s collects what is due from %(instrument)s by itself, %(when)s, at most %(cap)s per debit. "
    "I am told at least %(days)s days before each debit, and may skip it, pause or end autopay at any time."
)
_ON, _BEFORE, _AFTER = N_("on the due date"), N_("%(days)s days before it"), N_("%(days)s days after it")


def consent(
    language: str, creditor: str, held: Instrument, cap_minor: int, currency: str, offset_days: int
) -> str:
    """The sentence, in the debtor's language."""
    return gettext(
        language,
        _AGREED,
        creditor=creditor,
        instrument=held.named,
        when=when(language, offset_days),
        cap=money(language, cap_minor, currency),
        days=held.notice_days,
    )


def when(language: str, offset_days: int) -> str:
    """On which day items are collected."""
    told = _ON if not offset_days else _BEFORE if offset_days < 0 else _AFTER
    return gettext(language, told, days=abs(offset_days)) if offset_days else gettext(language, told)


def text_hash(agreed: str) -> str:
    return sha256(agreed.encode()).hexdigest()
