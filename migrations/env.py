"""Alembic's entry: one connection, one transaction for all steps, nobody else migrating meanwhile."""

from alembic import context
from sqlalchemy import create_engine, text

from shared import db
from shared.config import settings
from shared.db import Base

# Two web processes started together both migrate: the second waits, then finds nothing to do.
_MIGRATING = 0x51554954

engine = create_engine(context.config.attributes.get("url") or db.owner_url())
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        context.run_migrations()
        # Nobody moves the clock of a production: the database is told, and believes no program (0019).
        may_move = "false" if settings().production else "true"
        if connection.scalar(text("SELECT to_regproc('clock_may_move') IS NOT NULL")):
            connection.execute(
                text(
                    "CREATE OR REPLACE FUNCTION clock_may_move() RETURNS boolean LANGUAGE sql STABLE"
                    f" AS 'SELECT {may_move}'"
                )
            )
engine.dispose()
