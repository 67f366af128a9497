"""The ledger's promises, asked of the database itself."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.audit.actions import record
from shared.audit.checks import chain
from shared.db import writing


@pytest.mark.usefixtures("database")
def test_audit_chain_is_sealed_and_tampering_is_found(database):
    for n in range(3):
        with writing(SYSTEM) as session:
            record(session, SYSTEM, "tested", "thing", n, note="é")
    with db.reading(SYSTEM) as session:
        assert chain(session) is None
        assert session.scalar(text("SELECT count(*) FROM audit_seal")) == 3
    import psycopg

    with psycopg.connect(
        database.set(drivername="postgresql").render_as_string(hide_password=False)
    ) as owner:
        owner.execute("UPDATE audit_entry SET detail = '{}' WHERE id = 2")
    with db.reading(SYSTEM) as session:
        assert "position 2" in (chain(session) or "")
