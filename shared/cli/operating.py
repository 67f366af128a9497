"""Commands that set up and run an installation."""

from __future__ import annotations

from typing import Annotated

import typer

from shared import db, schema
from shared.cli.output import AsJson, answer, notes, opened, refuse, screen, table
from shared.cli.people import create_creditor
from shared.errors import DomainError

Port = Annotated[int, typer.Option()]


def init(
    name: Annotated[str, typer.Option(help="Registered name of the company that is owed.")],
    siren: Annotated[str | None, typer.Option(help="Nine digits.")] = None,
    iban: Annotated[
        list[str] | None, typer.Option(help="Its accounts; debtors pay to the first. May be repeated.")
    ] = None,
    bic: Annotated[str | None, typer.Option()] = None,
    code: Annotated[str | None, typer.Option(help="Short name in files and commands.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create the database and the first creditor. Example: quittance init --name "Ateliers Vernaison SAS" --iban FR76…"""
    try:
        with db.available():
            schema.migrate()
            created = create_creditor(name, siren, iban, bic, code)
    except DomainError as error:
        raise refuse(error, as_json) from error
    answer({"creditor": created}) if as_json else screen.print(f"Ready. Creditor {created}: {name}")


def migrate() -> None:
    """Bring the database to this version's schema. Safe to run again, and beside a running one."""
    try:
        with db.available():
            schema.migrate()
    except DomainError as error:
        raise refuse(error) from error
    screen.print("The database is of this version.")


def serve(
    what: Annotated[str, typer.Argument(help="portal, backoffice or all (both and a worker)")] = "all",
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port_portal: Port = 8000,
    port_backoffice: Port = 8001,
    processes: Annotated[int, typer.Option(help="Web processes per app.")] = 1,
) -> None:
    """Serve the apps. Example: quittance serve portal --processes 4"""
    from shared.cli import serving  # web servers are not loaded for a command that answers in a blink

    if what not in ("portal", "backoffice", "all"):
        raise typer.BadParameter("expected portal, backoffice or all")
    with opened():
        serving.run(serving.programs(what, host, port_portal, port_backoffice, processes))


def worker() -> None:
    """Run jobs: facts to their handlers, mails out, the schedule. Run as many as you like."""
    from shared.jobs.worker import run_worker, stop_on_signal
    from shared.logs import configure

    configure()
    with opened():
        run_worker(stop_on_signal())


def demo(
    port_portal: Port = 8000,
    port_backoffice: Port = 8001,
    port_mailbox: Port = 8025,
    once: Annotated[bool, typer.Option("--once", help="Do the main job and stop before serving.")] = False,
    as_json: AsJson = False,
) -> None:
    """The product at work: a French group, real files through the main path, then both apps to look at."""
    from shared.cli import demo as show  # the web servers and PDFs it needs are not loaded for other commands

    ports = show.Ports(port_portal, port_backoffice, port_mailbox)
    show.configure(ports)
    with opened(as_json):
        show.run(ports, once=once, as_json=as_json)


def bench(
    name: Annotated[str | None, typer.Argument(help="Which one; without a name, what there is.")] = None,
    scale: Annotated[float, typer.Option(help="1 is the size the limit is promised for.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Measure against the named limit, with the physical reference in the same run. Example: quittance bench camt-import"""
    from shared.bench import catalogue

    if name is None:
        table("Benchmarks", ["name"], [(key,) for key in catalogue.BENCHES])
        return
    if name not in catalogue.BENCHES:
        raise typer.BadParameter(f"expected one of {', '.join(catalogue.BENCHES)}")
    with opened(as_json):
        found = [each.as_json() for each in catalogue.run(name, scale)]
    if as_json:
        answer(found[0] if len(found) == 1 else found)
        return
    columns = ["name", "n", "value", "unit", "limit", "against", "ratio", "allowed", "ok"]
    table(
        "Measured", columns, [[_short(each[column]) for column in columns] for each in found], [1, 2, 4, 6, 7]
    )
    notes.print("ratio = value / limit; the promise is kept while it is at most what is allowed.")


def _short(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else value
