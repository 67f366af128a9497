"""Money over a rail: facts, what they book, refunds that stay within, disputes, alerts; and who may do what."""

from alembic import op

revision = "0018_rail_money"
down_revision = "0017_rails"


SCHEMA = """
-- What happened to money. Only grows; a repeated message finds its fact there.
CREATE TABLE payment_fact (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES provider_account,
    payment_id   uuid NOT NULL REFERENCES payment,
    customer_id  uuid NOT NULL REFERENCES customer,
    kind         text NOT NULL CHECK (kind IN ('received', 'paid_out', 'refunded', 'refund_returned', 'returned',
                                               'charged_back', 'chargeback_reversed')),
    ref          text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     char(3) NOT NULL,
    occurred_at  timestamptz NOT NULL,
    reason_code  text,
    cause        text,
    recorded_at  timestamptz NOT NULL,
    UNIQUE (account_id, kind, ref)
);
CREATE INDEX ON payment_fact (payment_id);
CREATE TRIGGER grows BEFORE UPDATE OR DELETE ON payment_fact
    FOR EACH STATEMENT EXECUTE FUNCTION books_only_grow();

-- No fact takes more out of a payment than it brought in; the payment's row is the lock.
CREATE FUNCTION facts_stay_within() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM FROM payment WHERE id IN (SELECT payment_id FROM fresh) ORDER BY id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM payment_fact f JOIN payment p ON p.id = f.payment_id
               WHERE f.payment_id IN (SELECT payment_id FROM fresh)
               GROUP BY p.id HAVING bool_or(f.currency <> p.currency)
                  OR sum(CASE WHEN f.kind IN ('received', 'refund_returned', 'chargeback_reversed') THEN f.amount_minor
                              WHEN f.kind = 'paid_out' THEN 0 ELSE -f.amount_minor END) < 0) THEN
        RAISE EXCEPTION 'more went out of a payment than came in, or in another currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_fact_within';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER within AFTER INSERT ON payment_fact REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION facts_stay_within();

-- Never refunded more than received: what is asked, on its way or paid counts.
CREATE FUNCTION refunds_stay_within() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
DECLARE kept bigint; wanted bigint;
BEGIN
    PERFORM FROM payment WHERE id = NEW.payment_id FOR NO KEY UPDATE;
    -- A refund that is a fact already is counted by its fact, whether ours or made at the provider.
    SELECT coalesce(sum(CASE WHEN kind IN ('received', 'chargeback_reversed', 'refund_returned') THEN amount_minor
                             WHEN kind = 'paid_out' THEN 0 ELSE -amount_minor END), 0)
        INTO kept FROM payment_fact WHERE payment_id = NEW.payment_id;
    SELECT coalesce(sum(r.amount_minor), 0) INTO wanted FROM refund r
        WHERE r.payment_id = NEW.payment_id AND r.state IN ('asked', 'approved', 'pending')
          AND NOT EXISTS (SELECT FROM payment_fact f WHERE f.payment_id = r.payment_id
                          AND f.kind = 'refunded' AND f.ref = r.ref);
    IF wanted > kept THEN
        RAISE EXCEPTION 'refunds of % exceed what is kept, %', wanted, kept
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_within_received';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER within AFTER INSERT ON refund FOR EACH ROW EXECUTE FUNCTION refunds_stay_within();

CREATE TABLE payment_dispute (
    id           uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES provider_account,
    payment_id   uuid NOT NULL REFERENCES payment,
    customer_id  uuid NOT NULL REFERENCES customer,
    ref          text NOT NULL,
    state        text NOT NULL CHECK (state IN ('warning', 'to_answer', 'under_review', 'won', 'lost')),
    reason       text NOT NULL,
    amount_minor bigint NOT NULL,
    currency     char(3) NOT NULL,
    opened_at    timestamptz NOT NULL,
    answer_by    timestamptz,
    changed_at   timestamptz NOT NULL,
    UNIQUE (account_id, ref)
);
CREATE INDEX ON payment_dispute (payment_id);

-- What a person must look at; said once.
CREATE TABLE payment_alert (
    id          uuid PRIMARY KEY,
    once        text NOT NULL UNIQUE,
    account_id  uuid REFERENCES provider_account,
    payment_id  uuid REFERENCES payment,
    code        text NOT NULL,
    params      jsonb NOT NULL DEFAULT '{}',
    raised_at   timestamptz NOT NULL,
    resolved_at timestamptz,
    resolved_by text
);
CREATE INDEX payment_alert_open ON payment_alert (raised_at) WHERE resolved_at IS NULL;

-- Receipts know the payment and the fact they come from; what goes out of one is a reversal of its own.
ALTER TABLE receipt ADD COLUMN payment_id uuid REFERENCES payment, ADD COLUMN fact_id bigint REFERENCES payment_fact;
CREATE INDEX ON receipt (payment_id) WHERE payment_id IS NOT NULL;
CREATE UNIQUE INDEX receipt_of_fact ON receipt (fact_id, customer_id) WHERE fact_id IS NOT NULL;
GRANT SELECT (payment_id) ON receipt TO quittance_portal;

ALTER TABLE open_item DROP CONSTRAINT open_item_kind_check;
ALTER TABLE open_item ADD CONSTRAINT open_item_kind_check
    CHECK (kind IN ('invoice', 'credit_note', 'receipt', 'receipt_undone', 'receipt_reversed'));
ALTER TABLE open_item DROP CONSTRAINT open_item_sign;
ALTER TABLE open_item ADD CONSTRAINT open_item_sign
    CHECK ((kind IN ('invoice', 'receipt_undone', 'receipt_reversed')) = (amount_minor > 0));

-- Money of a receipt that went back: refund, returned debit, chargeback. Shares its id with its (debit) open item.
CREATE TABLE receipt_reversal (
    id           uuid PRIMARY KEY REFERENCES open_item,
    customer_id  uuid NOT NULL REFERENCES customer,
    receipt_id   uuid NOT NULL REFERENCES receipt,
    fact_id      bigint NOT NULL REFERENCES payment_fact,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    reversed_on  date NOT NULL,
    UNIQUE (fact_id, receipt_id)
);
CREATE INDEX ON receipt_reversal (receipt_id);

CREATE FUNCTION announce_payment_work() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY quittance_rails;
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON payment_operation FOR EACH STATEMENT EXECUTE FUNCTION announce_payment_work();
CREATE TRIGGER announce AFTER INSERT ON provider_event FOR EACH STATEMENT EXECUTE FUNCTION announce_payment_work();
CREATE TRIGGER announce AFTER UPDATE OF sync_due_at ON payment FOR EACH STATEMENT
    EXECUTE FUNCTION announce_payment_work();

CALL guard_by_customer('provider_customer');
CALL guard_by_customer('saved_card');
CALL guard_by_customer('payment');
CALL guard_by_customer('payment_item');
CALL guard_by_customer('payment_operation');
CALL guard_by_customer('set_up');
CALL guard_by_customer('payment_fact');
CALL guard_by_customer('refund');
CALL guard_by_customer('payment_dispute');
CALL guard_by_customer('receipt_reversal');
-- As for announcements: an id that is known is not enough to add a part to a stranger's payment.
ALTER POLICY portal ON payment_item WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[])
    AND EXISTS (SELECT FROM payment p WHERE p.id = payment_id)
    AND EXISTS (SELECT FROM open_item i WHERE i.id = item_id AND i.customer_id = payment_item.customer_id));
ALTER POLICY portal ON payment WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[])
    AND EXISTS (SELECT FROM provider_account a WHERE a.id = account_id AND a.creditor_id = payment.creditor_id));
-- The portal starts, cancels and sets up; what it orders is about what it sees.
ALTER POLICY portal ON payment_operation WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[]) AND state = 'pending' AND kind <> 'refund'
    AND (payment_id IS NULL OR EXISTS (SELECT FROM payment p WHERE p.id = payment_id))
    AND (set_up_id IS NULL OR EXISTS (SELECT FROM set_up s WHERE s.id = set_up_id)));
CALL guard('provider_account', 'active');
CALL guard('rail', 'enabled');
ALTER TABLE provider_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON provider_event TO quittance_backoffice USING (true) WITH CHECK (true);
CREATE POLICY portal ON provider_event FOR INSERT TO quittance_portal
    WITH CHECK (EXISTS (SELECT FROM provider_account a WHERE a.id = account_id AND a.active));
CALL guard('payment_ref', 'EXISTS (SELECT FROM payment p WHERE p.id = payment_id)');
ALTER TABLE payment_alert ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON payment_alert TO quittance_backoffice USING (true) WITH CHECK (true);

GRANT SELECT (id, creditor_id, provider, mode, publishable_key, webhook_secret, previous_webhook_secret, active)
    ON provider_account TO quittance_portal;
GRANT SELECT ON rail TO quittance_portal;
GRANT SELECT (id, account_id, customer_id, brand, last4, expires_on, saved_by, saved_at, removed_at) ON saved_card
    TO quittance_portal;
GRANT UPDATE (removed_at) ON saved_card TO quittance_portal;
GRANT SELECT ON payment, payment_item, set_up, payment_fact TO quittance_portal;
GRANT SELECT (id, payment_id, customer_id, amount_minor, state, decided_at) ON refund TO quittance_portal;
GRANT SELECT ON receipt_reversal, item_in_flight TO quittance_portal;
GRANT INSERT (id, reference, account_id, creditor_id, customer_id, method, origin, currency, amount_minor, basket_hash,
              language, started_by, started_at, expires_at, mandate_id, saved_card_id, save_instrument, collect_on,
              changed_at) ON payment TO quittance_portal;
GRANT UPDATE (sync_due_at) ON payment, set_up TO quittance_portal;
GRANT INSERT (payment_id, item_id, customer_id, amount_minor) ON payment_item TO quittance_portal;
GRANT INSERT (id, account_id, customer_id, method, language, started_by, started_at, evidence, changed_at) ON set_up
    TO quittance_portal;
GRANT INSERT (id, account_id, customer_id, payment_id, set_up_id, kind, request, created_at) ON payment_operation
    TO quittance_portal;
GRANT SELECT (id, payment_id, set_up_id, customer_id, kind, state) ON payment_operation TO quittance_portal;
GRANT INSERT (account_id, event_id, type, payload, received_at) ON provider_event TO quittance_portal;
GRANT USAGE ON SEQUENCE payment_serial TO quittance_portal, quittance_backoffice;

GRANT SELECT, INSERT ON provider_account, rail, provider_customer, saved_card, payment, payment_item, payment_ref,
    payment_operation, set_up, provider_event, payment_fact, refund, payment_dispute, payment_alert, receipt_reversal
    TO quittance_backoffice;
GRANT SELECT ON item_in_flight TO quittance_backoffice;
GRANT UPDATE (publishable_key, credentials, webhook_secret, previous_webhook_secret, active, events_until)
    ON provider_account TO quittance_backoffice;
GRANT UPDATE (countries, enabled) ON rail TO quittance_backoffice;
GRANT UPDATE (removed_at) ON saved_card TO quittance_backoffice;
GRANT UPDATE (phase, unclear, status, provider_ref, step, decline, decline_code, instrument, expected_on,
              refundable_until, changed_at, sync_due_at, syncing_until, version) ON payment TO quittance_backoffice;
GRANT UPDATE (state, attempts, due_at, first_sent_at, finished_at, error) ON payment_operation
    TO quittance_backoffice;
GRANT UPDATE (state, provider_ref, step, sync_due_at, syncing_until, changed_at) ON set_up TO quittance_backoffice;
GRANT UPDATE (due_at, attempts, handled_at, outcome, error) ON provider_event TO quittance_backoffice;
GRANT UPDATE (state, decided_by_id, decided_by, decided_at, ref, error) ON refund TO quittance_backoffice;
GRANT UPDATE (state, reason, amount_minor, answer_by, changed_at) ON payment_dispute TO quittance_backoffice;
GRANT UPDATE (resolved_at, resolved_by) ON payment_alert TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
