"""A file that cannot be held in the head is two files."""

import ast

import pytest

from tests.house_rules.files import files, named

FUNCTION = 60
CEILINGS = {".py": 400, ".html": 150, ".css": 150, ".js": 200}
TEST_FILE = 600


def ceiling(path) -> int:
    return TEST_FILE if path.parts[-1].startswith("test_") else CEILINGS[path.suffix]


@pytest.mark.parametrize("suffix", CEILINGS)
def test_no_file_is_too_long(suffix):
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in files(suffix, tests=True)}
    assert not {named(p): n for p, n in lengths.items() if n > ceiling(p)}


def test_no_function_is_too_long():
    long = {}
    for path in files(".py", tests=True):
        if "versions" in path.parts:  # a migration is one list of statements, read once from top to bottom
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > FUNCTION:
                    long[f"{named(path)}:{node.lineno} {node.name}"] = lines
    assert not long
