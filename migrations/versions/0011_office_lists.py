"""Indexes for the back office's lists: same amount, days after a report's day, decisions of a day."""

from alembic import op

revision = "0011_office_lists"
down_revision = "0010_worker"


def upgrade() -> None:
    op.execute("""
    CREATE INDEX open_item_open_amount ON open_item (open_minor) WHERE open_minor <> 0;
    -- A report on a past day starts from today and takes back what came after: these find what came after.
    CREATE INDEX open_item_issued ON open_item (issued_on);
    CREATE INDEX allocation_day ON allocation (allocated_on);
    CREATE INDEX open_item_due ON open_item (due_on, number, id) WHERE open_minor > 0;
    CREATE INDEX match_day ON match (decided_at);
    """)
