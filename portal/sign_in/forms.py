"""What is asked at the portal's door."""

from __future__ import annotations

from wtforms import EmailField
from wtforms.validators import DataRequired

from shared.i18n import N_
from shared.web.forms import Form


class AskForm(Form):
    email = EmailField(N_("Email address"), [DataRequired()])
