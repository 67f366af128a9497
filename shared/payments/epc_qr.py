"""The EPC QR code (EPC069-12, version 002): a debtor's banking app fills in the transfer by itself.

The page's security policy forbids `style` attributes, so the code is drawn with plain presentation attributes and
takes its size from the page's own style sheet.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from xml.sax.saxutils import escape

import segno

from shared import iban
from shared.errors import DomainError
from shared.money import Money
from shared.payments import reference as references

_SMALLEST, _LARGEST = (
    Money(1, "EUR"),
    Money(99_999_999_999, "EUR"),
)  # 0.01 and 999,999,999.99: the standard's bounds
_LONGEST_NAME, _LONGEST_TEXT, _LONGEST_CODE = 70, 140, 331


class NoQrCode(DomainError):
    """This payment cannot be put into an EPC QR code; the page then shows the same facts as text only."""

    code = "no_qr_code"
    sentence = "A QR code for a transfer needs an amount in euros between 0.01 and 999 999 999.99."


@dataclass(frozen=True)
class TransferCode:
    """What the code says. `name` is exactly the account holder's: banks compare it (verification of payee)."""

    name: str
    iban: str
    amount: Money
    reference: str | None = None
    text: str | None = None
    bic: str | None = None


def payload(transfer: TransferCode) -> str:
    """The text of the code, eleven lines at most, nothing after the last one used.

    >>> print(payload(TransferCode("Ateliers Vernaison SAS", "FR7630006000011234567890189", Money(12340, "EUR"),
    ...                            reference="RF18539007547034")))
    BCD
    002
    1
    SCT
    <BLANKLINE>
    Ateliers Vernaison SAS
    FR7630006000011234567890189
    EUR123.40
    <BLANKLINE>
    RF18539007547034
    """
    if transfer.amount.currency != "EUR" or not _SMALLEST <= transfer.amount <= _LARGEST:
        raise NoQrCode()
    if transfer.reference and transfer.text:
        raise NoQrCode("A QR code for a transfer holds either a reference or a text, not both.")
    if transfer.reference and not references.is_valid(transfer.reference):
        raise NoQrCode("“%(value)s” is not a creditor reference (RF…).", value=transfer.reference[:40])
    name, text = _line(transfer.name), _line(transfer.text or "")
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise NoQrCode("The account holder's name must have 1 to 70 characters.")
    if len(text) > _LONGEST_TEXT:
        raise NoQrCode("The text of a transfer has 140 characters at most.")
    amount = f"EUR{transfer.amount.decimal:.2f}"
    number = iban.parse(transfer.iban)
    lines = [
        "BCD",
        "002",
        "1",
        "SCT",
        transfer.bic or "",
        name,
        number,
        amount,
        "",
        transfer.reference or "",
        text,
    ]
    code = "\n".join(lines).rstrip("\n")
    if len(code.encode()) > _LONGEST_CODE:
        raise NoQrCode("The name and the text are too long for a QR code.")
    return code


def svg(transfer: TransferCode, title: str) -> str:
    """The code as `<svg>` markup to put into a page; `title` says to a screen reader what it is for."""
    drawn = io.BytesIO()
    # Error correction M is the standard's; a light background so that it also scans on a dark page.
    code = segno.make(payload(transfer), error="m", boost_error=False, micro=False, encoding="utf-8")
    code.save(
        drawn, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=4, dark="#000", light="#fff", nl=False,
        svgclass="qr", lineclass=None, title=title,
    )  # fmt: skip
    markup = drawn.getvalue().decode()
    named = f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}" '
    return markup.replace("<svg ", f"<svg {named}", 1)


def _line(text: str) -> str:
    """One line of the code: a line break inside would move all that follows."""
    return " ".join(text.split())
