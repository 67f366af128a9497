"""Forms in the reader's language. Labels and messages are English message ids; the macros translate them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import StopValidation

from shared import i18n
from shared.errors import DomainError
from shared.i18n import N_
from shared.money import Money, parse_minor
from shared.web.errors import told
from shared.web.language import language

# WTForms says these itself; named here so that our catalogue, with our typography, answers them.
WTFORMS_SENTENCES = (
    N_("This field is required."),
    N_("Invalid email address."),
    N_("Not a valid choice."),
    N_("Not a valid choice"),
    N_("Not a valid date value."),
    N_("Not a valid integer value."),
    N_("Invalid input."),
)


class _Sentences:
    def gettext(self, message: str) -> str:
        return str(i18n.translations(language()).ugettext(message))

    def ngettext(self, one: str, many: str, count: int) -> str:
        return str(i18n.translations(language()).ungettext(one, many, count))


class Form(FlaskForm):  # type: ignore[misc]
    """The base of all forms: CSRF token, our sentences, and refusals of actions shown beside their field."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        def get_translations(self, form: FlaskForm) -> _Sentences:
            return _Sentences()

    def refuse(self, error: DomainError) -> None:
        """Show an action's refusal at the field it is about, else above the form."""
        if error.field and error.field in self:
            field = self[error.field]
            field.errors = [*field.errors, told(error)]
        else:
            self.form_errors.append(told(error))


class AmountField(StringField):  # type: ignore[misc]
    """An amount as people write it; `data` is `Money`. What is doubtful is refused, never guessed."""

    def __init__(
        self, label: str, validators: Sequence[Any] = (), *, currency: str = "EUR", **kwargs: Any
    ) -> None:
        super().__init__(label, validators, **kwargs)
        self.currency = currency

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        text = valuelist[0].strip() if valuelist else ""
        if text:
            try:
                self.data = Money(parse_minor(text, self.currency), self.currency)
            except DomainError as error:
                raise ValueError(told(error)) from None

    def pre_validate(self, _form: FlaskForm) -> None:
        if self.process_errors:  # “12,3,4” is told to be no amount, not to be missing
            raise StopValidation

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return i18n.amount(language(), self.data.minor, self.data.currency) if self.data else ""


class Positive:
    """A validator: the amount is above zero."""

    sentence = N_("Enter an amount above zero.")

    def __call__(self, _form: FlaskForm, field: AmountField) -> None:
        if field.data is not None and field.data.minor <= 0:
            raise StopValidation(field.gettext(self.sentence))
