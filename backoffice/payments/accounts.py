"""Accounts at providers, for an administrator: what they offer and where, and their webhooks. Never a key."""

from __future__ import annotations

from uuid import UUID

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from wtforms import PasswordField
from wtforms.validators import DataRequired, Length

from backoffice.payments.routes import blueprint
from backoffice.payments.words import SUBSCRIBE
from shared.actor import Permission
from shared.db import reading, writing
from shared.errors import DomainError, NotFound
from shared.i18n import N_
from shared.rails.accounts import account_rows, change_webhook_secret, switch_rail
from shared.rails.snapshot import Method
from shared.web.access import current_actor, needs
from shared.web.forms import Form
from shared.web.render import notice, render, see_other


class SecretForm(Form):
    secret = PasswordField(
        N_("New webhook secret"),
        [DataRequired(), Length(min=8, max=200)],
        description=N_("As the provider shows it once. The secret before stays good for what is on its way."),
    )


@blueprint.get("/payments/accounts")
@needs(Permission.MANAGE_CREDITORS)
def accounts() -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        rows = account_rows(session, actor)
    return render("payments/accounts.html", accounts=rows)


@blueprint.get("/payments/accounts/<uuid:provider_account_id>")
@needs(Permission.MANAGE_CREDITORS)
def account(provider_account_id: UUID) -> ResponseReturnValue:
    return _show(provider_account_id, SecretForm(formdata=None))


@blueprint.post("/payments/accounts/<uuid:provider_account_id>/rails/<method>")
@needs(Permission.MANAGE_CREDITORS)
def switch(provider_account_id: UUID, method: str) -> ResponseReturnValue:
    """Offer a method or not, and to payers of which countries."""
    actor = current_actor()
    if method not in set(Method):
        raise NotFound
    countries = request.form.get("countries", "").upper().replace(",", " ").split()
    if wrong := next((c for c in countries if len(c) != 2 or not c.isascii() or not c.isalpha()), None):
        raise DomainError(
            "“%(country)s” is no country code: write two letters each, for example FR BE.", country=wrong[:20]
        )
    with writing(actor) as session:
        switch_rail(
            session,
            actor,
            provider_account_id,
            Method(method),
            enabled=request.form.get("enabled") == "yes",
            countries=countries,
        )
    notice(N_("Saved."))
    return see_other(url_for("payments.account", provider_account_id=provider_account_id))


@blueprint.post("/payments/accounts/<uuid:provider_account_id>/secret")
@needs(Permission.MANAGE_CREDITORS)
def rotate(provider_account_id: UUID) -> ResponseReturnValue:
    form, actor = SecretForm(), current_actor()
    if not form.validate():
        return _show(provider_account_id, form, 422)
    with writing(actor) as session:
        change_webhook_secret(session, actor, provider_account_id, form.secret.data.strip())
    notice(N_("The webhook secret was changed."))
    return see_other(url_for("payments.account", provider_account_id=provider_account_id))


def _show(account_id: UUID, form: SecretForm, status: int = 200) -> Response:
    actor = current_actor()
    with reading(actor) as session:
        found = account_rows(session, actor, account_id)
    if not found:
        raise NotFound
    return render(
        "payments/account.html",
        account=found[0],
        form=form,
        events=SUBSCRIBE.get(found[0].provider, []),
        status=status,
    )
