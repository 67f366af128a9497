"""Collections through the creditor's own bank: files, what stands in each, the bank's answers, and second tries."""

from alembic import op

revision = "0025_collections"
down_revision = "0024_plans"


SCHEMA = """
CREATE SEQUENCE collection_serial;

-- One file for the bank: one creditor, one scheme, one sequence; a group of the file (`PmtInf`) per day of collection.
-- `collector`: who collects, as the file says it. The file is written anew from these rows whenever it is asked for,
-- and `file_sha256` proves that it is the same: no account of a debtor lies about in the clear.
CREATE TABLE collection_batch (
    id           uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES provider_account,
    message_id   text NOT NULL UNIQUE,
    scheme       text NOT NULL CHECK (scheme IN ('core', 'b2b')),
    sequence     text NOT NULL CHECK (sequence IN ('FRST', 'RCUR', 'FNAL', 'OOFF')),
    collector    jsonb NOT NULL,
    presented_on date NOT NULL,
    made_at      timestamptz NOT NULL,
    made_by      text NOT NULL,
    entries      integer NOT NULL DEFAULT 0,
    amount_minor bigint NOT NULL DEFAULT 0,
    first_due_on date,
    last_due_on  date,
    file_sha256  bytea,
    state        text NOT NULL DEFAULT 'made' CHECK (state IN ('made', 'withdrawn', 'sent', 'answered')),
    sent_at      timestamptz,
    sent_by      text,
    answered_at  timestamptz,
    CHECK ((sent_at IS NOT NULL) = (state IN ('sent', 'answered')))
);
CREATE INDEX ON collection_batch (made_at DESC, id);

-- One collection, as the bank was told it: what changes of the mandate later does not change the file.
CREATE TABLE collection_entry (
    id                uuid PRIMARY KEY,
    batch_id          uuid NOT NULL REFERENCES collection_batch,
    payment_id        uuid NOT NULL REFERENCES payment,
    customer_id       uuid NOT NULL REFERENCES customer,
    mandate_id        uuid NOT NULL REFERENCES mandate,
    position          integer NOT NULL,
    amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
    due_on            date NOT NULL,
    mandate_reference text NOT NULL,
    signed_on         date NOT NULL,
    debtor_name       text NOT NULL,
    address_lines     text[] NOT NULL,
    postcode          text,
    town              text NOT NULL,
    country           char(2) NOT NULL,
    iban_sealed       bytea NOT NULL,
    iban_last4        text NOT NULL,
    bic               text,
    account_changed   boolean NOT NULL,
    label             text NOT NULL,
    state             text NOT NULL DEFAULT 'made' CHECK (state IN ('made', 'withdrawn', 'sent', 'rejected', 'collected',
                                                                    'returned')),
    reason_code       text,
    answered_at       timestamptz,
    UNIQUE (batch_id, position)
);
-- A payment is in one file only.
CREATE UNIQUE INDEX collection_entry_once ON collection_entry (payment_id) WHERE state <> 'withdrawn';
CREATE INDEX ON collection_entry (batch_id, due_on) WHERE state = 'sent';
CREATE INDEX ON collection_entry (mandate_id);
CREATE INDEX collection_entry_back ON collection_entry (answered_at) WHERE state IN ('rejected', 'returned');

-- The bank credits what falls due on one day of one file as one amount, and debits returns on a line of their own: both
-- are payouts, the latter negative. `bank_line_id`: the line it certainly is, by the references the bank gives back.
ALTER TABLE payout ADD COLUMN batch_id uuid REFERENCES collection_batch,
                   ADD COLUMN bank_line_id uuid UNIQUE REFERENCES bank_line;
CREATE INDEX ON payout (batch_id, arrives_on) WHERE batch_id IS NOT NULL;
GRANT UPDATE (bank_line_id) ON payout TO quittance_backoffice;
CREATE TRIGGER announce AFTER INSERT ON payout_arrival FOR EACH STATEMENT EXECUTE FUNCTION announce_payment_work();

-- A file of the bank's that was read: pain.002, or camt.054 with returns. Lines: what it refused or gave back, and what we
-- could not place; what it merely accepted is counted.
CREATE TABLE collection_answer (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('pain.002', 'camt.054')),
    file_name   text NOT NULL,
    file_sha256 bytea NOT NULL,
    batch_id    uuid REFERENCES collection_batch,
    taken_at    timestamptz NOT NULL,
    taken_by    text NOT NULL,
    accepted    integer NOT NULL DEFAULT 0
);
CREATE INDEX ON collection_answer (taken_at DESC, id);
CREATE INDEX ON collection_answer (batch_id);
CREATE TABLE collection_answer_line (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    answer_id     uuid NOT NULL REFERENCES collection_answer,
    payment_id    uuid REFERENCES payment,
    end_to_end_id text NOT NULL,
    status        text NOT NULL,
    reason_code   text,
    info          text,
    outcome       text NOT NULL CHECK (outcome IN ('rejected', 'returned', 'known', 'foreign', 'contradicts', 'unclear'))
);
CREATE INDEX ON collection_answer_line (answer_id, id);

-- A collection that came back and is presented again is a new payment, announced anew.
CREATE TABLE collection_again (
    payment_id uuid PRIMARY KEY REFERENCES payment,
    again_id   uuid NOT NULL UNIQUE REFERENCES payment,
    by_whom    text NOT NULL,
    at         timestamptz NOT NULL,
    CHECK (payment_id <> again_id)
);

CALL guard_by_customer('collection_entry');
ALTER TABLE collection_batch ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON collection_batch TO quittance_backoffice USING (true) WITH CHECK (true);
ALTER TABLE collection_answer ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON collection_answer TO quittance_backoffice USING (true) WITH CHECK (true);
ALTER TABLE collection_answer_line ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON collection_answer_line TO quittance_backoffice USING (true) WITH CHECK (true);
ALTER TABLE collection_again ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON collection_again TO quittance_backoffice USING (true) WITH CHECK (true);
-- A debtor's person sees whether their collection is in a file already: then it cannot be cancelled any more.
GRANT SELECT (id, payment_id, customer_id, state) ON collection_entry TO quittance_portal;
GRANT SELECT, INSERT ON collection_batch, collection_entry, collection_answer, collection_answer_line, collection_again
    TO quittance_backoffice;
GRANT UPDATE (entries, amount_minor, first_due_on, last_due_on, file_sha256, state, sent_at, sent_by, answered_at)
    ON collection_batch TO quittance_backoffice;
GRANT UPDATE (state, reason_code, answered_at) ON collection_entry TO quittance_backoffice;
GRANT UPDATE (batch_id, accepted) ON collection_answer TO quittance_backoffice;
GRANT USAGE ON SEQUENCE collection_serial TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
