"""Autopay: what a debtor lets be collected by itself, and each debit that was announced; what nobody may collect."""

from alembic import op

revision = "0023_autopay"
down_revision = "0022_payouts"


SCHEMA = """
-- Items that nothing collects by itself: a person decides, or another agreement holds them. Later slices add theirs with
-- UNION ALL (disputes, plans). Here: what a card's holder had charged back is contested.
CREATE VIEW item_held_back WITH (security_invoker = true) AS
    SELECT i.item_id, i.customer_id, 'charged_back'::text AS reason
    FROM payment_item i JOIN payment p ON p.id = i.payment_id WHERE p.status = 'charged_back';

-- What a debtor's person agreed to, for one creditor and currency. `consent`: the very words; `evidence`: who, from where.
CREATE TABLE autopay (
    id            uuid PRIMARY KEY,
    customer_id   uuid NOT NULL REFERENCES customer,
    creditor_id   uuid NOT NULL REFERENCES creditor,
    currency      char(3) NOT NULL,
    mandate_id    uuid REFERENCES mandate,
    saved_card_id uuid REFERENCES saved_card,
    cap_minor     bigint NOT NULL CHECK (cap_minor > 0),
    offset_days   integer NOT NULL CHECK (offset_days BETWEEN -10 AND 5),
    language      char(2) NOT NULL,
    consent       text NOT NULL CHECK (consent <> ''),
    evidence      jsonb NOT NULL,
    user_id       uuid NOT NULL,
    switched_on_by text NOT NULL,
    switched_on_at timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    state         text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'suspended', 'off')),
    state_reason  text,
    CHECK (num_nonnulls(mandate_id, saved_card_id) = 1)
);
CREATE UNIQUE INDEX autopay_once ON autopay (customer_id, creditor_id, currency) WHERE state <> 'off';
CREATE INDEX autopay_active ON autopay (id) WHERE state = 'active';

-- One announced debit. `send_on`: the amount is worked out and ordered; `execute_on`: the account is debited.
-- `outcome`: started | nothing | skipped | stopped | refused | missed | over_cap; none yet: it waits for its day.
CREATE TABLE autopay_debit (
    id             uuid PRIMARY KEY,
    autopay_id     uuid NOT NULL REFERENCES autopay,
    customer_id    uuid NOT NULL REFERENCES customer,
    execute_on     date NOT NULL,
    send_on        date NOT NULL,
    noticed_at     timestamptz NOT NULL,
    notified_minor bigint NOT NULL CHECK (notified_minor >= 0),
    attempt        integer NOT NULL DEFAULT 0 CHECK (attempt BETWEEN 0 AND 2),
    retries_id     uuid UNIQUE REFERENCES autopay_debit,
    skipped_at     timestamptz,
    skipped_by     text,
    outcome        text CHECK (outcome IN ('started', 'nothing', 'skipped', 'stopped', 'refused', 'missed',
                                           'over_cap')),
    detail         text,
    payment_id     uuid UNIQUE REFERENCES payment,
    executed_minor bigint,
    failed_code    text,
    UNIQUE (autopay_id, execute_on),
    CHECK (send_on <= execute_on),
    CHECK ((skipped_at IS NULL) = (skipped_by IS NULL)),
    CHECK ((outcome = 'started') IS NOT DISTINCT FROM (payment_id IS NOT NULL) OR outcome IS NULL),
    CHECK (payment_id IS NULL OR (executed_minor > 0 AND skipped_at IS NULL)),
    CONSTRAINT autopay_never_more_than_told CHECK (executed_minor <= notified_minor)
);
CREATE INDEX autopay_debit_waiting ON autopay_debit (send_on, id) WHERE outcome IS NULL;
CREATE INDEX ON autopay_debit (customer_id, execute_on);

-- What the notice named, signed as the items are. `over_cap`: told to the debtor, and left to them.
CREATE TABLE autopay_debit_item (
    debit_id     uuid NOT NULL REFERENCES autopay_debit,
    item_id      uuid NOT NULL REFERENCES open_item,
    customer_id  uuid NOT NULL REFERENCES customer,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    over_cap     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (debit_id, item_id)
);
CREATE INDEX ON autopay_debit_item (item_id);

-- A debtor's person agrees, changes, pauses and ends; of a debit they may only say that it is to be skipped.
CALL guard_by_customer('autopay');
ALTER POLICY portal ON autopay WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[]) AND state <> 'suspended'
    AND (mandate_id IS NULL OR EXISTS (SELECT FROM mandate m WHERE m.id = mandate_id
             AND m.customer_id = autopay.customer_id AND m.creditor_id = autopay.creditor_id))
    AND (saved_card_id IS NULL OR EXISTS (SELECT FROM saved_card c WHERE c.id = saved_card_id
             AND c.customer_id = autopay.customer_id)));
ALTER TABLE autopay_debit ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON autopay_debit TO quittance_backoffice USING (true) WITH CHECK (true);
CREATE POLICY portal ON autopay_debit FOR SELECT TO quittance_portal
    USING (customer_id = ANY ((SELECT scope_customers())::uuid[]));
CREATE POLICY portal_skips ON autopay_debit FOR UPDATE TO quittance_portal
    USING (customer_id = ANY ((SELECT scope_customers())::uuid[]) AND outcome IS NULL)
    WITH CHECK (customer_id = ANY ((SELECT scope_customers())::uuid[]) AND skipped_at IS NOT NULL);
CALL guard_by_customer('autopay_debit_item');

GRANT SELECT ON autopay, autopay_debit, autopay_debit_item, item_held_back TO quittance_portal;
GRANT INSERT ON autopay TO quittance_portal;
GRANT UPDATE (mandate_id, saved_card_id, cap_minor, offset_days, consent, evidence, user_id, changed_at, state,
              state_reason) ON autopay TO quittance_portal, quittance_backoffice;
GRANT UPDATE (skipped_at, skipped_by) ON autopay_debit TO quittance_portal;
GRANT SELECT ON autopay, autopay_debit, autopay_debit_item, item_held_back TO quittance_backoffice;
GRANT INSERT ON autopay_debit, autopay_debit_item TO quittance_backoffice;
GRANT INSERT ON autopay TO quittance_backoffice;
GRANT UPDATE (outcome, detail, payment_id, executed_minor, failed_code, skipped_at, skipped_by) ON autopay_debit
    TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
