"""Outgoing messages, and the job queue's own tables."""

from importlib import resources

from alembic import op

revision = "0009_messages_jobs"
down_revision = "0008_identity"


def upgrade() -> None:
    op.execute("""
    -- `once` names the event and the addressee: a message that was queued is never queued again.
    CREATE TABLE message (
        id          uuid PRIMARY KEY,
        once        text NOT NULL UNIQUE,
        kind        text NOT NULL,
        customer_id uuid REFERENCES customer,
        recipient   text NOT NULL,
        language    char(2) NOT NULL,
        subject     text NOT NULL,
        body_text   text NOT NULL,
        body_html   text NOT NULL,
        created_at  timestamptz NOT NULL,
        sent_at     timestamptz,
        failed_at   timestamptz,
        attempts    integer NOT NULL DEFAULT 0,
        error       text
    );
    CREATE INDEX message_waiting ON message (created_at) WHERE sent_at IS NULL AND failed_at IS NULL;
    CREATE INDEX ON message (customer_id, created_at) WHERE customer_id IS NOT NULL;
    ALTER TABLE message ENABLE ROW LEVEL SECURITY;
    CREATE POLICY backoffice ON message TO quittance_backoffice USING (true) WITH CHECK (true);
    GRANT SELECT, INSERT ON message TO quittance_backoffice;
    GRANT UPDATE (sent_at, failed_at, attempts, error) ON message TO quittance_backoffice;
    """)
    # procrastinate 3.10's own schema; a later version's changes come as a migration of ours.
    schema = resources.files("procrastinate.sql").joinpath("schema.sql").read_text()
    op.get_bind().connection.driver_connection.execute(schema)
    op.execute("""
    GRANT SELECT, INSERT, UPDATE, DELETE ON procrastinate_jobs, procrastinate_events,
        procrastinate_periodic_defers, procrastinate_workers TO quittance_backoffice;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO quittance_backoffice;
    """)
