"""What the payment pages tell of changed bank details: `{% include "_account_changes.html" %}`, and no more."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask

from shared.creditors.queries import ToldChange, told_changes
from shared.db import reading
from shared.web.access import current_actor


def install(app: Flask) -> None:
    app.jinja_env.globals.update(account_changes=_account_changes)


def _account_changes() -> Sequence[ToldChange]:
    actor = current_actor()
    with reading(actor) as session:
        return told_changes(session, actor)
