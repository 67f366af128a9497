"""Mandates for direct debits, and what a creditor needs to collect through its own bank."""

from alembic import op

revision = "0019_mandates"
down_revision = "0018_rail_money"


SCHEMA = """
CREATE SEQUENCE mandate_reference_serial;

-- A creditor that collects through its own bank: its identifier, and the account the money comes to.
CREATE TABLE creditor_sepa (
    creditor_id      uuid PRIMARY KEY REFERENCES creditor,
    ics              text NOT NULL CHECK (ics ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}$'),
    core_enabled     boolean NOT NULL,
    b2b_enabled      boolean NOT NULL,
    notice_days      integer NOT NULL CHECK (notice_days BETWEEN 1 AND 60),
    initiating_party text NOT NULL CHECK (initiating_party <> ''),
    bank_account_id  uuid NOT NULL REFERENCES bank_account,
    updated_at       timestamptz NOT NULL
);

-- A debtor's permission to collect. The account is sealed; `iban_mark` finds an equal one without opening it.
-- A mandate of a provider is kept there: here are its name and its state.
CREATE TABLE mandate (
    id                 uuid PRIMARY KEY,
    customer_id        uuid NOT NULL REFERENCES customer,
    creditor_id        uuid NOT NULL REFERENCES creditor,
    scheme             text NOT NULL CHECK (scheme IN ('core', 'b2b')),
    provider           text NOT NULL CHECK (provider IN ('own_bank', 'stripe', 'gocardless')),
    provider_ref       text,
    reference          text NOT NULL CHECK (length(reference) BETWEEN 1 AND 255),
    debtor_name        text NOT NULL,
    address_lines      text[] NOT NULL,
    postcode           text,
    town               text,
    country            char(2),
    iban_sealed        bytea,
    iban_mark          bytea,
    iban_last4         text,
    iban_country       char(2),
    bic                text,
    recurrent          boolean NOT NULL,
    notice_days        integer NOT NULL CHECK (notice_days BETWEEN 1 AND 60),
    language           char(2) NOT NULL,
    signed_at          timestamptz NOT NULL,
    signed_by          text NOT NULL,
    evidence           jsonb NOT NULL,
    document_id        uuid REFERENCES document,
    state              text NOT NULL CHECK (state IN ('pending', 'active', 'suspended', 'cancelled', 'expired',
                                                      'replaced')),
    state_reason       text,
    last_collected_on  date,
    registered_at      timestamptz,
    account_changed_at timestamptz,
    replaced_by        uuid REFERENCES mandate,
    created_at         timestamptz NOT NULL,
    CHECK ((provider = 'own_bank') = (provider_ref IS NULL)),
    CHECK (provider <> 'own_bank'
           OR (length(reference) <= 35 AND town <> '' AND country IS NOT NULL AND iban_sealed IS NOT NULL
               AND iban_mark IS NOT NULL AND iban_last4 IS NOT NULL AND iban_country IS NOT NULL)),
    -- A B2B mandate counts only once the debtor's bank knows it.
    CHECK (provider <> 'own_bank' OR scheme <> 'b2b' OR state NOT IN ('active', 'suspended')
           OR registered_at IS NOT NULL),
    CHECK ((state = 'replaced') = (replaced_by IS NOT NULL)),
    UNIQUE (provider, provider_ref)
);
-- Banks do not tell capitals from small letters.
CREATE UNIQUE INDEX mandate_reference ON mandate (creditor_id, upper(reference)) WHERE provider = 'own_bank';
-- One living mandate per account and scheme: a form sent twice signs once.
CREATE UNIQUE INDEX mandate_once ON mandate (customer_id, creditor_id, scheme, iban_mark)
    WHERE provider = 'own_bank' AND state IN ('pending', 'active', 'suspended');
CREATE INDEX ON mandate (customer_id, creditor_id);
CREATE INDEX ON mandate (signed_at) WHERE provider = 'own_bank' AND state IN ('pending', 'active', 'suspended');

CREATE FUNCTION mandate_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('pending', 'active'), ('pending', 'cancelled'), ('pending', 'expired'), ('pending', 'replaced'),
        ('active', 'suspended'), ('active', 'cancelled'), ('active', 'expired'), ('active', 'replaced'),
        ('suspended', 'active'), ('suspended', 'cancelled'), ('suspended', 'expired'), ('suspended', 'replaced'))
    THEN
        RAISE check_violation USING CONSTRAINT = 'mandate_moves',
            MESSAGE = format('a mandate does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER moves BEFORE UPDATE OF state ON mandate FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION mandate_moves();

-- All that happened to a mandate; never changed.
CREATE TABLE mandate_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mandate_id  uuid NOT NULL REFERENCES mandate,
    customer_id uuid NOT NULL REFERENCES customer,
    kind        text NOT NULL,
    state       text NOT NULL,
    reason_code text,
    reason      text,
    by_whom     text NOT NULL,
    at          timestamptz NOT NULL
);
CREATE INDEX ON mandate_event (mandate_id, id);

ALTER TABLE creditor_sepa ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON creditor_sepa TO quittance_backoffice USING (true) WITH CHECK (true);
-- On every mandate form, so of every creditor that the debtor is shown.
CREATE POLICY portal ON creditor_sepa FOR SELECT TO quittance_portal USING (core_enabled OR b2b_enabled);

-- A debtor's person may sign a mandate for the creditor's bank, and end one. Nothing else of it is theirs to write.
ALTER TABLE mandate ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON mandate TO quittance_backoffice USING (true) WITH CHECK (true);
CREATE POLICY portal ON mandate FOR SELECT TO quittance_portal
    USING (customer_id = ANY ((SELECT scope_customers())::uuid[]));
CREATE POLICY portal_signs ON mandate FOR INSERT TO quittance_portal WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[]) AND state = 'pending' AND provider = 'own_bank'
    AND document_id IS NULL AND last_collected_on IS NULL AND registered_at IS NULL
    AND account_changed_at IS NULL AND replaced_by IS NULL);
CREATE POLICY portal_cancels ON mandate FOR UPDATE TO quittance_portal
    USING (customer_id = ANY ((SELECT scope_customers())::uuid[]))
    WITH CHECK (customer_id = ANY ((SELECT scope_customers())::uuid[]) AND state = 'cancelled');
CALL guard_by_customer('mandate_event');
ALTER POLICY portal ON mandate_event WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[]) AND kind IN ('signed', 'cancelled')
    AND EXISTS (SELECT FROM mandate m WHERE m.id = mandate_id AND m.customer_id = mandate_event.customer_id));

GRANT SELECT ON creditor_sepa TO quittance_portal;
GRANT SELECT (id, customer_id, creditor_id, scheme, provider, provider_ref, reference, debtor_name, address_lines,
              postcode, town, country, iban_mark, iban_last4, iban_country, bic, recurrent, notice_days, language,
              signed_at, signed_by, evidence, document_id, state, state_reason, last_collected_on, registered_at,
              account_changed_at, replaced_by, created_at)
    ON mandate TO quittance_portal;
GRANT INSERT ON mandate, mandate_event TO quittance_portal;
GRANT UPDATE (state, state_reason) ON mandate TO quittance_portal;
GRANT USAGE ON SEQUENCE mandate_reference_serial TO quittance_portal, quittance_backoffice;

GRANT SELECT, INSERT, UPDATE ON creditor_sepa TO quittance_backoffice;
GRANT SELECT, INSERT ON mandate, mandate_event TO quittance_backoffice;
GRANT UPDATE (reference, debtor_name, iban_sealed, iban_mark, iban_last4, iban_country, bic, document_id, state,
              state_reason, last_collected_on, registered_at, account_changed_at, replaced_by)
    ON mandate TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
