"""Commands about the books: match, check, report, export."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from shared import clock, db
from shared.actor import SYSTEM
from shared.cli.output import AsJson, answer, opened, progress, screen, table
from shared.creditors.actions import by_code, the_only_one
from shared.errors import DomainError
from shared.i18n import money, speaks
from shared.jobs.checks import run_checks
from shared.matching import run as matching
from shared.reporting import aged, fec_export, match_answer, open_items, statement, statement_files
from shared.reporting.as_of import customer_id

report = typer.Typer(help="Figures as of any day.", no_args_is_help=True)
export = typer.Typer(help="Files for other systems.", no_args_is_help=True)

Format = Annotated[str, typer.Option("--format", help="table, json, csv or xlsx")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="A day, 2026-03-31; today when left out.")]
Creditor = Annotated[str | None, typer.Option(help="Code of one creditor; all when left out.")]
Customer = Annotated[str | None, typer.Option(help="customer_ref of one customer.")]
Output = Annotated[Path | None, typer.Option("--output", help="Into this file; else to stdout.")]
Currency = Annotated[str, typer.Option(help="Currencies are never summed together.")]


def match(
    statement: Annotated[
        str | None, typer.Option(help="The bank's id of one statement; all lines when left out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide, change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Reconcile lines nobody decided about; applies only what is certain. Example: quittance match --dry-run"""
    started = time.monotonic()
    with opened(as_json), progress("Matching bank lines") as moved:
        results = list(matching.run(SYSTEM, statement=statement, dry_run=dry_run, progress=moved))
        document = match_answer.as_json(results, time.monotonic() - started)
    if as_json:
        answer(document)
        return
    why = Counter(result.decision.rule for result in results if result.decision.outcome == "unmatched")
    screen.print(
        f"{document['lines']} lines: {document['applied']} applied, {document['unmatched']} left to a person."
    )
    table("Left to a person, by what was missing", ["rule", "lines"], why.most_common(), [1])


def check(as_json: AsJson = False) -> None:
    """Prove the invariants of the books and the audit chain. Exit code 1 when one does not hold."""
    with opened(as_json):
        checks = run_checks()
    ok = all(each["ok"] for each in checks)
    if as_json:
        answer({"ok": ok, "checks": checks})
    else:
        table(
            "Checks",
            ["", "check", "detail"],
            [("ok" if c["ok"] else "BROKEN", c["name"], c["detail"]) for c in checks],
        )
    if not ok:
        raise typer.Exit(1)


