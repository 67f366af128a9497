"""Instalment plans: the limits finance sets, what a debtor agreed to, its invoices and its parts."""

from alembic import op

revision = "0024_plans"
down_revision = "0023_autopay"


SCHEMA = """
CREATE SEQUENCE plan_serial;

-- What a creditor accepts without being asked. Nobody set anything: no plans.
CREATE TABLE plan_policy (
    creditor_id        uuid PRIMARY KEY REFERENCES creditor,
    enabled            boolean NOT NULL,
    max_months         integer NOT NULL CHECK (max_months BETWEEN 1 AND 24),
    first_part_percent integer NOT NULL CHECK (first_part_percent BETWEEN 0 AND 90),
    max_total_minor    bigint NOT NULL CHECK (max_total_minor > 0),
    currency           char(3) NOT NULL,
    min_days_late      integer NOT NULL CHECK (min_days_late BETWEEN 0 AND 365),
    needs_instrument   boolean NOT NULL,
    grace_days         integer NOT NULL CHECK (grace_days BETWEEN 0 AND 30),
    changed_by         text NOT NULL,
    changed_at         timestamptz NOT NULL
);

CREATE TABLE plan (
    id              uuid PRIMARY KEY,
    reference       text NOT NULL UNIQUE,
    customer_id     uuid NOT NULL REFERENCES customer,
    creditor_id     uuid NOT NULL REFERENCES creditor,
    currency        char(3) NOT NULL,
    total_minor     bigint NOT NULL CHECK (total_minor > 0),
    mandate_id      uuid REFERENCES mandate,
    saved_card_id   uuid REFERENCES saved_card,
    grace_days      integer NOT NULL,
    language        char(2) NOT NULL,
    agreement       text NOT NULL CHECK (agreement <> ''),
    evidence        jsonb NOT NULL,
    user_id         uuid NOT NULL,
    proposed_by     text NOT NULL,
    proposed_at     timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('proposed', 'active', 'refused', 'finished', 'broken', 'cancelled')),
    beyond          text,
    decided_by      text,
    decided_at      timestamptz,
    reason          text,
    ended_at        timestamptz,
    CHECK (num_nonnulls(mandate_id, saved_card_id) <= 1),
    CHECK (state <> 'proposed' OR beyond IS NOT NULL),
    CHECK (state IN ('proposed', 'active') OR ended_at IS NOT NULL)
);
CREATE INDEX ON plan (customer_id, proposed_at);
CREATE INDEX plan_living ON plan (state, proposed_at) WHERE state IN ('proposed', 'active');

-- What is paid by the plan, as much as was open then. `live`: in no second plan meanwhile.
CREATE TABLE plan_item (
    plan_id      uuid NOT NULL REFERENCES plan,
    item_id      uuid NOT NULL REFERENCES open_item,
    customer_id  uuid NOT NULL REFERENCES customer,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    live         boolean NOT NULL DEFAULT true,
    PRIMARY KEY (plan_id, item_id)
);
CREATE UNIQUE INDEX plan_item_live ON plan_item (item_id) WHERE live;
CREATE INDEX ON plan_item (customer_id) WHERE live;

-- `tried_at`: its day came and it was collected, asked for, or found paid; with what is on file, `payment_id`.
CREATE TABLE plan_part (
    plan_id      uuid NOT NULL REFERENCES plan,
    number       integer NOT NULL CHECK (number BETWEEN 1 AND 25),
    customer_id  uuid NOT NULL REFERENCES customer,
    due_on       date NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    tried_at     timestamptz,
    payment_id   uuid UNIQUE REFERENCES payment,
    failed_on    date,
    PRIMARY KEY (plan_id, number),
    UNIQUE (plan_id, due_on)
);
CREATE INDEX plan_part_waiting ON plan_part (due_on) WHERE tried_at IS NULL;

CREATE FUNCTION plan_items_live_with_their_plan() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE plan_item SET live = NEW.state IN ('proposed', 'active') WHERE plan_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER items_live AFTER UPDATE OF state ON plan FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION plan_items_live_with_their_plan();

-- At COMMIT: the parts make the total, the items make the total, and later parts fall on later days.
CREATE FUNCTION plan_adds_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF (SELECT sum(amount_minor) FROM plan_part WHERE plan_id = NEW.id) IS DISTINCT FROM NEW.total_minor
       OR (SELECT sum(amount_minor) FROM plan_item WHERE plan_id = NEW.id) IS DISTINCT FROM NEW.total_minor
       OR EXISTS (SELECT FROM plan_part a JOIN plan_part b ON b.plan_id = a.plan_id AND b.number > a.number
                  WHERE a.plan_id = NEW.id AND b.due_on <= a.due_on)
       OR EXISTS (SELECT FROM plan_item p JOIN open_item i ON i.id = p.item_id WHERE p.plan_id = NEW.id
                  AND (i.creditor_id, i.customer_id, i.currency) <> (NEW.creditor_id, NEW.customer_id, NEW.currency))
    THEN
        RAISE EXCEPTION 'plan % does not add up', NEW.reference
            USING ERRCODE = 'check_violation', CONSTRAINT = 'plan_adds_up';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER adds_up AFTER INSERT ON plan DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION plan_adds_up();

-- What is in a plan is collected by its parts alone.
CREATE OR REPLACE VIEW item_held_back WITH (security_invoker = true) AS
    SELECT i.item_id, i.customer_id, 'charged_back'::text AS reason
    FROM payment_item i JOIN payment p ON p.id = i.payment_id WHERE p.status = 'charged_back'
    UNION ALL SELECT item_id, customer_id, 'plan' FROM plan_item WHERE live;

CALL guard('plan_policy', 'enabled');
CALL guard_by_customer('plan');
-- Accepted at once only where the creditor accepts plans, up to its highest total; all else waits for a person.
ALTER POLICY portal ON plan WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[]) AND decided_at IS NULL AND ended_at IS NULL
    AND (state = 'proposed' OR (state = 'active' AND EXISTS (
         SELECT FROM plan_policy p WHERE p.creditor_id = plan.creditor_id AND p.enabled
         AND p.currency = plan.currency AND plan.total_minor <= p.max_total_minor))));
CALL guard_by_customer('plan_item');
ALTER POLICY portal ON plan_item WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[])
    AND EXISTS (SELECT FROM plan p WHERE p.id = plan_id AND p.customer_id = plan_item.customer_id)
    AND EXISTS (SELECT FROM open_item i WHERE i.id = item_id AND i.customer_id = plan_item.customer_id));
CALL guard_by_customer('plan_part');
ALTER POLICY portal ON plan_part WITH CHECK (
    customer_id = ANY ((SELECT scope_customers())::uuid[])
    AND EXISTS (SELECT FROM plan p WHERE p.id = plan_id AND p.customer_id = plan_part.customer_id));

GRANT SELECT ON plan_policy, plan, plan_item, plan_part TO quittance_portal;
GRANT INSERT ON plan TO quittance_portal;
GRANT INSERT (plan_id, item_id, customer_id, amount_minor) ON plan_item TO quittance_portal;
GRANT INSERT (plan_id, number, customer_id, due_on, amount_minor) ON plan_part TO quittance_portal;
GRANT SELECT, INSERT ON plan_policy, plan, plan_item, plan_part TO quittance_backoffice;
GRANT UPDATE ON plan_policy TO quittance_backoffice;
GRANT UPDATE (state, decided_by, decided_at, reason, ended_at) ON plan TO quittance_backoffice;
GRANT UPDATE (tried_at, payment_id, failed_on) ON plan_part TO quittance_backoffice;
GRANT USAGE ON SEQUENCE plan_serial TO quittance_portal, quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
