"""What the payment pages tell of changed bank details: `{% include "_account_changes.html" %}`, and no more."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, g

from shared.creditors.queries import ToldChange, told_changes
from shared.db import reading
from shared.web.access import current_actor


def install(app: Flask) -> None:
    app.jinja_env.globals.update(account_changes=_account_changes)


def known(found: Sequence[ToldChange]) -> None:
    """They were read within the page's own transaction already."""
    g.account_changes = found


def _account_changes() -> Sequence[ToldChange]:
    if "account_changes" not in g:
        actor = current_actor()
        with reading(actor) as session:
            known(told_changes(session, actor))
    found: Sequence[ToldChange] = g.account_changes
    return found
