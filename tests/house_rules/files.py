"""The files the house rules speak of."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ("shared", "portal", "backoffice", "migrations")


def files(*suffixes: str, tests: bool = False) -> list[Path]:
    """The product's files (and the tests', when asked) with one of the endings, in a stable order."""
    folders = [*PRODUCT, "tests"] if tests else list(PRODUCT)
    found = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in suffixes]
    return sorted(p for p in found if "__pycache__" not in p.parts)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
