"""Which parameters Stripe accepts, and of what type: read from the SDK's own typed parameters.

This is the only file of the simulator that knows the SDK, so that what is accepted is not merely our opinion. The
live API refuses a name it does not know; so does this.
"""

from __future__ import annotations

import importlib
import re
import typing
from functools import cache
from types import SimpleNamespace
from typing import Any, Literal

from stripe import _request_options

from shared.sandbox.stripe.refusals import Json, Refused, missing_parameter

VERSION = "2026-10-28.endive"
_OPTIONS = frozenset(_request_options.RequestOptions.__annotations__)
_GONE = "payment_method_types"
_HAS_LOST_THEM = re.compile(r"(PaymentIntent|SetupIntent|Session)(Create|Update|Modify|Confirm)Params")


def accepted(name: str, given: Json) -> Json:
    """The parameters of the request whose typed name is `name`, as typed values; refuses what Stripe refuses."""
    if _GONE in given and _HAS_LOST_THEM.fullmatch(name):
        raise Refused(
            "The `payment_method_types` parameter is no longer supported in this API version. "
            "Use `allowed_payment_method_types` instead.",
            "payment_method_types_no_longer_supported",
            _GONE,
        )
    return _hash(given, _request(name), "")


@cache
def _request(name: str) -> type:
    parts = re.findall(r"[A-Z][a-z]+", name)
    folder = {"Session": "checkout.", "CustomerFundCash": "test_helpers."}
    place = next((folder[start] for start in folder if name.startswith(start)), "")
    module = importlib.import_module(f"stripe.params.{place}_{'_'.join(parts).lower()}")
    return typing.cast(type, getattr(module, name))


@cache
def _fields(cls: type) -> dict[str, Any]:
    own = {name: hint for name, hint in cls.__annotations__.items() if name not in _OPTIONS}
    return typing.get_type_hints(
        SimpleNamespace(__annotations__=own), vars(importlib.import_module(cls.__module__))
    )


def _hash(given: Json, cls: type, path: str) -> Json:
    fields = _fields(cls)
    if unknown := [_inside(path, name) for name in given if name not in fields]:
        plural = "s" if len(unknown) > 1 else ""
        raise Refused(
            f"Received unknown parameter{plural}: {', '.join(unknown)}", "parameter_unknown", unknown[0]
        )
    required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
    for name in fields:
        if name in required and name not in given:
            raise missing_parameter(_inside(path, name))
    return {name: _typed(value, fields[name], _inside(path, name)) for name, value in given.items()}


def _typed(value: Any, hint: Any, path: str) -> Any:
    kinds = _alternatives(hint)
    if value == "" and not any(kind is str for kind in kinds):
        return None  # how a value is unset
    if isinstance(value, dict):
        return _typed_hash(value, kinds, path)
    if isinstance(value, list):
        inner = next((typing.get_args(kind)[0] for kind in kinds if typing.get_origin(kind) is list), None)
        if inner is None:
            raise Refused(f"Invalid {path}: did not expect a list", "parameter_invalid", path)
        return [_typed(each, inner, f"{path}[{number}]") for number, each in enumerate(value)]
    return _scalar(value, kinds, path)


def _typed_hash(value: Json, kinds: list[Any], path: str) -> Json:
    for kind in kinds:
        if _is_hash(kind):
            return _hash(value, kind, path)
    if any(typing.get_origin(kind) is dict for kind in kinds):
        return value
    raise Refused(f"Invalid {path}: did not expect a hash", "parameter_invalid", path)


def _scalar(value: str, kinds: list[Any], path: str) -> Any:
    if bool in kinds and value in ("true", "false"):
        return value == "true"
    if int in kinds and re.fullmatch(r"-?\d{1,15}", value):
        return int(value)
    literals = [
        each for kind in kinds if typing.get_origin(kind) is Literal for each in typing.get_args(kind)
    ]
    if str in kinds or value in literals:
        return value
    if int in kinds:
        raise Refused(f"Invalid integer: {value}", "parameter_invalid_integer", path)
    if bool in kinds:
        raise Refused(f"Invalid boolean: {value}", "parameter_invalid", path)
    if literals:
        told = ", ".join(map(str, literals))
        raise Refused(f"Invalid {path}: must be one of {told}", "parameter_invalid", path)
    if any(typing.get_origin(kind) in (list, dict) or _is_hash(kind) for kind in kinds):
        raise Refused(f"Invalid {path}: expected a list or a hash", "parameter_invalid", path)
    return value


def _is_hash(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "__required_keys__")


def _alternatives(hint: Any) -> list[Any]:
    origin = typing.get_origin(hint)
    if origin is typing.Union or str(origin) == "<class 'types.UnionType'>":
        return [kind for each in typing.get_args(hint) for kind in _alternatives(each)]
    if getattr(origin, "_name", "") == "NotRequired" or str(origin).endswith("NotRequired"):
        return _alternatives(typing.get_args(hint)[0])
    return [hint]


def _inside(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name
