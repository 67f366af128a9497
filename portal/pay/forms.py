"""The day of a transfer."""

from __future__ import annotations

from datetime import timedelta

from wtforms import DateField
from wtforms.validators import InputRequired, StopValidation

from shared import clock
from shared.i18n import N_
from shared.web.forms import Form

# Nobody plans a transfer further ahead; a year typed wrong is told.
_FURTHEST = timedelta(days=366)


class DayForm(Form):
    day = DateField(N_("Day of the transfer"), [InputRequired()], default=clock.today)

    def validate_day(self, field: DateField) -> None:
        today = clock.today()
        if field.data is not None and not today <= field.data <= today + _FURTHEST:
            raise StopValidation(field.gettext(N_("Choose a day from today on, within a year.")))
