"""`expand[]`: ids in an answer replaced by the objects they name."""

from __future__ import annotations

from typing import Any

from shared.sandbox.stripe.account import Account, shown
from shared.sandbox.stripe.refusals import Json, Refused

_KINDS = {
    "latest_charge": "charge",
    "charge": "charge",
    "balance_transaction": "balance_transaction",
    "failure_balance_transaction": "balance_transaction",
    "payment_method": "payment_method",
    "customer": "customer",
    "mandate": "mandate",
    "payment_intent": "payment_intent",
    "setup_intent": "setup_intent",
    "default_payment_method": "payment_method",
}
_SOURCES = ("charge", "refund", "dispute", "payout")
_DEEPEST = 4


def expanded(account: Account, answer: Json, paths: list[str]) -> Json:
    """The answer with each path's object in place of its id."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise Refused("You cannot expand more than 4 levels of a property.", None, "expand")
        _expand(account, answer, steps, path)
    return answer


def _expand(account: Account, inside: Any, steps: list[str], path: str) -> None:
    if not steps or inside is None:
        return
    if isinstance(inside, list):
        for each in inside:
            _expand(account, each, steps, path)
        return
    name = steps[0]
    if not isinstance(inside, dict) or name not in inside:
        raise Refused(f"This property cannot be expanded ({path}).", "property_cannot_be_expanded", "expand")
    if isinstance(inside[name], str):
        inside[name] = _named(account, name, inside[name], path)
    _expand(account, inside[name], steps[1:], path)


def _named(account: Account, name: str, wanted: str, path: str) -> Json:
    kinds = _SOURCES if name == "source" else (_KINDS[name],) if name in _KINDS else ()
    for kind in kinds:
        if found := account.store.find(kind, wanted):
            return shown(found)
    raise Refused(f"This property cannot be expanded ({path}).", "property_cannot_be_expanded", "expand")
