"""Expected payments (what a debtor announced) and receipts (what came in)."""

from alembic import op

revision = "0007_payments"
down_revision = "0006_bank_statements"


SCHEMA = """
CREATE SEQUENCE payment_reference_serial;
CREATE SEQUENCE receipt_serial;

-- A debtor's announced transfer: one basket, one payee, one RF reference. The payee is copied as it was
-- shown, so that what the debtor was told can never change behind their back.
CREATE TABLE expected_payment (
    id              uuid PRIMARY KEY,
    reference       text NOT NULL UNIQUE CHECK (reference ~ '^RF[0-9]{2}[A-Z0-9]{1,21}$'),
    customer_id     uuid NOT NULL REFERENCES customer,
    creditor_id     uuid NOT NULL REFERENCES creditor,
    bank_account_id uuid NOT NULL REFERENCES bank_account,
    payee_name      text NOT NULL,
    payee_iban      text NOT NULL,
    payee_bic       text,
    currency        char(3) NOT NULL,
    amount_minor    bigint NOT NULL CHECK (amount_minor > 0),
    expected_on     date NOT NULL,
    announced_at    timestamptz NOT NULL,
    announced_by    text NOT NULL,
    basket_hash     bytea NOT NULL,
    cancelled_at    timestamptz,
    received_at     timestamptz,
    CHECK (cancelled_at IS NULL OR received_at IS NULL)
);
CREATE INDEX ON expected_payment (customer_id, announced_at);
-- A page reloaded or a button pressed twice announces once.
CREATE UNIQUE INDEX expected_payment_once ON expected_payment (customer_id, basket_hash)
    WHERE cancelled_at IS NULL AND received_at IS NULL;

CREATE TABLE expected_payment_item (
    expected_payment_id uuid NOT NULL REFERENCES expected_payment,
    item_id             uuid NOT NULL REFERENCES open_item,
    customer_id         uuid NOT NULL REFERENCES customer,
    amount_minor        bigint NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (expected_payment_id, item_id)
);
CREATE INDEX ON expected_payment_item (item_id);

-- Money that came in for one customer; shares its id with the (credit) open item it is in the ledger.
-- `undoes_id`: the receipt was assigned wrongly, and this takes it back to the bank line.
CREATE TABLE receipt (
    id           uuid PRIMARY KEY REFERENCES open_item,
    customer_id  uuid NOT NULL REFERENCES customer,
    bank_line_id uuid REFERENCES bank_line,
    undoes_id    uuid UNIQUE REFERENCES receipt,
    match_id     uuid,
    external_ref text,
    method       text NOT NULL,
    payer_name   text,
    payer_iban   text,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    received_on  date NOT NULL,
    CHECK ((undoes_id IS NOT NULL) = (amount_minor < 0))
);
CREATE INDEX ON receipt (bank_line_id) WHERE bank_line_id IS NOT NULL;
CREATE INDEX ON receipt (customer_id, received_on);
CREATE INDEX ON receipt (match_id) WHERE match_id IS NOT NULL;
CREATE UNIQUE INDEX receipt_external ON receipt (external_ref) WHERE external_ref IS NOT NULL;

-- A receipt takes from its bank line what it assigns; the line's constraint refuses more than it has.
CREATE FUNCTION receipts_use_lines() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM FROM bank_line WHERE id IN (SELECT bank_line_id FROM fresh) ORDER BY id FOR NO KEY UPDATE;
    UPDATE bank_line l SET open_minor = l.open_minor - used.minor
    FROM (SELECT bank_line_id, sum(amount_minor) AS minor FROM fresh
          WHERE bank_line_id IS NOT NULL GROUP BY bank_line_id) used
    WHERE l.id = used.bank_line_id;
    RETURN NULL;
END $$;
CREATE TRIGGER uses AFTER INSERT ON receipt REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION receipts_use_lines();

-- What the engine or a person decided about a bank line, and why. Never changed: an undo is a row too.
CREATE TABLE match (
    id           uuid PRIMARY KEY,
    bank_line_id uuid NOT NULL REFERENCES bank_line,
    outcome      text NOT NULL CHECK (outcome IN ('applied', 'suggested', 'unmatched', 'not_receivable',
                                                  'undone')),
    rule         text NOT NULL,
    version      integer NOT NULL,
    confidence   numeric(5, 4) NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    why          text NOT NULL,
    why_params   jsonb NOT NULL,
    evidence     jsonb NOT NULL,
    undoes_id    uuid UNIQUE REFERENCES match,
    decided_by   text NOT NULL,
    decided_at   timestamptz NOT NULL,
    CHECK ((outcome = 'undone') = (undoes_id IS NOT NULL))
);
CREATE INDEX ON match (bank_line_id, decided_at);

CALL guard_by_customer('expected_payment');
CALL guard_by_customer('expected_payment_item');
-- Foreign keys look past row-level security: without this, knowing an id would be enough to add a part to a
-- stranger's announcement. The sub-queries obey the policies of the tables they ask.
ALTER POLICY portal ON expected_payment_item WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[])
    AND EXISTS (SELECT FROM expected_payment p WHERE p.id = expected_payment_id)
    AND EXISTS (SELECT FROM open_item i
                WHERE i.id = item_id AND i.customer_id = expected_payment_item.customer_id));
CALL guard_by_customer('receipt');
GRANT SELECT, INSERT ON expected_payment, expected_payment_item TO quittance_portal;
GRANT UPDATE (cancelled_at) ON expected_payment TO quittance_portal;
GRANT SELECT (id, customer_id, undoes_id, method, amount_minor, received_on) ON receipt TO quittance_portal;
GRANT USAGE ON SEQUENCE payment_reference_serial TO quittance_portal, quittance_backoffice;
GRANT SELECT, INSERT ON expected_payment, expected_payment_item, receipt, match TO quittance_backoffice;
GRANT UPDATE (cancelled_at, received_at) ON expected_payment TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
