"""Why a bank gave a direct debit back, and what follows: one table, `reason_codes.csv`, read once.

The codes are those of the rulebooks (EPC173-14). A code that is not in the table is for a person: nothing is
presented again, and the mandate rests until somebody has looked.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from shared.i18n import N_

_TABLE = Path(__file__).parent / "reason_codes.csv"


class Action(StrEnum):
    """What the creditor does next."""

    RE_PRESENT = "re_present"
    FIX_DATA = "fix_data"  # then present again: no word to the debtor is needed
    NEW_ACCOUNT = "new_account"
    SWITCH_SCHEME = "switch_scheme"
    STOP_AND_REMANDATE = "stop_and_remandate"
    ASK_DEBTOR = "ask_debtor"
    ASK_BANK = "ask_bank"
    CHECK_DUPLICATE = "check_duplicate"
    STOP_DUNNING = "stop_dunning"
    NONE = "none"
    ASK_A_PERSON = "ask_a_person"


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """`retries`: how often a collection may be presented again for this reason. `sentence`: told to the clerk."""

    code: str
    meaning: str
    action: Action
    retries: int
    suspends_mandate: bool
    sentence: str


def reason_code(code: str | None) -> ReasonCode:
    """What a code means. Unknown, or none at all: a person decides, and the mandate is suspended meanwhile.

    >>> reason_code("AM04").action, reason_code("AM04").retries, reason_code("ZZ99").action
    (<Action.RE_PRESENT: 're_present'>, 2, <Action.ASK_A_PERSON: 'ask_a_person'>)
    """
    known = reason_codes().get((code or "").strip().upper())
    return known or ReasonCode((code or "")[:35], "", Action.ASK_A_PERSON, 0, True, _UNKNOWN)


@cache
def reason_codes() -> dict[str, ReasonCode]:
    """The whole table."""
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        return {row["code"]: _read(row) for row in rows}


def _read(row: dict[str, str]) -> ReasonCode:
    return ReasonCode(
        row["code"],
        row["meaning"],
        Action(row["action"]),
        int(row["retries"]),
        row["suspends"] == "1",
        _SENTENCES[row["code"]],
    )


_UNKNOWN = N_(
    "The bank gave a reason that is not known here. Ask the bank before anything is collected again."
)
_NO_ADDRESS = N_(
    "Data the bank must have is missing or wrong. Complete the name and address, then collect again."
)
_SENTENCES = {
    "AC01": N_("The IBAN is wrong or unknown. Ask the debtor for the right one; nothing is collected until then."),
    "AC04": N_("The account is closed. Ask the debtor for another; nothing is collected until then."),
    "AC06": N_("The account is blocked. Call the debtor, and look whether proceedings were opened."),
    "AC13": N_("The account is a consumer’s and takes no B2B debit. Have a Core mandate signed."),
    "AG01": N_("This account takes no direct debits. Ask the debtor for another account or another way to pay."),
    "AG02": N_("The sequence of the collection was wrong. It is corrected and presented again."),
    "AM04": N_("There was not enough money on the account. It may be collected again, after a new notice."),
    "AM05": N_("The bank took it for a duplicate. Check that the first collection was made; do not present it again."),
    "BE04": N_("The creditor’s address is missing. Complete it, then collect again."),
    "BE05": N_("The bank does not know the creditor identifier (ICS). Correct it, then collect again."),
    "CNOR": N_("Your bank is not registered for this scheme under its BIC. Ask your bank."),
    "DNOR": N_("The debtor’s bank does not take this scheme. Have a Core mandate signed, or agree on another way."),
    "ED05": N_("The banks could not settle it. It may be presented again."),
    "FF01": N_("The bank refused the file’s form. Correct what it names; addresses need a town and a country."),
    "FF05": N_("Core and B2B were mixed up. Correct the scheme, then collect again."),
    "FOCR": N_("You asked for this collection to be cancelled, and it was."),
    "MD01": N_("The debtor’s bank knows of no mandate. Stop, send your bank the signed mandate, and have a new one signed."),
    "MD02": N_("The mandate’s data were missing or wrong. Correct its reference or date of signature, then collect again."),
    "MD06": N_("The debtor had the money refunded, as they may for eight weeks. Call them before collecting again."),
    "MD07": N_("The account holder has died. Stop all reminders and write to the estate."),
    "MS02": N_("The debtor refused the debit. Call them before collecting again."),
    "MS03": N_("The bank gives no reason, often for lack of money. It may be presented once more."),
    "RC01": N_("The BIC is wrong. Remove it, as the IBAN is enough, and collect again."),
    "RR01": _NO_ADDRESS,
    "RR02": _NO_ADDRESS,
    "RR03": _NO_ADDRESS,
    "RR04": N_("The bank had a legal reason. Ask your bank before collecting again."),
    "SL01": N_("The debtor’s bank applies the debtor’s own limits. Ask them to allow your identifier (ICS)."),
    "TM01": N_("The file reached the bank too late. Choose a later day of collection."),
}  # fmt: skip
