"""Every sentence a person may read: marked in Python, written in templates, or told by a refusal."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jinja2.ext import babel_extract

from tests.house_rules.files import files, named

MARKS = {"N_", "_", "gettext", "ngettext", "notice"}
# Read by whoever operates the server, on the command line, which speaks English.
NOT_FOR_SCREENS = {"ConfigurationError"}
COMMAND_LINE = "cli"


@cache
def all_messages() -> dict[str, str]:
    """Message id → one place where it is written."""
    found: dict[str, str] = {}
    trees = {path: ast.parse(path.read_text("utf-8")) for path in files(".py")}
    refusals = refusal_names(trees.values())
    for path, tree in trees.items():
        if COMMAND_LINE in path.parts:
            continue
        for line, message in _in_python(tree, refusals):
            found.setdefault(message, f"{named(path)}:{line}")
    for path in files(".html", ".txt"):
        if "templates" in path.parts:
            for line, message in _in_template(path):
                found.setdefault(message, f"{named(path)}:{line}")
    return found


@cache
def every_text() -> set[str]:
    """All texts of the code and all messages of the templates: what a translation may be of."""
    trees = [ast.parse(path.read_text("utf-8")) for path in files(".py")]
    texts = {text for tree in trees for node in ast.walk(tree) if (text := _text(node)) is not None}
    return texts | set(all_messages())


def refusal_names(trees) -> set[str]:
    """DomainError and all its descendants, by name."""
    bases = {
        c.name: {_name(b) for b in c.bases} for t in trees for c in ast.walk(t) if isinstance(c, ast.ClassDef)
    }
    known = {"DomainError"}
    while more := {name for name, above in bases.items() if above & known and name not in known}:
        known |= more
    return known


def _in_python(tree: ast.Module, refusals: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in MARKS or name in refusals - NOT_FOR_SCREENS:
                count = 2 if name == "ngettext" else 1
                for argument in node.args[:count]:
                    if (text := _text(argument)) is not None and (name in MARKS or " " in text):
                        yield node.lineno, text
        elif isinstance(node, ast.ClassDef) and node.name in refusals - NOT_FOR_SCREENS:
            for line in node.body:
                told = isinstance(line, ast.Assign) and _name(line.targets[0]) == "sentence"
                if told and (text := _text(line.value)) is not None:
                    yield line.lineno, text


def _in_template(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as source:
        keywords = ("_", "gettext", "ngettext")
        for line, _function, message, _comments in babel_extract(source, keywords, (), {"encoding": "utf-8"}):
            for text in message if isinstance(message, tuple) else (message,):
                if text:
                    yield line, text


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
