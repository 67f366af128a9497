"""What the worker needs: when a message is due, why a job failed, and the right to clear what has expired."""

from alembic import op

revision = "0010_worker"
down_revision = "0009_messages_jobs"


def upgrade() -> None:
    op.execute("""
    -- A claim postpones the message: a worker that dies with it in hand leaves it to become due again.
    ALTER TABLE message ADD COLUMN due_at timestamptz NOT NULL DEFAULT now();
    ALTER TABLE message ADD CONSTRAINT message_one_outcome CHECK (sent_at IS NULL OR failed_at IS NULL);
    DROP INDEX message_waiting;
    CREATE INDEX message_waiting ON message (due_at, id) WHERE sent_at IS NULL AND failed_at IS NULL;
    CREATE INDEX message_failed ON message (failed_at) WHERE failed_at IS NOT NULL;
    GRANT UPDATE (due_at) ON message TO quittance_backoffice;

    CREATE FUNCTION announce_message() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NOTIFY quittance_message;
        RETURN NULL;
    END $$;
    CREATE TRIGGER announce AFTER INSERT ON message FOR EACH STATEMENT EXECUTE FUNCTION announce_message();

    -- The queue itself forgets why a job failed; a person in Operations wants to know.
    CREATE TABLE job_failure (
        job_id    bigint PRIMARY KEY REFERENCES procrastinate_jobs ON DELETE CASCADE,
        error     text NOT NULL,
        failed_at timestamptz NOT NULL
    );
    GRANT SELECT, INSERT, UPDATE ON job_failure TO quittance_backoffice;
    CREATE INDEX procrastinate_jobs_failed ON procrastinate_jobs (id) WHERE status = 'failed';

    GRANT DELETE ON web_session, login_link TO quittance_backoffice;
    CREATE INDEX ON web_session (expires_at);
    CREATE INDEX ON login_link (expires_at);
    """)
