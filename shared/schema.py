"""Bring the database to the schema this version of the code expects."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, inspect, text

from shared import db

_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def migrate(url: URL | None = None) -> None:
    """Apply what is missing. Safe to run twice, and from several processes at once."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = url or db.owner_url()
    command.upgrade(config, "head")


def is_current(url: URL | None = None) -> bool:
    """Whether the database stands at the newest migration."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    engine = create_engine(url or db.owner_url())
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return False
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return bool(found == ScriptDirectory.from_config(config).get_current_head())
    finally:
        engine.dispose()
