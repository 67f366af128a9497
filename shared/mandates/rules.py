"""Rules of SEPA direct debit (EPC016-06 Core and EPC222-07 B2B rulebooks), with no database and no clock."""

from __future__ import annotations

import re
from datetime import date, timedelta
from enum import StrEnum

from stdnum.iso7064 import mod_97_10

from shared.errors import Conflict, DomainError
from shared.mandates import target2
from shared.payments.sepa_text import is_identifier

NOTICE_DAYS = 14  # what the rulebooks want unless both sides agreed on less
LAPSE_MONTHS = 36
_MOST_NOTICE_DAYS = 60
# Countries of the schemes' area, as their IBANs begin (EPC409-09). Overseas territories use the number of their state.
SEPA_COUNTRIES = frozenset(
    (
        "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT "
        "RO RS SE SI SK SM VA"
    ).split()
)
_REFUND_WEEKS = 8
_RETURN_DAYS = {"core": 5, "b2b": 3}
_ICS = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}", re.ASCII)


class Scheme(StrEnum):
    """Core: the debtor may take the money back for eight weeks. B2B: never, and never for a consumer."""

    CORE = "core"
    B2B = "b2b"


class Sequence(StrEnum):
    """Where a collection stands in its mandate's life, as the file says it."""

    FIRST = "FRST"
    RECURRENT = "RCUR"
    FINAL = "FNAL"
    ONE_OFF = "OOFF"


class State(StrEnum):
    PENDING = (
        "pending"  # B2B: signed, and not yet known to the debtor's bank; a provider's: not yet accepted there
    )
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REPLACED = "replaced"


# What may follow what. A state that is no key is final.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.ACTIVE, State.CANCELLED, State.EXPIRED, State.REPLACED}),
    State.ACTIVE: frozenset({State.SUSPENDED, State.CANCELLED, State.EXPIRED, State.REPLACED}),
    State.SUSPENDED: frozenset({State.ACTIVE, State.CANCELLED, State.EXPIRED, State.REPLACED}),
}


class InvalidIcs(DomainError):
    code = "invalid_ics"
    sentence = "“%(value)s” is not a creditor identifier (ICS): one such as FR72ZZZ123456 was expected."


class InvalidReference(DomainError):
    code = "invalid_mandate_reference"
    sentence = (
        "“%(value)s” cannot be a mandate reference: 1 to 35 letters, digits and / - ? : ( ) . , ' + were expected, "
        "without a blank, and no slash at either end or after another."
    )


def parse_ics(text: str) -> str:
    """A creditor identifier in capitals and without blanks; its check digits are right (ISO 7064, mod 97-10).

    The three characters after the check digits are the creditor's to choose, so they are not checked.

    >>> parse_ics("fr72 zzz 123456"), parse_ics("FR72ABC123456")
    ('FR72ZZZ123456', 'FR72ABC123456')
    >>> parse_ics("FR73ZZZ123456")
    Traceback (most recent call last):
    shared.mandates.rules.InvalidIcs: “FR73ZZZ123456” is not a creditor identifier (ICS): one such as FR72ZZZ123456 was expected.
    """
    compact = "".join(text.split()).upper()
    if not _ICS.fullmatch(compact) or not _checks(compact):
        raise InvalidIcs(value=text[:40], field="ics")
    return compact


def _checks(compact: str) -> bool:
    digits = "".join(str(int(each, 36)) for each in compact[7:] + compact[:4])
    return bool(mod_97_10.is_valid(digits))


def parse_reference(text: str) -> str:
    """A mandate reference (RUM), as it must come back from the bank.

    >>> parse_reference(" RUM-2026/17 ")
    'RUM-2026/17'
    """
    reference = text.strip()
    if " " in reference or not is_identifier(reference):
        raise InvalidReference(value=text[:60], field="reference")
    return reference


