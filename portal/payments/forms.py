"""Whose account a payment file is for."""

from __future__ import annotations

from wtforms import StringField
from wtforms.validators import DataRequired, Length, StopValidation

from shared import iban
from shared.errors import DomainError
from shared.i18n import N_
from shared.web.errors import told
from shared.web.forms import Form


class FileForm(Form):
    name = StringField(N_("Name of the account holder"), [DataRequired(), Length(max=70)])
    iban = StringField(N_("Your IBAN"), [DataRequired(), Length(max=60)])

    def validate_iban(self, field: StringField) -> None:
        try:
            iban.parse(field.data or "")
        except DomainError as refused:
            raise StopValidation(told(refused)) from None
