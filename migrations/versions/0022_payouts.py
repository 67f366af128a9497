"""Payouts: what a provider sends to the bank, the lines it is made of, and the bank lines it arrived as."""

from alembic import op

revision = "0022_payouts"
down_revision = "0021_mandate_looks"


SCHEMA = """
ALTER TABLE provider_account ADD COLUMN payouts_until timestamptz NOT NULL DEFAULT now();

-- `told`: heard of, not looked at yet. `arrived_minor` is moved by arrivals alone; what is outstanding is what the bank
-- still has to show: the rest of what was sent, or what a failed payout has to take back again.
CREATE TABLE payout (
    id              uuid PRIMARY KEY,
    account_id      uuid NOT NULL REFERENCES provider_account,
    provider_ref    text NOT NULL,
    state           text NOT NULL DEFAULT 'told' CHECK (state IN ('told', 'pending', 'paid', 'failed')),
    amount_minor    bigint,
    currency        char(3),
    arrives_on      date,
    statement_text  text NOT NULL DEFAULT '',
    complete        boolean NOT NULL DEFAULT false,
    told_at         timestamptz NOT NULL,
    sync_due_at     timestamptz,
    syncing_until   timestamptz,
    tries           integer NOT NULL DEFAULT 0,
    booked_at       timestamptz,
    fees_minor      bigint NOT NULL DEFAULT 0,
    remainder_minor bigint NOT NULL DEFAULT 0,
    arrived_minor   bigint NOT NULL DEFAULT 0,
    outstanding_minor bigint GENERATED ALWAYS AS
        (CASE WHEN state = 'failed' THEN -arrived_minor ELSE amount_minor - arrived_minor END) STORED,
    UNIQUE (account_id, provider_ref),
    CHECK (state = 'told' OR (amount_minor IS NOT NULL AND currency IS NOT NULL)),
    CHECK (booked_at IS NULL OR complete),
    CONSTRAINT payout_arrives_once
        CHECK (arrived_minor BETWEEN least(amount_minor, 0) AND greatest(amount_minor, 0))
);
CREATE INDEX payout_to_sync ON payout (sync_due_at) WHERE sync_due_at IS NOT NULL;
CREATE INDEX payout_outstanding ON payout (account_id) WHERE outstanding_minor <> 0;
CREATE INDEX ON payout (arrives_on, id);

-- Exact: providers bill fractions of a cent. `payment_id`: the payment is ours.
CREATE TABLE payout_line (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout_id     uuid NOT NULL REFERENCES payout,
    ref           text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('payment', 'refund', 'refund_returned', 'returned', 'charged_back',
                                                'chargeback_reversed', 'fee', 'payout_returned', 'other')),
    provider_type text NOT NULL,
    gross_minor   numeric NOT NULL,
    fee_minor     numeric NOT NULL,
    net_minor     numeric NOT NULL GENERATED ALWAYS AS (gross_minor - fee_minor) STORED,
    payment_ref   text,
    payment_id    uuid REFERENCES payment,
    label         text NOT NULL DEFAULT '',
    UNIQUE (payout_id, ref)
);
CREATE INDEX ON payout_line (payment_id) WHERE payment_id IS NOT NULL;

-- A payout seen on a bank line; signed as the line. `undoes_id`: it was another line.
CREATE TABLE payout_arrival (
    id           uuid PRIMARY KEY,
    payout_id    uuid NOT NULL REFERENCES payout,
    bank_line_id uuid NOT NULL REFERENCES bank_line,
    match_id     uuid NOT NULL REFERENCES match,
    undoes_id    uuid UNIQUE REFERENCES payout_arrival,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    arrived_on   date NOT NULL
);
CREATE INDEX ON payout_arrival (payout_id);
CREATE INDEX ON payout_arrival (bank_line_id);
CREATE INDEX ON payout_arrival (match_id);
CREATE TRIGGER grows BEFORE UPDATE OR DELETE ON payout_arrival
    FOR EACH STATEMENT EXECUTE FUNCTION books_only_grow();

-- As receipts do, an arrival takes from its bank line what it assigns, and its payout knows what has arrived. A line of
-- money that left has nothing open: it is used once, and never for more than it is.
CREATE FUNCTION arrivals_use_lines() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM FROM bank_line WHERE id IN (SELECT bank_line_id FROM fresh) ORDER BY id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM fresh f JOIN bank_line l ON l.id = f.bank_line_id JOIN payout p ON p.id = f.payout_id
               JOIN provider_account a ON a.id = p.account_id
               WHERE (l.creditor_id, l.currency) IS DISTINCT FROM (a.creditor_id, p.currency)) THEN
        RAISE EXCEPTION 'a payout arrives on its own creditor''s account, in its own currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_arrival_fits';
    END IF;
    UPDATE bank_line l SET open_minor = l.open_minor - used.minor
    FROM (SELECT bank_line_id, sum(amount_minor) AS minor FROM fresh GROUP BY bank_line_id) used
    WHERE l.id = used.bank_line_id AND l.amount_minor > 0;
    IF EXISTS (SELECT FROM bank_line l JOIN payout_arrival r ON r.bank_line_id = l.id
               WHERE l.id IN (SELECT bank_line_id FROM fresh) AND l.amount_minor < 0
               GROUP BY l.id HAVING sum(r.amount_minor) NOT BETWEEN l.amount_minor AND 0) THEN
        RAISE EXCEPTION 'more of a bank line was used than it is'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_line_not_over_assigned';
    END IF;
    UPDATE payout p SET arrived_minor = p.arrived_minor + come.minor
    FROM (SELECT payout_id, sum(amount_minor) AS minor FROM fresh GROUP BY payout_id) come
    WHERE p.id = come.payout_id;
    RETURN NULL;
END $$;
CREATE TRIGGER uses AFTER INSERT ON payout_arrival REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION arrivals_use_lines();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OF sync_due_at ON payout FOR EACH STATEMENT
    EXECUTE FUNCTION announce_payment_work();

-- The back office's alone: a debtor's person has no business with what reaches the bank.
ALTER TABLE payout ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON payout TO quittance_backoffice USING (true) WITH CHECK (true);
ALTER TABLE payout_line ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON payout_line TO quittance_backoffice USING (true) WITH CHECK (true);
ALTER TABLE payout_arrival ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON payout_arrival TO quittance_backoffice USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON payout, payout_line, payout_arrival TO quittance_backoffice;
GRANT UPDATE (state, amount_minor, currency, arrives_on, statement_text, complete, sync_due_at, syncing_until, tries,
              booked_at, fees_minor, remainder_minor) ON payout TO quittance_backoffice;
GRANT UPDATE (payment_id) ON payout_line TO quittance_backoffice;
GRANT UPDATE (payouts_until) ON provider_account TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
