"""Payments over a rail: accounts at providers, payments, refunds, the outbox of commands, the inbox of events."""

from alembic import op

revision = "0017_rails"
down_revision = "0016_confirm_accounts"


SCHEMA = """
CREATE SEQUENCE payment_serial;

-- A creditor's account with a provider, or its own bank. Keys are sealed; the portal's role reads what it shows to
-- payers and what proves a webhook, never the key of the API. `clearing_account`: where its money stands in the books.
CREATE TABLE provider_account (
    id                      uuid PRIMARY KEY,
    creditor_id             uuid NOT NULL REFERENCES creditor,
    provider                text NOT NULL CHECK (provider IN ('stripe', 'gocardless', 'own_bank')),
    mode                    text NOT NULL CHECK (mode IN ('sandbox', 'test', 'live')),
    publishable_key         text,
    credentials             bytea,
    webhook_secret          bytea,
    previous_webhook_secret bytea,
    clearing_account        text NOT NULL CHECK (clearing_account ~ '^511[0-9A-Z]{0,9}$'),
    active                  boolean NOT NULL DEFAULT true,
    events_until            timestamptz NOT NULL,
    created_at              timestamptz NOT NULL,
    UNIQUE (creditor_id, clearing_account)
);
CREATE UNIQUE INDEX provider_account_active ON provider_account (creditor_id, provider) WHERE active;

-- What an account offers, and to payers of which countries (none named: all).
CREATE TABLE rail (
    account_id uuid NOT NULL REFERENCES provider_account,
    method     text NOT NULL CHECK (method IN ('card', 'card_page', 'virtual_iban', 'pay_by_bank', 'debit_core',
                                               'debit_b2b')),
    countries  text[] NOT NULL DEFAULT '{}',
    enabled    boolean NOT NULL DEFAULT true,
    PRIMARY KEY (account_id, method)
);

CREATE TABLE provider_customer (
    account_id  uuid NOT NULL REFERENCES provider_account,
    customer_id uuid NOT NULL REFERENCES customer,
    ref         text NOT NULL,
    PRIMARY KEY (account_id, customer_id),
    UNIQUE (account_id, ref)
);
CREATE TABLE saved_card (
    id          uuid PRIMARY KEY,
    account_id  uuid NOT NULL REFERENCES provider_account,
    customer_id uuid NOT NULL REFERENCES customer,
    ref         text NOT NULL,
    brand       text NOT NULL,
    last4       text NOT NULL CHECK (last4 ~ '^[0-9]{4}$'),
    expires_on  date,
    saved_by    text NOT NULL,
    saved_at    timestamptz NOT NULL,
    removed_at  timestamptz,
    UNIQUE (account_id, ref)
);
CREATE INDEX ON saved_card (customer_id) WHERE removed_at IS NULL;

-- One attempt to collect an amount for a basket. `phase` is the provider's word, `status` what phase and facts make.
CREATE TABLE payment (
    id               uuid PRIMARY KEY,
    reference        text NOT NULL UNIQUE,
    account_id       uuid NOT NULL REFERENCES provider_account,
    creditor_id      uuid NOT NULL REFERENCES creditor,
    customer_id      uuid NOT NULL REFERENCES customer,
    method           text NOT NULL,
    origin           text NOT NULL CHECK (origin IN ('debtor', 'autopay', 'plan', 'staff')),
    currency         char(3) NOT NULL,
    amount_minor     bigint NOT NULL CHECK (amount_minor > 0),
    basket_hash      bytea NOT NULL,
    language         char(2) NOT NULL,
    started_by       text NOT NULL,
    started_at       timestamptz NOT NULL,
    expires_at       timestamptz,
    mandate_id       uuid,
    saved_card_id    uuid REFERENCES saved_card,
    save_instrument  boolean NOT NULL DEFAULT false,
    collect_on       date,
    phase            text NOT NULL DEFAULT 'created' CHECK (phase IN ('created', 'awaiting_payer', 'processing',
                         'succeeded', 'failed', 'cancelled', 'expired')),
    unclear          boolean NOT NULL DEFAULT false,
    status           text NOT NULL DEFAULT 'created' CHECK (status IN ('created', 'unknown', 'awaiting_payer',
                         'processing', 'received', 'settled', 'failed', 'cancelled', 'expired', 'partly_refunded',
                         'refunded', 'returned', 'charged_back')),
    provider_ref     text,
    step             jsonb,
    decline          text,
    decline_code     text,
    instrument       jsonb,
    expected_on      date,
    refundable_until date,
    changed_at       timestamptz NOT NULL,
    sync_due_at      timestamptz,
    syncing_until    timestamptz,
    version          integer NOT NULL DEFAULT 0,
    UNIQUE (account_id, provider_ref)
);
CREATE INDEX ON payment (customer_id, started_at);
CREATE INDEX ON payment (creditor_id, started_at);
CREATE INDEX payment_to_sync ON payment (sync_due_at) WHERE sync_due_at IS NOT NULL;
-- A page reloaded, a button pressed twice, two tabs, fifty people: one attempt per basket.
CREATE UNIQUE INDEX payment_once ON payment (customer_id, basket_hash)
    WHERE status IN ('created', 'unknown', 'awaiting_payer', 'processing');

-- `live`: no second attempt over this item meanwhile; `holds`: its money is on its way.
CREATE TABLE payment_item (
    payment_id   uuid NOT NULL REFERENCES payment,
    item_id      uuid NOT NULL REFERENCES open_item,
    customer_id  uuid NOT NULL REFERENCES customer,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    live         boolean NOT NULL DEFAULT true,
    holds        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (payment_id, item_id)
);
CREATE UNIQUE INDEX payment_item_live ON payment_item (item_id) WHERE live;
CREATE INDEX ON payment_item (item_id);
CREATE INDEX payment_item_holds ON payment_item (customer_id) WHERE holds;

CREATE FUNCTION parts_live_with_their_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE payment_item SET live = NEW.status IN ('created', 'unknown', 'awaiting_payer', 'processing'),
                            holds = NEW.status IN ('unknown', 'processing')
    WHERE payment_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER parts_live AFTER UPDATE OF status ON payment FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION parts_live_with_their_payment();

-- What is on its way for an item, whichever way: announced transfers and payments in process.
CREATE VIEW item_in_flight WITH (security_invoker = true) AS
    SELECT item_id, customer_id, amount_minor FROM expected_payment_item WHERE waiting
    UNION ALL SELECT item_id, customer_id, amount_minor FROM payment_item WHERE holds;

-- Nobody announces a transfer of what is being paid in another window.
CREATE FUNCTION announced_is_not_being_paid() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF EXISTS (SELECT FROM fresh f JOIN payment_item p ON p.item_id = f.item_id WHERE p.live) THEN
        RAISE EXCEPTION 'a payment of this item is under way'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'payment_item_live';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER not_being_paid AFTER INSERT ON expected_payment_item REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION announced_is_not_being_paid();

-- All ids under which a provider may speak of a payment.
CREATE TABLE payment_ref (
    account_id uuid NOT NULL REFERENCES provider_account,
    ref        text NOT NULL,
    payment_id uuid NOT NULL REFERENCES payment,
    PRIMARY KEY (account_id, ref)
);
CREATE INDEX ON payment_ref (payment_id);

CREATE TABLE refund (
    id           uuid PRIMARY KEY,
    payment_id   uuid NOT NULL REFERENCES payment,
    customer_id  uuid NOT NULL REFERENCES customer,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    reason       text NOT NULL CHECK (reason <> ''),
    state        text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'approved', 'pending', 'paid', 'failed',
                                                                'refused')),
    asked_by_id  uuid NOT NULL,
    asked_by     text NOT NULL,
    asked_at     timestamptz NOT NULL,
    decided_by_id uuid,
    decided_by   text,
    decided_at   timestamptz,
    ref          text,
    error        text,
    CONSTRAINT refund_needs_two CHECK (state IN ('asked') OR
        (decided_by_id IS NOT NULL AND (state = 'refused' OR decided_by_id <> asked_by_id)))
);
CREATE INDEX ON refund (payment_id);
CREATE INDEX refund_to_decide ON refund (asked_at) WHERE state = 'asked';

-- The outbox of commands. The id is the idempotency key: a command has one effect, however often it is sent.
CREATE TABLE payment_operation (
    id           uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES provider_account,
    customer_id  uuid NOT NULL REFERENCES customer,
    payment_id   uuid REFERENCES payment,
    refund_id    uuid UNIQUE REFERENCES refund,
    set_up_id    uuid,
    kind         text NOT NULL CHECK (kind IN ('start', 'cancel', 'refund', 'set_up', 'forget')),
    request      jsonb NOT NULL DEFAULT '{}',
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'ok', 'rejected', 'unknown')),
    attempts     integer NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),
    first_sent_at timestamptz,
    created_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    error        text,
    CHECK ((kind = 'refund') = (refund_id IS NOT NULL))
);
CREATE INDEX ON payment_operation (payment_id);
CREATE INDEX payment_operation_waiting ON payment_operation (due_at, id) WHERE state IN ('pending', 'sent', 'unknown');
CREATE UNIQUE INDEX payment_operation_one_start ON payment_operation (payment_id) WHERE kind = 'start';

-- A card or a mandate to be kept with a provider, without paying.
CREATE TABLE set_up (
    id           uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES provider_account,
    customer_id  uuid NOT NULL REFERENCES customer,
    method       text NOT NULL,
    state        text NOT NULL DEFAULT 'created' CHECK (state IN ('created', 'awaiting_payer', 'done', 'failed',
                                                                  'cancelled')),
    language     char(2) NOT NULL,
    started_by   text NOT NULL,
    started_at   timestamptz NOT NULL,
    evidence     jsonb NOT NULL DEFAULT '{}',
    provider_ref text,
    step         jsonb,
    sync_due_at  timestamptz,
    syncing_until timestamptz,
    changed_at   timestamptz NOT NULL,
    UNIQUE (account_id, provider_ref)
);
CREATE INDEX ON set_up (customer_id);
CREATE INDEX set_up_to_sync ON set_up (sync_due_at) WHERE sync_due_at IS NOT NULL;
ALTER TABLE payment_operation ADD FOREIGN KEY (set_up_id) REFERENCES set_up;

-- The inbox: each event once, as it came. Interpreted later, by fetching what it is about.
CREATE TABLE provider_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  uuid NOT NULL REFERENCES provider_account,
    event_id    text NOT NULL,
    type        text NOT NULL,
    payload     bytea NOT NULL,
    received_at timestamptz NOT NULL,
    due_at      timestamptz NOT NULL DEFAULT now(),
    attempts    integer NOT NULL DEFAULT 0,
    handled_at  timestamptz,
    outcome     text,
    error       text,
    UNIQUE (account_id, event_id)
);
CREATE INDEX provider_event_waiting ON provider_event (due_at, id) WHERE handled_at IS NULL;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
