"""Mails are sent from one address of ours; the answer goes to the creditor the mail is about."""

from alembic import op

revision = "0013_reply_to"
down_revision = "0012_import_uploads"


def upgrade() -> None:
    op.execute("ALTER TABLE message ADD COLUMN reply_to text")
