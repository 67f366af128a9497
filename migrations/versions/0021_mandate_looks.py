"""Mandates kept by a provider are looked at there when an event points at them."""

from alembic import op

revision = "0021_mandate_looks"
down_revision = "0020_account_changes"


SCHEMA = """
-- As for payments: when to fetch it, and until when somebody does.
ALTER TABLE mandate ADD COLUMN sync_due_at timestamptz, ADD COLUMN syncing_until timestamptz;
CREATE INDEX mandate_to_sync ON mandate (sync_due_at) WHERE sync_due_at IS NOT NULL;
GRANT UPDATE (sync_due_at, syncing_until) ON mandate TO quittance_backoffice;
CREATE TRIGGER announce AFTER UPDATE OF sync_due_at ON mandate FOR EACH STATEMENT
    EXECUTE FUNCTION announce_payment_work();
"""


def upgrade() -> None:
    op.execute(SCHEMA)
