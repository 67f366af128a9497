"""Stripe's form encoding, `a[b][0]=c`, read into nested values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from shared.sandbox.stripe.refusals import Json, Refused

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def nested(pairs: Iterable[tuple[str, str]]) -> Json:
    """Nested dictionaries and lists of texts.

    >>> nested([("a[b][0]", "x"), ("a[b][1]", "y"), ("c", "z"), ("d[]", "1")])
    {'a': {'b': ['x', 'y']}, 'c': 'z', 'd': ['1']}
    """
    tree: Json = {}
    for key, value in pairs:
        found = _KEY.fullmatch(key)
        if found is None:
            raise Refused(f"Invalid parameter name: {key}", "parameter_unknown", key)
        path = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
        _put(tree, path, key, value)
    return {name: _lists(value) for name, value in tree.items()}


def _put(tree: Json, path: list[str], key: str, value: str) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise Refused(f"Invalid hash: {key}", "parameter_invalid", key)
    last = path[-1] if path[-1] else str(len(tree))
    tree[last] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _lists(inner) for name, inner in value.items()}
