"""Forms of account changes."""

from __future__ import annotations

from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from shared.i18n import N_
from shared.web.forms import Form

KIND_NAMES = {
    "receive": N_("Debtors pay to this account from now on"),
    "confirm": N_("Confirm an account that invoices name"),
    "correct": N_("Correct the holder’s name or the BIC"),
}
_HOLDERS = {"creditor": N_("Ourselves"), "factor": N_("A factor")}


def _choices(names: dict[str, str]) -> list[SelectChoice]:
    return [SelectChoice(code, name) for code, name in names.items()]


class AskForm(Form):
    creditor = SelectField(N_("Legal entity"), [DataRequired()])
    kind = SelectField(N_("What changes"), [DataRequired()], choices=_choices(KIND_NAMES))
    iban = StringField(N_("IBAN"), [DataRequired(), Length(max=60)])
    holder_kind = SelectField(N_("Whose account it is"), [DataRequired()], choices=_choices(_HOLDERS))
    holder_name = StringField(N_("Account holder"), [DataRequired(), Length(max=140)])
    bic = StringField(N_("BIC"), [Optional(), Length(max=20)])
    currency = StringField(N_("Currency"), [DataRequired(), Length(min=3, max=3)])
    reason = StringField(N_("Reason"), [DataRequired(), Length(max=500)])
    source = StringField(N_("Where the details come from"), [DataRequired(), Length(max=500)])
    call_back = TextAreaField(N_("Call-back"), [DataRequired(), Length(max=500)])


class ApproveForm(Form):
    call_back = TextAreaField(N_("Call-back"), [Optional(), Length(max=500)])


class EndForm(Form):
    reason = StringField(N_("Reason"), [DataRequired(), Length(max=500)])
