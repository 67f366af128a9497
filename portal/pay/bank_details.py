"""What a transfer to a provider's account needs: read from the step the worker stored, drawn as a QR code too."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from shared.errors import DomainError
from shared.i18n import N_
from shared.money import Money
from shared.payments import epc_qr
from shared.rails.queries import Attempt
from shared.web.language import gettext


@dataclass(frozen=True, slots=True)
class BankDetails:
    """`holder` verbatim: the payer's bank compares it. `remaining_minor`: what has not come yet."""

    iban: str
    bic: str | None
    holder: str
    reference: str
    remaining_minor: int
    code: Markup | None


def read(found: Attempt) -> BankDetails | None:
    """The account to pay to, if that is what the payment waits for."""
    if found.step is None or found.step["kind"] != "bank_details":
        return None
    data = found.step["data"]
    remaining = int(data["amount_remaining"])
    bic = str(data.get("bic") or "") or None
    details = (str(data["iban"]), bic, str(data["holder"]), str(data.get("reference") or ""))
    return BankDetails(*details, remaining, _code(found, *details, remaining))


def _code(
    found: Attempt, iban: str, bic: str | None, holder: str, reference: str, remaining: int
) -> Markup | None:
    """The EPC QR code, where the standard has one; the provider's reference is a text to it."""
    transfer = epc_qr.TransferCode(
        holder, iban, Money(remaining, found.currency), text=reference or None, bic=bic
    )
    try:
        drawn = epc_qr.svg(transfer, gettext(N_("QR code of the transfer to %(name)s"), name=holder))
        return Markup(drawn)  # noqa: S704 - drawn by us, its title escaped
    except DomainError:
        return None
