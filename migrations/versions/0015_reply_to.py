"""Mails are sent from one address of ours; the answer goes to the creditor the mail is about."""

from alembic import op

revision = "0015_reply_to"
down_revision = "0014_set_references"


def upgrade() -> None:
    op.execute("ALTER TABLE message ADD COLUMN reply_to text")
