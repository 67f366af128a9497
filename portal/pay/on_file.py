"""The ways to pay that a debtor keeps: cards to remove or to add; mandates have pages of their own."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from portal.pay.leaving import will_leave
from shared import clock
from shared.db import reading, writing
from shared.errors import NotFound
from shared.i18n import N_
from shared.rails import on_file, setting_up
from shared.rails.snapshot import Method
from shared.web.access import current_actor, debtor_only
from shared.web.language import gettext, language
from shared.web.render import notice, render, see_other

blueprint = Blueprint("on_file", __name__)

# What one agrees to when a card is added here; kept with the form, word by word.
_AGREED = N_("I agree that this card is kept with the payment provider, so that I can pay with it later.")


@blueprint.get("/pay/on-file")
@debtor_only
def index() -> ResponseReturnValue:
    actor = current_actor()
    with reading(actor) as session:
        cards, keepers = on_file.cards(session, actor), on_file.keepers(session, actor)
    return render(
        "pay/on_file.html",
        cards=cards,
        keepers=keepers,
        agreed=_AGREED,
        several_customers=len(actor.customers) > 1,
        today=clock.today(),
    )


@blueprint.post("/pay/on-file/cards")
@debtor_only
def add_card() -> ResponseReturnValue:
    """Ask for a form to enter a card in."""
    actor = current_actor()
    if "agreed" not in request.form:
        notice(N_("A card is only kept if you agree to it."), "info")
        return see_other(url_for(".index"))
    account_id, _, customer_id = request.form.get("where", "").partition(":")
    with writing(actor) as session:
        where = next(
            (
                keeper
                for keeper in on_file.keepers(session, actor)
                if (str(keeper.account_id), str(keeper.customer_id)) == (account_id, customer_id)
            ),
            None,
        )
        if where is None:
            raise NotFound
        made = setting_up.start_set_up(
            session, actor, where.customer_id, where.account_id, Method.CARD, language=language(), email=None,
            evidence={"agreed": gettext(_AGREED), "address": request.remote_addr or "", "by": actor.name},
        )  # fmt: skip
    will_leave(made)
    return see_other(url_for("pay.set_ups.show", set_up_id=made))


@blueprint.get("/pay/on-file/cards/<uuid:card_id>/remove")
@debtor_only
def ask_remove(card_id: UUID) -> ResponseReturnValue:
    """The question, where no script asks it."""
    actor = current_actor()
    with reading(actor) as session:
        card = next((card for card in on_file.cards(session, actor) if card.id == card_id), None)
    if card is None:
        raise NotFound
    return render("pay/remove_card.html", kept=card)


@blueprint.post("/pay/on-file/cards/<uuid:card_id>/remove")
@debtor_only
def remove(card_id: UUID) -> ResponseReturnValue:
    actor = current_actor()
    with writing(actor) as session:
        setting_up.forget_card(session, actor, card_id)
    notice(N_("The card is removed. It cannot be used any more."))
    return see_other(url_for(".index"))
