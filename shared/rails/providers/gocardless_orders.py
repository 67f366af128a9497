"""Our commands as GoCardless takes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.rails.providers.protocols import Payer, RefundOrder, SetUp, Start
from shared.rails.snapshot import Method

Thing = Mapping[str, Any]

_INSTANT_SCHEMES = {"EUR": "sepa_instant_credit_transfer", "GBP": "faster_payments"}
_DEBIT_SCHEME = "sepa_core"


def debit(order: Start, mandate: Thing) -> dict[str, Any]:
    """Collect on a mandate."""
    return Collection.of(order).params(str(order.payment_id), mandate)


def request(order: Start) -> dict[str, Any]:
    """Ask the payer: for an instant payment, or for a mandate to collect on (`Collection`)."""
    params: dict[str, Any] = {"metadata": {"payment_id": str(order.payment_id)}, **_customer(order.payer)}
    if order.method is Method.PAY_BY_BANK:
        params["payment_request"] = {
            "amount": order.amount_minor,
            "currency": order.currency,
            "scheme": _INSTANT_SCHEMES[order.currency],
            "description": order.description,
            "reference": order.reference,
            "metadata": {"payment_id": str(order.payment_id)},
        }
    else:
        params["metadata"] |= Collection.of(order).metadata()
        params["mandate_request"] = _mandate_request(order.currency)
    return params


def set_up(order: SetUp) -> dict[str, Any]:
    """Ask the payer for a mandate, without collecting on it yet."""
    return {
        "metadata": {"set_up_id": str(order.set_up_id)},
        "mandate_request": _mandate_request("EUR"),
        **_customer(order.payer),
    }


def flow(request_id: str, payer: Payer, language: str, return_url: str, exit_url: str) -> dict[str, Any]:
    """The page a request is answered on, with what we know filled in."""
    known = {"company_name": payer.name, "email": payer.email, "country_code": payer.country}
    return {
        "redirect_uri": return_url,
        "exit_uri": exit_url,
        "language": language,
        "prefilled_customer": {name: value for name, value in known.items() if value},
        "links": {"billing_request": request_id},
    }


def refund(order: RefundOrder, payment_ref: str) -> dict[str, Any]:
    """The total tells GoCardless which refunds we know of: it refuses when there are others."""
    return {
        "amount": order.amount_minor,
        "total_amount_confirmation": order.refunded_before_minor + order.amount_minor,
        "metadata": {"refund_id": str(order.refund_id), "payment_id": str(order.payment_id)},
        "links": {"payment": payment_ref},
    }


@dataclass(frozen=True, slots=True)
class Collection:
    """What is to be collected on a mandate; it travels with the request for one, for nothing is kept here."""

    amount_minor: int
    currency: str
    reference: str
    description: str
    collect_on: date | None

    @classmethod
    def of(cls, order: Start) -> Collection:
        return cls(
            order.amount_minor, order.currency, order.reference, order.description[:500], order.collect_on
        )

    def metadata(self) -> dict[str, str]:
        """As two of the three pairs that metadata may hold, of 500 characters each."""
        day = self.collect_on.isoformat() if self.collect_on else ""
        return {
            "collect": f"{self.amount_minor} {self.currency} {self.reference} {day}".rstrip(),
            "description": self.description,
        }

    @classmethod
    def read(cls, metadata: Thing) -> Collection | None:
        """What a request was to collect; None: nothing, or it was not one of ours."""
        if "collect" not in metadata:
            return None
        minor, currency, reference, *day = str(metadata["collect"]).split(" ")
        wanted = date.fromisoformat(day[0]) if day else None
        return cls(int(minor), currency, reference, str(metadata.get("description", "")), wanted)

    def params(self, payment_id: str, mandate: Thing) -> dict[str, Any]:
        """The payment: on the day wanted, or the first one after it that the mandate allows."""
        first = mandate.get("next_possible_charge_date") or ""
        return {
            "amount": self.amount_minor,
            "currency": self.currency,
            "description": self.description,
            "reference": self.reference,
            "metadata": {"payment_id": payment_id},
            "links": {"mandate": mandate["id"]},
            **({"charge_date": max(self.collect_on.isoformat(), first)} if self.collect_on else {}),
        }


def _mandate_request(currency: str) -> dict[str, Any]:
    return {"currency": currency, "scheme": _DEBIT_SCHEME}


def _customer(payer: Payer) -> dict[str, Any]:
    return {"links": {"customer": payer.ref}} if payer.ref else {}
