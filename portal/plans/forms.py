"""What a debtor fills in to propose a plan; asked by GET, agreed to on the page that follows."""

from __future__ import annotations

from uuid import UUID

from wtforms import DateField, IntegerField, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, Optional

from shared.i18n import N_
from shared.plans.proposing import Proposal
from shared.rails.instruments import Instrument
from shared.reporting.account import Parties
from shared.web.forms import Form
from shared.web.language import gettext


class ProposalForm(Form):
    class Meta(Form.Meta):
        csrf = False  # the page that only asks; what is posted carries the app's token

    item = SelectMultipleField(N_("Invoices"), validate_choice=False)
    parts = IntegerField(N_("Number of parts"), [InputRequired()], default=3)
    first_on = DateField(N_("First part on"), [InputRequired()])
    instrument = SelectField(N_("Collect the parts from"), [Optional()], default="")

    def offer(self, held: list[Instrument], people: Parties) -> None:
        """What is on file, or paying each part oneself."""
        own = [("", gettext(N_("I pay each part myself")))]
        self.instrument.choices = [
            *((str(each.id), f"{people.name(each.creditor_id)} · {each.named}") for each in held),
            *own,
        ]

    def proposal(self) -> Proposal:
        chosen = self.instrument.data
        return Proposal(
            tuple(ids(self.item.data)), self.parts.data, self.first_on.data, UUID(chosen) if chosen else None
        )


def ids(texts: list[str]) -> list[UUID]:
    """Ids of ours; what is none is left out."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
