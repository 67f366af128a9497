"""What is asked at the back office's door."""

from __future__ import annotations

from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo

from shared.i18n import N_
from shared.web.forms import Form


class PasswordForm(Form):
    email = EmailField(N_("Email address"), [DataRequired()])
    password = PasswordField(N_("Password"), [DataRequired()])


class ChooseForm(Form):
    password = PasswordField(
        N_("New password"),
        [DataRequired()],
        description=N_("At least 12 characters. Several unrelated words are easy to keep and hard to guess."),
    )
    again = PasswordField(
        N_("The same password again"),
        [DataRequired(), EqualTo("password", N_("The two passwords are not the same."))],
    )


class CodeForm(Form):
    code = StringField(N_("Code"), [DataRequired()], description=N_("Six digits from your authenticator app"))
