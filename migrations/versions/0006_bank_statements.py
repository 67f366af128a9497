"""Bank statements and their lines, each kept as the bank wrote it."""

from alembic import op

revision = "0006_bank_statements"
down_revision = "0005_invoices"


SCHEMA = """
CREATE TABLE bank_statement (
    id              uuid PRIMARY KEY,
    bank_account_id uuid NOT NULL REFERENCES bank_account,
    creditor_id     uuid NOT NULL REFERENCES creditor,
    reference       text NOT NULL,
    format          text NOT NULL,
    sequence        text,
    currency        char(3) NOT NULL,
    opening_minor   bigint,
    closing_minor   bigint,
    opening_on      date,
    closing_on      date,
    entries         integer NOT NULL,
    credits_minor   bigint NOT NULL CHECK (credits_minor >= 0),
    debits_minor    bigint NOT NULL CHECK (debits_minor >= 0),
    balance_ok      boolean,
    file_name       text NOT NULL,
    file_sha256     bytea NOT NULL,
    imported_at     timestamptz NOT NULL
);
CREATE INDEX ON bank_statement (bank_account_id, closing_on);
CREATE INDEX ON bank_statement (file_sha256);

-- `open_minor` is what is still to be assigned of a receipt; a payment out has nothing to assign.
CREATE TABLE bank_line (
    id               uuid PRIMARY KEY,
    statement_id     uuid NOT NULL REFERENCES bank_statement,
    bank_account_id  uuid NOT NULL,
    creditor_id      uuid NOT NULL,
    position         integer NOT NULL,
    identity         bytea NOT NULL,
    occurrence       smallint NOT NULL CHECK (occurrence > 0),
    booked_on        date NOT NULL,
    value_on         date,
    amount_minor     bigint NOT NULL,
    open_minor       bigint NOT NULL,
    currency         char(3) NOT NULL,
    entry_ref        text,
    end_to_end_id    text,
    creditor_ref     text,
    transaction_code text,
    is_reversal      boolean NOT NULL DEFAULT false,
    party_name       text,
    party_iban       text,
    remittance       text NOT NULL DEFAULT '',
    details          jsonb,
    raw              text NOT NULL,
    CONSTRAINT bank_line_not_over_assigned CHECK (open_minor BETWEEN 0 AND greatest(amount_minor, 0)),
    -- The same line delivered twice is one line; two lines alike to the letter on one day are two.
    CONSTRAINT bank_line_once UNIQUE (bank_account_id, identity, occurrence)
);
CREATE INDEX ON bank_line (statement_id, position);
CREATE INDEX bank_line_to_assign ON bank_line (booked_on, id) WHERE open_minor > 0;

GRANT SELECT, INSERT ON bank_statement, bank_line TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
