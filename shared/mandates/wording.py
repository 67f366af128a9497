"""What a debtor agrees to when signing: the texts of the rulebooks, and what was shown of them as evidence."""

from __future__ import annotations

from hashlib import sha256

from shared.i18n import N_, gettext
from shared.mandates.rules import Scheme

# Changes with every change of a sentence below: old mandates keep the version they were signed with.
TEXT_VERSION = "2026-11"

_AUTHORISE = N_(
    "By signing this mandate form, you authorise (A) %(creditor)s to send instructions to your bank to debit your "
    "account and (B) your bank to debit your account in accordance with the instructions from %(creditor)s."
)
_TEXTS = {
    Scheme.CORE: (
        _AUTHORISE,
        N_(
            "As part of your rights, you are entitled to a refund from your bank under the terms and conditions of your "
            "agreement with your bank. A refund must be claimed within 8 weeks starting from the date on which your "
            "account was debited. Your rights are explained in a statement that you can obtain from your bank."
        ),
    ),
    Scheme.B2B: (
        _AUTHORISE,
        N_(
            "This mandate is only intended for business-to-business transactions. You are not entitled to a refund "
            "from your bank after your account has been debited, but you are entitled to request your bank not to "
            "debit your account up until the day on which the payment is due."
        ),
    ),
}
_NOTICE = N_(
    "You and the creditor agree that each debit is announced at least %(days)s days before its due date."
)


def legal_text(language: str, scheme: Scheme, creditor: str, notice_days: int) -> tuple[str, ...]:
    """The paragraphs a debtor agrees to, in their language."""
    agreed = [gettext(language, paragraph, creditor=creditor) for paragraph in _TEXTS[scheme]]
    return (*agreed, gettext(language, _NOTICE, days=notice_days))


def text_hash(paragraphs: tuple[str, ...]) -> str:
    """Proves later which words were agreed to."""
    return sha256("\n".join(paragraphs).encode()).hexdigest()
