"""Customers: the list, one customer's whole account, and inviting its people to the portal."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from wtforms import EmailField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from backoffice import asked
from shared.actor import Permission
from shared.db import reading, writing
from shared.errors import DomainError
from shared.i18n import N_
from shared.identity.actions import invite_debtor
from shared.reporting import account, customers, items, transfers
from shared.web.access import current_actor, needs
from shared.web.forms import Form
from shared.web.paging import PAGE_SIZE, page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("customers", __name__)

TABS = ("open", "overdue", "credits", "paid", "all")


class InviteForm(Form):
    email = EmailField(N_("Email address"), [DataRequired(), Length(max=254)])
    name = StringField(N_("Name"), [DataRequired(), Length(max=200)])
    language = SelectField(
        N_("Language"),
        [DataRequired()],
        choices=[SelectChoice("fr", N_("French")), SelectChoice("en", N_("English"))],
    )


@blueprint.get("/customers")
@needs(Permission.SEE_CUSTOMERS)
def index() -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    words, group = asked.word("q"), asked.word("group", 40)
    late = asked.choice("tab", ("late",), "") == "late"
    with reading(actor) as session:
        found, total = customers.customers(
            session,
            actor,
            words=words,
            group=group,
            late=late,
            limit=PAGE_SIZE,
            offset=(page - 1) * PAGE_SIZE,
        )
    return render(
        "customers/index.html",
        customers=found,
        query=words,
        group=group,
        late=late,
        links=page_links(page, total),
    )


@blueprint.get("/customers/<uuid:customer_id>")
@needs(Permission.SEE_CUSTOMERS)
def customer(customer_id: UUID) -> ResponseReturnValue:
    """The account through the same functions that the debtor's portal reads it with."""
    actor, page, words = current_actor(), page_number(), asked.word("q")
    tab, whose = asked.choice("tab", TABS, "open"), [customer_id]
    with reading(actor) as session:
        card = customers.customer(session, actor, customer_id)
        shown = items.items(
            session, actor, customers=whose, state=tab, search=words, page=page, size=PAGE_SIZE
        )
        return render(
            "customers/customer.html",
            customer=card,
            balances=account.balances(session, actor, customers=whose),
            items=shown,
            tab=tab,
            query=words,
            links=page_links(page, shown.total),
            announced=transfers.waiting(session, actor, customers=whose, size=20),
            received=transfers.received(session, actor, customers=whose, size=10),
            contacts=customers.contacts(session, actor, customer_id),
            may_invite=actor.may(Permission.INVITE_DEBTORS),
        )


@blueprint.get("/customers/<uuid:customer_id>/invite")
@needs(Permission.INVITE_DEBTORS)
def ask_invite(customer_id: UUID) -> ResponseReturnValue:
    return _inviting(customer_id, None)


@blueprint.post("/customers/<uuid:customer_id>/invite")
@needs(Permission.INVITE_DEBTORS)
def invite(customer_id: UUID) -> ResponseReturnValue:
    form, actor = InviteForm(), current_actor()
    if not form.validate():
        return _inviting(customer_id, form, 422)
    given = form.email.data.strip()
    try:
        with writing(actor) as session:
            customers.customer(session, actor, customer_id)
            invite_debtor(session, actor, given, form.name.data.strip(), [customer_id], form.language.data)
    except DomainError as refused:
        form.refuse(refused)
        return _inviting(customer_id, form, 422)
    notice(N_("%(email)s is invited: a link is on its way by mail."), email=given)
    return see_other(url_for("customers.customer", customer_id=customer_id))


def _inviting(customer_id: UUID, form: InviteForm | None, status: int = 200) -> Response:
    actor = current_actor()
    with reading(actor) as session:
        card = customers.customer(session, actor, customer_id)
    shown = form or InviteForm(data={"email": card.email, "language": card.language})
    return render("customers/invite.html", customer=card, form=shown, status=status)
