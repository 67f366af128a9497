"""Commands about creditors, their accounts, and people."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import select

from shared import db
from shared.actor import ROLES, SYSTEM
from shared.cli.output import AsJson, answer, opened, screen
from shared.creditors import actions as creditors
from shared.customers.models import Customer
from shared.errors import DomainError, NotFound
from shared.identity import actions as identity
from shared.mandates.pain008 import Address
from shared.mandates.rules import NOTICE_DAYS, parse_ics
from shared.mandates.setup import Collecting, set_up


def add_creditor(
    name: Annotated[str, typer.Option(help="Its registered name, as debtors see it.")],
    siren: Annotated[str | None, typer.Option(help="Nine digits.")] = None,
    iban: Annotated[str | None, typer.Option(help="Its first account.")] = None,
    bic: Annotated[str | None, typer.Option()] = None,
    code: Annotated[str | None, typer.Option(help="Short name in files and commands.")] = None,
    email: Annotated[str | None, typer.Option(help="Where debtors' answers to mails go.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a legal entity. Example: quittance creditor add --name "Ateliers Vernaison SAS" --code VERNAISON"""
    with opened(as_json):
        created = create_creditor(name, siren, iban, bic, code, email)
    answer({"creditor": created}) if as_json else screen.print(f"Creditor {created}: {name}")


def create_creditor(
    name: str,
    siren: str | None,
    iban: str | None,
    bic: str | None,
    code: str | None,
    email: str | None = None,
) -> str:
    with db.writing(SYSTEM) as session:
        creditor = creditors.add_creditor(
            session, SYSTEM, name=name, siren=siren, code=code.upper() if code else None, email=email
        )
        if iban:
            creditors.add_account(session, SYSTEM, creditor, iban, bic=bic)
        return creditor.code


def add_account(
    iban: Annotated[str, typer.Argument()],
    creditor: Annotated[str, typer.Option(help="Code of the creditor whose account it is.")],
    bic: Annotated[str | None, typer.Option()] = None,
    holder: Annotated[str | None, typer.Option(help="Exact name of the holder, else the creditor's.")] = None,
    currency: Annotated[str, typer.Option()] = "EUR",
    factor: Annotated[
        bool, typer.Option("--factor", help="It belongs to a factor, who is named by --holder.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a bank account. Example: quittance account add FR7630006000011234567890189 --creditor VERNAISON"""
    with opened(as_json), db.writing(SYSTEM) as session:
        owner = creditors.by_code(session, creditor)
        if factor:
            if not holder:
                raise DomainError("Name the factor: --holder NAME")
            added = creditors.add_factor_account(
                session, SYSTEM, owner, iban, holder_name=holder, bic=bic, currency=currency, confirmed=True
            )
        else:
            added = creditors.add_account(
                session, SYSTEM, owner, iban, bic=bic, holder_name=holder, currency=currency
            )
        told = {"creditor": owner.code, "iban": added.iban}
    answer(told) if as_json else screen.print(f"{told['iban']} belongs to {told['creditor']}")


def let_collect(
    creditor: Annotated[str, typer.Argument(help="Code of the creditor.")],
    ics: Annotated[str, typer.Option(help="Its creditor identifier, as its bank gave it.")],
    iban: Annotated[str, typer.Option(help="Its account the money comes to.")],
    town: Annotated[str, typer.Option()],
    postcode: Annotated[str | None, typer.Option()] = None,
    street: Annotated[str | None, typer.Option()] = None,
    core: Annotated[bool, typer.Option(help="Take Core mandates.")] = True,
    b2b: Annotated[bool, typer.Option(help="Take B2B mandates.")] = False,
    notice_days: Annotated[int, typer.Option(help="Days between the notice and the debit.")] = NOTICE_DAYS,
    as_json: AsJson = False,
) -> None:
    """Collect by SEPA direct debit through the creditor's own bank. Example: quittance creditor collect VERNAISON --ics FR72ZZZ123456 --iban FR7630006000011234567890189 --town Lyon"""
    with opened(as_json), db.writing(SYSTEM) as session:
        owner = creditors.by_code(session, creditor)
        address = Address(town, owner.country, postcode, (street,) if street else ())
        told = Collecting(ics, iban, address, core=core, b2b=b2b, notice_days=notice_days)
        set_up(session, SYSTEM, owner, told)
        answered = {"creditor": owner.code, "ics": parse_ics(ics)}
    answer(answered) if as_json else screen.print(f"{answered['creditor']} collects as {answered['ics']}")


def add_user(
    email: Annotated[str, typer.Argument()],
    role: Annotated[str, typer.Option(help=", ".join(ROLES))],
    name: Annotated[str | None, typer.Option()] = None,
    as_json: AsJson = False,
) -> None:
    """Add one of the creditor's people; gives the link to set a password. Example: quittance user add a@b.fr --role finance"""
    if role not in ROLES:
        raise typer.BadParameter(f"expected one of {', '.join(ROLES)}", param_hint="--role")
    with opened(as_json), db.writing(SYSTEM) as session:
        url = identity.add_staff_user(
            session, SYSTEM, email=email, name=name or email.split("@")[0], role=role
        )
    answer({"login_url": url}) if as_json else screen.print(url, soft_wrap=True)


def invite(
    email: Annotated[str, typer.Argument()],
    customer: Annotated[list[str], typer.Option(help="customer_ref; may be repeated.")],
    name: Annotated[str | None, typer.Option()] = None,
    as_json: AsJson = False,
) -> None:
    """Invite a debtor's person by mail. Example: quittance debtor invite compta@client.fr --customer C0042"""
    with opened(as_json), db.writing(SYSTEM) as session:
        ids = []
        for ref in customer:
            found = session.scalar(select(Customer).where(Customer.ref == ref))
            if found is None:
                raise NotFound("There is no customer “%(ref)s”.", ref=ref[:40])
            ids.append(found.id)
        url = identity.invite_debtor(
            session, SYSTEM, email=email, name=name or email.split("@")[0], customer_ids=ids
        )
    answer({"login_url": url}) if as_json else screen.print(url, soft_wrap=True)
