"""The table of commands."""

from __future__ import annotations

import typer

from shared.cli import books, importing, operating, payments, people

app = typer.Typer(
    name="quittance",
    help="Gets invoices paid: invoices in, a debtor pays, the bank line comes in, the books agree.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
creditor = typer.Typer(help="Legal entities that are owed.", no_args_is_help=True)
account = typer.Typer(help="Their bank accounts.", no_args_is_help=True)
provider = typer.Typer(help="Providers of payments.", no_args_is_help=True)
user = typer.Typer(help="The creditor's people.", no_args_is_help=True)
debtor = typer.Typer(help="The debtors' people.", no_args_is_help=True)
imports = typer.Typer(help="Files in. Importing the same file twice changes nothing.", no_args_is_help=True)

app.command("init")(operating.init)
app.command("migrate")(operating.migrate)
app.command("serve")(operating.serve)
app.command("worker")(operating.worker)
app.command("demo")(operating.demo)
app.command("check")(books.check)
app.command("match")(books.match)
app.command("bench")(operating.bench)
app.command("draw-states")(payments.draw_states)
provider.command("add")(payments.add_provider)
provider.command("list")(payments.list_providers)
creditor.command("add")(people.add_creditor)
creditor.command("collect")(people.let_collect)
creditor.command("wait")(people.set_wait)
account.command("add")(people.add_account)
user.command("add")(people.add_user)
debtor.command("invite")(people.invite)
imports.command("customers")(importing.customers)
imports.command("invoices")(importing.invoices)
imports.command("payments")(importing.payments)
imports.command("statement")(importing.statement)
for name, group in (
    ("creditor", creditor),
    ("account", account),
    ("provider", provider),
    ("user", user),
    ("debtor", debtor),
    ("import", imports),
    ("report", books.report),
    ("export", books.export),
):
    app.add_typer(group, name=name)


def main() -> None:
    app()