def make_reference(serial: int) -> str:
    """The reference of the installation's n-th own mandate.

    >>> make_reference(17)
    'QUI-M-00000017'
    """
    return f"QUI-M-{serial:08d}"


def parse_notice_days(days: int) -> int:
    """How many calendar days before a collection the debtor is told: 1 to 60."""
    if not 1 <= days <= _MOST_NOTICE_DAYS:
        raise DomainError("The notice of a direct debit must be 1 to 60 days.", field="notice_days")
    return days


def sequence(recurrent: bool, *, last: bool = False) -> Sequence:
    """What a collection is called.

    FRST may be sent, but since November 2016 a first collection may be RCUR like the others. It always is here: a
    first collection that a bank refuses needs no other name when it is presented again.
    """
    if not recurrent:
        return Sequence.ONE_OFF
    return Sequence.FINAL if last else Sequence.RECURRENT


def lapses_on(signed_on: date, last_collected_on: date | None) -> date:
    """The first day on which a mandate is dead: 36 months after its last collection, or its signature.

    >>> lapses_on(date(2024, 2, 29), None), lapses_on(date(2020, 1, 1), date(2025, 5, 31))
    (datetime.date(2027, 3, 1), datetime.date(2028, 5, 31))
    """
    since = last_collected_on or signed_on
    year, month = since.year + LAPSE_MONTHS // 12, since.month
    try:
        return since.replace(year=year, month=month)
    except ValueError:  # 29 February: the day does not exist three years later
        return date(year, 3, 1)


def earliest_collection(noticed_on: date, notice_days: int) -> date:
    """The first day the money may be taken when the debtor is told on `noticed_on`.

    The notice must be over, the day must be one on which banks settle, and the file must be with the bank one
    business day before (D-1, for both schemes).

    >>> earliest_collection(date(2026, 12, 11), 14), earliest_collection(date(2026, 12, 24), 1)
    (datetime.date(2026, 12, 28), datetime.date(2026, 12, 28))
    """
    presented = target2.on_or_after(noticed_on)
    noticed = target2.on_or_after(noticed_on + timedelta(days=notice_days))
    return max(noticed, target2.following(presented))


def present_by(due_on: date) -> date:
    """The last day on which the file may be handed to the bank for a collection on `due_on`."""
    return target2.preceding(due_on)


def returns_until(scheme: Scheme, collected_on: date) -> date:
    """The last day on which the debtor's bank may return the collection: D+5 (Core) or D+3 (B2B)."""
    return target2.add(collected_on, _RETURN_DAYS[scheme])


def refundable_until(scheme: Scheme, collected_on: date) -> date | None:
    """The last day on which the debtor may have the money back without a reason; never for B2B.

    >>> refundable_until(Scheme.CORE, date(2026, 11, 2)), refundable_until(Scheme.B2B, date(2026, 11, 2))
    (datetime.date(2026, 12, 28), None)
    """
    return collected_on + timedelta(weeks=_REFUND_WEEKS) if scheme == Scheme.CORE else None


def check_scheme(scheme: Scheme, customer_kind: str) -> None:
    """B2B is closed to consumers."""
    if scheme == Scheme.B2B and customer_kind == "consumer":
        raise DomainError("A consumer can only sign a Core mandate, not a B2B one.", field="scheme")


def check_transition(before: State, after: State) -> None:
    """Refuse what the table does not know."""
    if after not in TRANSITIONS.get(before, frozenset()):
        raise Conflict("This mandate has ended or changed: this is no longer possible.")


def state_after_signing(scheme: Scheme) -> State:
    """A Core mandate counts at once; a B2B mandate when the debtor has registered it with their bank."""
    return State.PENDING if scheme == Scheme.B2B else State.ACTIVE


def check_debtor_account(compact: str) -> None:
    """The account must be in a country of the scheme's area."""
    if compact[:2] not in SEPA_COUNTRIES:
        raise DomainError(
            "Accounts in %(country)s take no SEPA direct debits.", field="iban", country=compact[:2]
        )