@report.command("aged")
def report_aged(
    as_of: AsOf = None,
    creditor: Creditor = None,
    customer: Customer = None,
    currency: Currency = "EUR",
    form: Format = "table",
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Aged balance per customer. Example: quittance report aged --as-of 2026-03-31 --format json"""
    day = parse_day(as_of)
    with opened(as_json or form == "json"), db.reading(SYSTEM) as session:
        found = aged.report(
            session, SYSTEM, as_of=day, creditor=creditor, customer=customer, currency=currency
        )
        if as_json or form == "json":
            answer(found.as_json())
        elif form == "csv":
            _hand_over((line.encode() for line in aged.as_csv(found)), output)
        elif form == "xlsx":
            _hand_over([aged.as_xlsx(found)], output)
        elif form == "table":
            shown = [
                row.cells(lambda minor: money("en", minor, currency)) for row in [*found.rows, found.totals]
            ]
            table(f"Aged balance as of {day}", aged.COLUMNS, shown, range(2, len(aged.COLUMNS)))
        else:
            raise _unknown(form, "table, json, csv or xlsx")


@report.command("open-items")
def report_open_items(
    as_of: AsOf = None,
    creditor: Creditor = None,
    customer: Customer = None,
    currency: Currency = "EUR",
    form: Format = "table",
    as_json: AsJson = False,
) -> None:
    """Every open item. Example: quittance report open-items --customer C0042 --format csv"""
    day = parse_day(as_of)
    with opened(as_json or form == "json"), db.reading(SYSTEM) as session:
        items = open_items.report(
            session, SYSTEM, as_of=day, creditor=creditor, customer=customer, currency=currency
        )
        if as_json or form == "json":
            answer({"as_of": day, "currency": currency, "items": [item.as_json() for item in items]})
        elif form == "csv":
            for chunk in open_items.as_csv(items):
                typer.echo(chunk, nl=False)
        else:
            table(f"Open items as of {day}", open_items.COLUMNS, (item.cells() for item in items), [5, 6])


@report.command("statement")
def report_statement(
    customer: Annotated[str, typer.Option(help="customer_ref of the customer.")],
    since: Annotated[str | None, typer.Option("--from", help="First day; else the year's first.")] = None,
    as_of: AsOf = None,
    form: Annotated[str, typer.Option("--format", help="pdf, csv, xlsx or json")] = "json",
    output: Output = None,
    language: Annotated[str, typer.Option(help="fr or en")] = "fr",
    as_json: AsJson = False,
) -> None:
    """Statement of account of one customer. Example: quittance report statement --customer C0042 --format pdf --output C0042.pdf"""
    last, spoken = parse_day(as_of), speaks(language)
    with opened(as_json or form == "json"), db.reading(SYSTEM) as session:
        period = statement.Period(parse_day(since) if since else last.replace(month=1, day=1), last)
        whose = [found] if (found := customer_id(session, customer)) else []
        accounts = statement.accounts(session, SYSTEM, period, customers=whose)
        lines = statement.every_line(session, SYSTEM, period, customers=whose)
        rows = statement_files.rows(accounts, lines, period)
        if as_json or form == "json":
            answer(
                {
                    "customer_ref": customer,
                    "since": period.since,
                    "as_of": last,
                    "rows": [r.as_json() for r in rows],
                }
            )
        elif form == "pdf":
            _hand_over([statement_files.as_pdf(accounts, lines, period, spoken)], output)
        elif form == "csv":
            _hand_over(statement_files.as_csv(rows, spoken), output)
        elif form == "xlsx":
            with statement_files.as_xlsx(rows, spoken) as made:
                _hand_over(iter(lambda: made.read(65536), b""), output)
        else:
            raise _unknown(form, "pdf, csv, xlsx or json")


@export.command("fec")
def export_fec(
    start: Annotated[str, typer.Option("--from", help="First day, 2026-01-01.")],
    end: Annotated[str, typer.Option("--to", help="Last day.")],
    creditor: Creditor = None,
    folder: Annotated[Path, typer.Option(help="Where the file goes.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Receipts as a FEC file for the accounting system. Example: quittance export fec --from 2026-01-01 --to 2026-03-31"""
    first, last = parse_day(start), parse_day(end)
    with opened(as_json), db.reading(SYSTEM) as session:
        owner = by_code(session, creditor) if creditor else the_only_one(session)
        written = fec_export.write(session, SYSTEM, owner, first, last, folder)
    told: dict[str, Any] = {
        "file": str(written.path),
        "lines": written.lines,
        "debit_minor": written.debit_minor,
    }
    answer(told) if as_json else screen.print(f"{written.path}: {written.lines} lines", soft_wrap=True)


def _hand_over(content: Iterable[bytes], output: Path | None) -> None:
    """A file's content into the named file, or to stdout as it is."""
    if output is None:
        sys.stdout.buffer.writelines(content)
        sys.stdout.buffer.flush()
        return
    try:
        with output.open("wb") as file:
            file.writelines(content)
    except OSError as error:
        raise DomainError(
            "%(file)s cannot be written: %(why)s.", file=str(output), why=error.strerror
        ) from error


def _unknown(form: str, known: str) -> DomainError:
    return DomainError("“%(value)s” is not a format of this report: %(known)s.", value=form, known=known)


def parse_day(value: str | None) -> date:
    if value is None:
        return clock.today()
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(f"“{value}” is not a day such as 2026-03-31") from None
