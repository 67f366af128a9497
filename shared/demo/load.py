"""Take the demo group through the main path: files in, a debtor announces, the bank answers, the books agree."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from shared import actor as actors
from shared import clock, db
from shared.actor import SYSTEM
from shared.bank_statements.importing import import_statement
from shared.config import settings
from shared.creditors import actions as creditors
from shared.creditors.models import Creditor
from shared.customers.importing import import_customers
from shared.customers.models import Customer
from shared.demo import bank_days, company, history, rails
from shared.demo.papers import with_documents
from shared.errors import ConfigurationError
from shared.identity.actions import add_staff_user, invite_debtor
from shared.importing.invoices import import_invoices
from shared.importing.payments import import_payments
from shared.matching import run as matching
from shared.payments import announcing
from shared.payments.queries import payables
from shared.payments.rules import Choice
from shared.sandbox.bank_answer import statement_of, waiting
from shared.sandbox.camt_files import Camt053

DEBTOR = ("camille.aubry@castellan.example", "Camille Aubry")
STAFF = (
    ("finance", "Nadia Lambert"),
    ("credit_manager", "Hugo Perrin"),
    ("collector", "Léa Fontaine"),
    ("sales_administration", "Marc Colin"),
    ("sales", "Inès Morel"),
    ("board", "Claire Vernaison"),
    ("administrator", "Samir Haddad"),
)

# Opens a progress bar under a title; what it gives is called with (done, total).
Bar = Callable[[str], AbstractContextManager[Callable[..., None]]]


@dataclass
class Story:
    """What happened, for the table at the end."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def tell(self, what: str, outcome: str, **figures: object) -> None:
        self.lines.append((what, outcome))
        self.figures.update(figures)


def is_loaded() -> bool:
    """Whether the demo group is in this database; a database with somebody's own books is refused."""
    with db.reading(SYSTEM) as session:
        codes = set(session.scalars(select(Creditor.code)))
    wanted = {entity.code for entity in company.ENTITIES}
    if codes - wanted:
        raise ConfigurationError(
            "This folder holds your own books. Show the demo in another: QUITTANCE_DATA=./var-demo ./dev demo"
        )
    return bool(codes)


def load(bar: Bar) -> Story:
    """The whole path on a fresh database. `bar` opens a progress bar with a title."""
    story = Story()
    folder = settings().data / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    papers = _write_files(folder)
    _creditors()
    _import_files(folder, story, bar)
    _people(story)
    _bank_days(folder, papers, story, bar)
    _match(story, bar, "Matching")
    _announce(story)
    _bank_answers(folder, story)
    _match(story, bar, "Matching again")
    return story


def _write_files(folder: Path) -> list[history.Paper]:
    customers, today = company.companies(), clock.today()
    papers = with_documents(history.papers(customers, today), folder)
    history.write_customers(folder / "customers.csv", customers)
    history.write_invoices(folder / "invoices.csv", papers)
    history.write_payments(folder / "payments.csv", papers, today)
    return papers


def _creditors() -> None:
    with db.writing(SYSTEM) as session:
        for entity in company.ENTITIES:
            made = creditors.add_creditor(
                session, SYSTEM, name=entity.name, code=entity.code, siren=entity.siren, email=entity.email
            )
            creditors.add_account(session, SYSTEM, made, entity.iban, bic=entity.bic)
            creditors.add_factor_account(
                session, SYSTEM, made, company.FACTOR_IBAN, holder_name=company.FACTOR_NAME, confirmed=True
            )
        rails.connect(session)


def _import_files(folder: Path, story: Story, bar: Bar) -> None:
    for kind in ("customers", "invoices", "payments"):
        path = folder / f"{kind}.csv"
        with bar(f"Importing {path.name}") as moved, db.writing(SYSTEM) as session, path.open("rb") as source:
            if kind == "customers":
                result = import_customers(session, SYSTEM, source, path.name, progress=moved)
            elif kind == "invoices":
                result = import_invoices(session, SYSTEM, source, path.name, folder=folder, progress=moved)
            else:
                result = import_payments(session, SYSTEM, source, path.name, progress=moved)
        story.tell(path.name, f"{result.created} created", **{f"{kind}_created": result.created})


def _people(story: Story) -> None:
    with db.writing(SYSTEM) as session:
        group = list(session.scalars(select(Customer.id).where(Customer.group_code == company.GROUP)))
        invite_debtor(session, SYSTEM, *DEBTOR, group)
        for role, name in STAFF:
            add_staff_user(session, SYSTEM, f"{role.replace('_', '-')}@vernaison.example", name, role)
    story.tell("People", f"{len(STAFF)} colleagues, {DEBTOR[1]} invited by mail for {len(group)} companies")


def _bank_days(folder: Path, papers: list[history.Paper], story: Story, bar: Bar) -> None:
    days = bank_days.statements(papers, clock.today())
    path = folder / "bank.camt053.xml"
    path.write_bytes(Camt053().bytes(*days))
    with bar(f"Importing {path.name}"):
        taken = _import_statement(path)
    story.tell(path.name, f"{taken['created']} bank lines, every balance proved", bank_lines=taken["created"])


def _import_statement(path: Path) -> dict[str, Any]:
    with db.writing(SYSTEM) as session, path.open("rb") as source:
        return import_statement(session, SYSTEM, source, path.name).as_json()


def debtor() -> actors.Actor:
    """The debtor's person as the portal knows them."""
    with db.reading(SYSTEM) as session:
        row = session.execute(
            text(
                "SELECT u.id, u.name, array_agg(a.customer_id ORDER BY a.customer_id) AS customers"
                " FROM debtor_user u JOIN debtor_access a ON a.user_id = u.id WHERE u.email = :email GROUP BY u.id"
            ),
            {"email": DEBTOR[0]},
        ).one()
    return actors.debtor(row.id, row.name, tuple(row.customers))


def _announce(story: Story) -> None:
    """Camille picks two invoices of one company, uses its credit note, and announces the transfer."""
    person = debtor()
    with db.writing(person) as session:
        found = [each for each in payables(session, person) if each.payee]
        credit = next(each for each in found if each.free_minor < 0)
        same = [
            each
            for each in found
            if each.free_minor > 0
            and (each.customer_id, each.creditor_id, each.payee)
            == (credit.customer_id, credit.creditor_id, credit.payee)
        ]
        chosen: list[UUID] = [each.item_id for each in (*same[-2:], credit)]
        made = announcing.announce(session, person, [Choice(item) for item in chosen], clock.today())
    story.tell("Portal", f"{DEBTOR[1]} announced {len(chosen)} items as {made[0].reference}")


def _bank_answers(folder: Path, story: Story) -> None:
    with db.reading(SYSTEM) as session:
        content = statement_of(waiting(session), clock.today())
    path = folder / "bank-answer.camt053.xml"
    path.write_bytes(content)
    taken = _import_statement(path)
    story.tell(path.name, f"{taken['created']} bank line: the announced transfer arrived")


def _match(story: Story, bar: Bar, title: str) -> None:
    with bar("Matching bank lines") as moved:
        results = list(matching.run(SYSTEM, progress=moved))
    applied = sum(result.decision.outcome == "applied" for result in results)
    left = [result for result in results if result.decision.outcome == "unmatched"]
    money = sum(result.line.amount_minor for result in left)
    story.tell(
        title,
        f"{applied} lines settled by themselves, {len(left)} left to a person ({history.euros(money)} EUR)",
        lines_applied=int(str(story.figures.get("lines_applied", 0))) + applied,
        lines_left=len(left),
    )
