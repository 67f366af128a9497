"""What a debtor chooses for autopay; asked by GET, agreed to on the page that follows."""

from __future__ import annotations

from uuid import UUID

from wtforms import SelectField
from wtforms.validators import InputRequired

from shared.autopay.actions import AutopayTerms
from shared.autopay.rules import EARLIEST_OFFSET, LATEST_OFFSET
from shared.autopay.wording import when
from shared.i18n import N_
from shared.rails.instruments import Instrument
from shared.reporting.account import Parties
from shared.web.forms import AmountField, Form, Positive
from shared.web.language import language

# Few, so that the list can be read; any day between is refused by no rule.
_OFFSETS = (0, LATEST_OFFSET, 2, -2, -5, EARLIEST_OFFSET)


class TermsForm(Form):
    class Meta(Form.Meta):
        csrf = False  # it only asks

    instrument = SelectField(N_("Collect from"), [InputRequired()])
    cap = AmountField(N_("At most per debit"), [InputRequired(), Positive()])
    offset = SelectField(N_("Collect each invoice"), [InputRequired()], default="0")

    def offer(self, held: list[Instrument], people: Parties) -> None:
        """What is on file, each named with its creditor and company."""
        self.instrument.choices = [(str(each.id), _told(each, people)) for each in held]
        self.offset.choices = [(str(days), when(language(), days)) for days in _OFFSETS]

    def terms(self) -> AutopayTerms:
        assert self.cap.data is not None  # validated
        return AutopayTerms(UUID(self.instrument.data), self.cap.data.minor, int(self.offset.data))


def _told(held: Instrument, people: Parties) -> str:
    company = people.name(held.customer_id) if people.several_customers else ""
    return " · ".join(filter(None, (people.name(held.creditor_id), held.named, company)))
