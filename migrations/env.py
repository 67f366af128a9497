"""Alembic's entry: one connection, one transaction for all steps, nobody else migrating meanwhile."""

from alembic import context
from sqlalchemy import create_engine, text

from shared import db
from shared.db import Base

# Two web processes started together both migrate: the second waits, then finds nothing to do.
_MIGRATING = 0x51554954

engine = create_engine(context.config.attributes.get("url") or db.owner_url())
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        context.run_migrations()
engine.dispose()
