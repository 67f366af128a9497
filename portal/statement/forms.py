"""The period of a statement."""

from __future__ import annotations

from wtforms import DateField
from wtforms.validators import InputRequired

from shared.i18n import N_
from shared.web.forms import Form


class PeriodForm(Form):
    class Meta(Form.Meta):
        csrf = False  # it only asks

    since = DateField(N_("First day"), [InputRequired()])
    as_of = DateField(N_("Last day"), [InputRequired()])
