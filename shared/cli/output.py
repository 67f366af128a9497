"""How commands answer: JSON for programs, tables for people, refusals on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from shared import db, schema
from shared.config import settings
from shared.errors import DomainError, RefusedFile
from shared.tabular.imported import RefusedRows

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else there.")]

screen = Console()
notes = Console(stderr=True)


def answer(document: Any) -> None:
    """The one JSON document of a `--json` answer."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()
) -> None:
    """A table for people; `numbers` are the columns to align right."""
    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        drawn.add_column(column, justify="right" if index in numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    screen.print(drawn)


def refusal(error: DomainError) -> dict[str, Any]:
    """A refusal as the integration guide describes it."""
    told: dict[str, Any] = {"error": str(error)}
    if isinstance(error, RefusedFile):
        told = {"file": error.file, "error": str(error), "line": error.line}
        if error.column is not None:
            told["column"] = error.column
    if isinstance(error, RefusedRows):
        told["rejected"] = [row.as_json() for row in error.rejected]
    return told


def refuse(error: DomainError, as_json: bool = False) -> typer.Exit:
    """Say why nothing was done; the command then ends with exit code 1."""
    if as_json:
        answer(refusal(error))
    else:
        note(str(error), bold=True)
    return typer.Exit(1)


def note(told: str, *, bold: bool = False) -> None:
    """A line on stderr, as it is: never wrapped, so that a program can read it too."""
    notes.print(told, style="bold" if bold else None, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def opened(as_json: bool = False) -> Iterator[None]:
    """The database, open and of this version's schema; a refusal inside ends the command with exit code 1.

    The embedded database is brought up to date by itself; a server only by `quittance migrate`.
    """
    try:
        with db.available():
            # A portal's process has only the portal's login: whoever holds the owner's checks the schema.
            if db.owner_is_known() and not schema.is_current():
                if settings().database_url:
                    raise DomainError("The database is not of this version. Run: quittance migrate")
                schema.migrate()
            yield
    except DomainError as error:
        raise refuse(error, as_json) from error


@contextmanager
def progress(title: str) -> Iterator[Any]:
    """A progress bar on stderr; calls of the given function with (done, total) move it."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total=None: bar.update(task, completed=done, total=total)
