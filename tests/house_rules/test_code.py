"""Rules that a linter does not know: one clock, no float for money, files that speak of the product alone."""

import ast
import re

import pytest

from tests.house_rules.files import ROOT, files, named

CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "fromtimestamp"}
ASKERS = {"datetime", "date", "time", "dt"}
# clock.py is the clock; ids.py stamps identifiers with the machine's milliseconds.
MAY_ASK_THE_TIME = {"shared/clock.py", "shared/ids.py"}


def dotted(node: ast.AST) -> tuple[str, str]:
    inside = node.value if isinstance(node, ast.Attribute) else None
    name = inside.attr if isinstance(inside, ast.Attribute) else getattr(inside, "id", "")
    return name, node.attr if isinstance(node, ast.Attribute) else ""


@pytest.mark.parametrize("path", files(".py"), ids=named)
def test_only_the_clock_asks_the_time(path):
    if named(path) in MAY_ASK_THE_TIME:
        return
    asked = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            owner, name = dotted(node)
            if owner in ASKERS and name in CLOCKS and (owner, name) != ("time", "today"):
                asked.append(f"{node.lineno}: {owner}.{name}")
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            asked += [f"{node.lineno}: time.{n.name}" for n in node.names if n.name in ("time", "time_ns")]
    assert not asked


@pytest.mark.parametrize("path", files(".py"), ids=named)
def test_money_is_never_a_float(path):
    wrong = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "float":
            told = ast.unparse(node)
            if re.search(r"amount|minor|money|balance|price|total", told, re.I):
                wrong.append(f"{node.lineno}: {told}")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            told = ast.unparse(node)
            if re.search(r"\w*minor\b|\bmoney\b", told, re.I) and "Decimal" not in told:
                wrong.append(f"{node.lineno}: {told}")
    assert not wrong


def test_nothing_is_left_to_be_done_later():
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")
    found = [
        named(p)
        for p in files(".py", ".html", ".css", ".js", ".sql", tests=True)
        if marks.search(p.read_text("utf-8"))
    ]
    assert not found


def test_no_file_knows_the_machine_it_was_written_on():
    own = re.compile(r"(?<![\w.])/(?:ho" + r"me|ro" + r"ot|Us" + r"ers|wo" + r"rk)/\w")
    texts = [
        *files(".py", ".html", ".css", ".js", ".po", ".sql", tests=True),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "dev",
    ]
    assert not [named(p) for p in texts if own.search(p.read_text("utf-8"))]
