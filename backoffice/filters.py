"""What the back office's templates can say beside the words of both apps."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask

from shared import i18n, iban
from shared.creditors.queries import CreditorName
from shared.errors import DomainError
from shared.i18n import N_
from shared.web.errors import told as refusal
from shared.web.language import gettext, language

_EVIDENCE = {
    "reference": N_("our reference"),
    "amount": N_("the amount"),
    "number": N_("the number"),
    "payer account": N_("the payer’s account"),
    "announcement": N_("the announcement"),
    "a person": N_("a person"),
    "payout reference": N_("the payout’s reference"),
    "payer name": N_("the payer’s name"),
    "arrival date": N_("the day of arrival"),
}


def install(app: Flask) -> None:
    app.jinja_env.filters.update(
        iban=iban.grouped,
        told=_told,
        refusal=_refusal,
        evidence=_evidence,
        balance_state=_balance_state,
        choices=_choices,
    )


def _choices(creditors: Sequence[CreditorName], everybody: str) -> list[tuple[str, str]]:
    """The options of a creditor filter."""
    return [("", everybody), *((each.code, each.name) for each in creditors)]


def _told(sentence: str, params: dict[str, str]) -> str:
    """A message id held in a variable, with its parameters."""
    return i18n.gettext(language(), sentence, **params)


def _refusal(error: DomainError) -> str:
    return refusal(error)


def _evidence(code: str) -> str:
    return gettext(_EVIDENCE[code]) if code in _EVIDENCE else code


def _balance_state(proved: bool | None) -> str:
    """Whether opening + entries = closing, in a word."""
    words = {True: N_("Balance proved"), False: N_("Balance differs"), None: N_("No balance given")}
    return gettext(words[proved])
