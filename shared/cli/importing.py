"""Files in: `quittance import …`. Each file is its own transaction; several files give a list in their order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from shared import db
from shared.actor import SYSTEM
from shared.bank_statements.importing import import_statement
from shared.cli.output import AsJson, answer, note, opened, progress, refusal, screen
from shared.creditors.actions import by_code, the_only_one
from shared.customers.importing import import_customers
from shared.errors import DomainError, RefusedFile
from shared.importing.invoices import import_invoices
from shared.importing.payments import import_payments

Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)]
Creditor = Annotated[str | None, typer.Option(help="Code of the creditor, where the file does not name it.")]
SkipBadRows = Annotated[
    bool, typer.Option("--skip-bad-rows", help="Take the good rows of a file with bad ones.")
]
Form = Annotated[
    str | None, typer.Option("--format", help="Force the format instead of reading it off the content.")
]

Progress = Callable[[int], None]


def customers(files: Files, skip_bad_rows: SkipBadRows = False, as_json: AsJson = False) -> None:
    """Customers from CSV or XLSX. Example: quittance import customers customers.csv"""

    def take(file: Path, moved: Progress) -> dict[str, Any]:
        with db.writing(SYSTEM) as session, file.open("rb") as source:
            return import_customers(
                session, SYSTEM, source, file.name, skip_bad_rows=skip_bad_rows, progress=moved
            ).as_json()

    each_file(files, take, as_json)


def invoices(
    files: Files,
    creditor: Creditor = None,
    skip_bad_rows: SkipBadRows = False,
    form: Form = None,
    as_json: AsJson = False,
) -> None:
    """Invoices and credit notes from CSV, XLSX, FEC, Factur-X, UBL or CII. Example: quittance import invoices f.csv"""

    def take(file: Path, moved: Progress) -> dict[str, Any]:
        with db.writing(SYSTEM) as session, file.open("rb") as source:
            return import_invoices(
                session,
                SYSTEM,
                source,
                file.name,
                creditor=creditor,
                format=form,
                skip_bad_rows=skip_bad_rows,
                folder=file.parent,
                progress=moved,
            ).as_json()

    each_file(files, take, as_json)


def payments(
    files: Files, creditor: Creditor = None, skip_bad_rows: SkipBadRows = False, as_json: AsJson = False
) -> None:
    """Payments settled before, as history. Example: quittance import payments payments.csv"""

    def take(file: Path, moved: Progress) -> dict[str, Any]:
        with db.writing(SYSTEM) as session, file.open("rb") as source:
            return import_payments(
                session,
                SYSTEM,
                source,
                file.name,
                creditor=creditor,
                skip_bad_rows=skip_bad_rows,
                progress=moved,
            ).as_json()

    each_file(files, take, as_json)


def statement(
    files: Files,
    create_account: Annotated[
        bool, typer.Option("--create-account", help="Add accounts that are not known.")
    ] = False,
    creditor: Creditor = None,
    as_json: AsJson = False,
) -> None:
    """Bank statements (camt.053). Example: quittance import statement camt_2026-09-01.xml"""

    def take(file: Path, moved: Progress) -> dict[str, Any]:
        with db.writing(SYSTEM) as session, file.open("rb") as source:
            owner = None
            if create_account:
                owner = by_code(session, creditor) if creditor else the_only_one(session)
            taken = import_statement(
                session,
                SYSTEM,
                source,
                file.name,
                create_account=owner,
                progress=moved,
            )
            return taken.as_json()

    each_file(files, take, as_json)


def each_file(files: list[Path], take: Callable[[Path, Progress], dict[str, Any]], as_json: bool) -> None:
    """Take each file; a refused one does not keep the others out, but the command ends with exit code 1."""
    answers, refused = [], False
    with opened(as_json):
        for file in files:
            try:
                with progress(f"Reading {file.name}") as moved:
                    answers.append(take(file, moved))
            except DomainError as error:
                if isinstance(error, RefusedFile) and error.file is None:
                    error.file = file.name
                refused = True
                answers.append({**refusal(error), "file": str(file)})
                if not as_json:
                    note(str(error), bold=True)
                continue
            if not as_json:
                tell(file, answers[-1])
    if as_json:
        answer(answers[0] if len(answers) == 1 else answers)
    if refused:
        raise typer.Exit(1)


def tell(file: Path, told: dict[str, Any]) -> None:
    counts = ", ".join(
        f"{told[name]} {name}" for name in ("created", "updated", "unchanged", "duplicates") if told.get(name)
    )
    screen.print(f"{file.name}: {told['format']}, {told['rows']} rows: {counts or 'nothing new'}")
    for remark in told.get("remarks", ()):
        note(f"  {remark}")
    for row in told["rejected"]:
        place = ", ".join(f"{name} {row[name]}" for name in ("line", "column") if row.get(name) is not None)
        note(f"  {place}: “{row.get('value', '')}”: {row['error']}")
    for each in told.get("statements", ()):
        proof = {True: "balance proved", False: "BALANCE DOES NOT ADD UP", None: "no balances given"}
        screen.print(
            f"  {each['account']} {each['id']}: {each['entries']} entries, {proof[each['balance_ok']]}"
        )
