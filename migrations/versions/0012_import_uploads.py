"""Uploaded files waiting between their preview and the word of who uploaded them."""

from alembic import op

revision = "0012_import_uploads"
down_revision = "0011_office_lists"


def upgrade() -> None:
    op.execute("""
    -- A file is kept for a day, for its user alone; once taken only its answer stays until then.
    CREATE TABLE import_upload (
        id          uuid PRIMARY KEY,
        user_id     uuid NOT NULL,
        kind        text NOT NULL CHECK (kind IN ('customers', 'invoices', 'payments')),
        file_name   text NOT NULL,
        creditor    text,
        content     bytea,
        preview     jsonb NOT NULL,
        result      jsonb,
        uploaded_at timestamptz NOT NULL,
        CHECK ((content IS NULL) = (result IS NOT NULL))
    );
    ALTER TABLE import_upload ALTER COLUMN content SET STORAGE EXTERNAL;
    CREATE INDEX ON import_upload (uploaded_at);
    CREATE INDEX ON import_upload (user_id);
    GRANT SELECT, INSERT, DELETE ON import_upload TO quittance_backoffice;
    GRANT UPDATE (content, result) ON import_upload TO quittance_backoffice;
    """)
