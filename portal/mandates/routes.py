"""Mandates for direct debits: what was signed, signing one for the creditor's own bank, and ending it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from werkzeug.datastructures import MultiDict
from wtforms.fields.choices import SelectChoice

from portal.mandates.forms import EXPLAINED, ChoiceForm, SignForm, countries
from portal.parties import chosen
from shared.actor import Permission
from shared.db import reading, writing
from shared.errors import DomainError
from shared.i18n import N_
from shared.identity.web import user_agent
from shared.mandates import actions, queries
from shared.mandates.paper import TITLES
from shared.mandates.queries import Collecting
from shared.mandates.rules import Scheme
from shared.mandates.signing import Circumstances, sign
from shared.mandates.wording import legal_text
from shared.reporting.account import Parties, parties
from shared.web.access import current_actor, debtor_only, needs
from shared.web.language import language
from shared.web.paging import page_links, page_number
from shared.web.render import notice, render, see_other

blueprint = Blueprint("mandates", __name__)


@blueprint.get("/mandates")
@debtor_only
def index() -> ResponseReturnValue:
    actor, page = current_actor(), page_number()
    with reading(actor) as session:
        found = queries.mandates(session, actor, page=page)
        people = parties(session, actor)
        may_sign = bool(_of_account(queries.collecting(session), people))
    links = page_links(page, found.total)
    return render("mandates/index.html", found=found, links=links, parties=people, may_sign=may_sign)


@blueprint.get("/mandates/sign")
@needs(Permission.SIGN_MANDATE)
def ask() -> ResponseReturnValue:
    """First whom the mandate is for, where there is a choice; then the mandate itself."""
    people, creditors = _who()
    if (asked := _asked(creditors)) is not None:
        return _signing(*asked, people, None)
    return _choosing(creditors)


@blueprint.post("/mandates/sign")
@needs(Permission.SIGN_MANDATE)
def confirm() -> ResponseReturnValue:
    actor = current_actor()
    people, creditors = _who()
    asked = _asked(creditors)
    if asked is None:
        return _choosing(creditors, 422)
    creditor, scheme = asked
    form = _form(people, filled=False)
    if not form.validate():
        return _signing(creditor, scheme, people, form)
    how = Circumstances(language(), request.remote_addr, user_agent())
    try:
        with writing(actor) as session:
            mandate_id = sign(session, actor, form.signed(creditor.id, scheme), how)
    except DomainError as refused:
        form.refuse(refused)
        return _signing(creditor, scheme, people, form)
    return see_other(url_for("mandates.show", mandate_id=mandate_id))


@blueprint.get("/mandates/<uuid:mandate_id>")
@debtor_only
def show(mandate_id: UUID) -> ResponseReturnValue:
    """One mandate. Its part on the page asks again until the paper is made."""
    actor = current_actor()
    with reading(actor) as session:
        found = queries.mandate(session, actor, mandate_id)
    return render("mandates/show.html", mandate=found, titles=TITLES)


@blueprint.get("/mandates/<uuid:mandate_id>/cancel")
@needs(Permission.SIGN_MANDATE)
def ask_cancel(mandate_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        found = queries.mandate(session, actor, mandate_id)
    return render("mandates/cancel.html", mandate=found)


@blueprint.post("/mandates/<uuid:mandate_id>/cancel")
@needs(Permission.SIGN_MANDATE)
def cancel(mandate_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        actions.cancel(session, actor, mandate_id)
    notice(N_("The mandate is cancelled: nothing new is collected with it."))
    return see_other(url_for("mandates.index"))


def _who() -> tuple[Parties, list[Collecting]]:
    actor = current_actor()
    with reading(actor) as session:
        people = parties(session, actor)
        return people, _of_account(queries.collecting(session), people)


def _of_account(creditors: list[Collecting], people: Parties) -> list[Collecting]:
    """The collecting creditors that the debtor has to do with."""
    own = {party.id for party in people.creditors}
    return [creditor for creditor in creditors if creditor.id in own]


def _asked(creditors: list[Collecting]) -> tuple[Collecting, Scheme] | None:
    """The creditor and kind the address names; where there is but one, it need not."""
    wanted, scheme = chosen("creditor"), request.args.get("scheme", "")
    fitting = [each for each in creditors if wanted in (None, each.id)]
    if len(fitting) != 1:
        return None
    (creditor,) = fitting
    kinds = [each for each in queries.schemes([creditor]) if scheme in ("", each)]
    return (creditor, kinds[0]) if len(kinds) == 1 else None


def _choosing(creditors: list[Collecting], status: int = 200) -> Response:
    given = {name: request.args[name] for name in ("creditor", "scheme") if request.args.get(name)}
    form = ChoiceForm(formdata=MultiDict(given) if given else None)
    form.creditor.choices = [SelectChoice(str(each.id), each.name) for each in creditors]
    form.scheme.choices = [SelectChoice(kind.value, EXPLAINED[kind]) for kind in queries.schemes(creditors)]
    if given and not form.validate():
        status = 422
    elif given:
        form.scheme.errors = [N_("This creditor does not use this kind of mandate.")]
        status = 422
    return render("mandates/choose.html", form=form, creditors=creditors, status=status)


def _form(people: Parties, *, filled: bool = True) -> SignForm:
    only = people.customers[0] if len(people.customers) == 1 else None
    form = SignForm(data={"debtor_name": only.name, "company": str(only.id)} if only and filled else None)
    form.company.choices = [SelectChoice(str(party.id), party.name) for party in people.customers]
    form.country.choices = countries()
    return form


def _signing(creditor: Collecting, scheme: Scheme, people: Parties, form: SignForm | None) -> Response:
    return render(
        "mandates/sign.html",
        form=form or _form(people),
        creditor=creditor,
        scheme=scheme,
        title=TITLES[scheme],
        agreed=legal_text(language(), scheme, creditor.name, creditor.notice_days),
        several_customers=people.several_customers,
        status=422 if form else 200,
    )
