"""What a debtor fills in to sign a mandate."""

from __future__ import annotations

from uuid import UUID

from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, StopValidation

from shared import i18n, iban
from shared.errors import DomainError
from shared.i18n import N_
from shared.mandates.pain008 import Address
from shared.mandates.rules import SEPA_COUNTRIES, Scheme
from shared.mandates.signing import Signed
from shared.web.errors import told
from shared.web.forms import Form
from shared.web.language import language

EXPLAINED = {
    Scheme.CORE: N_("Core: for everybody. You may have a debit refunded by your bank for eight weeks."),
    Scheme.B2B: N_(
        "B2B: between companies. No refund after the debit, and your bank must register the mandate first."
    ),
}


class ChoiceForm(Form):
    """Whom the mandate is for, and of which kind."""

    class Meta(Form.Meta):
        csrf = False  # it only asks

    creditor = SelectField(N_("Creditor"), [InputRequired()])
    scheme = RadioField(N_("Kind of mandate"), [InputRequired()], default=Scheme.CORE.value)


class SignForm(Form):
    company = SelectField(N_("Company"), [InputRequired()])
    debtor_name = StringField(N_("Name of the account holder"), [InputRequired(), Length(max=70)])
    iban = StringField(N_("IBAN"), [InputRequired(), Length(max=60)])
    street = StringField(N_("Street and number"), [Optional(), Length(max=70)])
    postcode = StringField(N_("Postcode"), [Optional(), Length(max=16)])
    town = StringField(N_("Town"), [InputRequired(), Length(max=35)])
    country = SelectField(N_("Country"), [InputRequired()], default="FR")
    consent = BooleanField(N_("I have read this text and sign the mandate."), [InputRequired()])

    def validate_iban(self, field: StringField) -> None:
        try:
            iban.parse(field.data or "")
        except DomainError as refused:
            raise StopValidation(told(refused)) from None

    def signed(self, creditor_id: UUID, scheme: Scheme) -> Signed:
        """The mandate as it was filled in."""
        street, postcode = (self.street.data or "").strip(), (self.postcode.data or "").strip()
        address = Address(
            self.town.data.strip(), self.country.data, postcode or None, (street,) if street else ()
        )
        return Signed(
            UUID(self.company.data),
            creditor_id,
            scheme,
            self.debtor_name.data.strip(),
            self.iban.data,
            address,
        )


def countries() -> list[SelectChoice]:
    """The countries of the scheme's area, by their names in the reader's language."""
    spoken = language()
    names = {code: i18n.country(spoken, code) for code in SEPA_COUNTRIES}
    return [SelectChoice(code, names[code]) for code in sorted(names, key=names.__getitem__)]
