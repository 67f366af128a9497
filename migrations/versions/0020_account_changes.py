"""A change of the account debtors pay to: asked by one person, approved by another, in force after a wait."""

from alembic import op

revision = "0020_account_changes"
down_revision = "0019_mandates"

SCHEMA = """
-- Whether the clock may be moved here (QUITTANCE_NOW): outside production only. `quittance migrate` says it, as
-- the owner. In production, what must wait waits by the database's own clock, whatever a program claims.
CREATE FUNCTION clock_may_move() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT false';
CREATE FUNCTION business_instant(told timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT CASE WHEN clock_may_move() THEN told ELSE now() END';

ALTER TABLE creditor ADD COLUMN account_change_days smallint NOT NULL DEFAULT 3
    CHECK (account_change_days BETWEEN 1 AND 30);
GRANT UPDATE (account_change_days) ON creditor TO quittance_backoffice;
-- An account that receives no more leads to the one in its place: invoices that name it are paid there.
ALTER TABLE bank_account ADD COLUMN replaced_by_id uuid REFERENCES bank_account;

CREATE TABLE account_change (
    id               uuid PRIMARY KEY,
    creditor_id      uuid NOT NULL REFERENCES creditor,
    account_id       uuid NOT NULL REFERENCES bank_account,
    kind             text NOT NULL CHECK (kind IN ('receive', 'confirm', 'correct')),
    currency         char(3) NOT NULL,
    iban             text NOT NULL,
    holder_kind      text NOT NULL CHECK (holder_kind IN ('creditor', 'factor')),
    holder_name      text NOT NULL CHECK (btrim(holder_name) <> ''),
    bic              text CHECK (bic ~ '^[A-Z0-9]{8}([A-Z0-9]{3})?$'),
    old_account_id   uuid REFERENCES bank_account,
    old_iban         text,
    old_holder_name  text,
    old_bic          text,
    reason           text NOT NULL CHECK (btrim(reason) <> ''),
    source           text NOT NULL CHECK (btrim(source) <> ''),
    call_back        text,
    asked_by         uuid REFERENCES staff_user,
    asked_by_name    text NOT NULL,
    asked_at         timestamptz NOT NULL,
    approved_by      uuid REFERENCES staff_user,
    approved_by_name text,
    approved_at      timestamptz,
    due_at           timestamptz,
    ended            text CHECK (ended IN ('cancelled', 'refused')),
    ended_by         uuid REFERENCES staff_user,
    ended_by_name    text,
    ended_at         timestamptz,
    ended_reason     text CHECK (btrim(ended_reason) <> ''),
    in_force_at      timestamptz,
    old_end          text GENERATED ALWAYS AS (right(old_iban, 4)) STORED,
    new_end          text GENERATED ALWAYS AS (right(iban, 4)) STORED,
    CHECK (kind <> 'receive' OR holder_kind = 'creditor'),
    CONSTRAINT account_change_two_people CHECK (approved_by <> asked_by),
    CONSTRAINT account_change_approved_by_somebody CHECK (
        num_nulls(approved_by, approved_by_name, approved_at, due_at) IN (0, 4)),
    CONSTRAINT account_change_called_back CHECK (approved_at IS NULL OR btrim(coalesce(call_back, '')) <> ''),
    CONSTRAINT account_change_waits CHECK (due_at >= approved_at + interval '24 hours'),
    CHECK (num_nulls(ended, ended_by_name, ended_at, ended_reason) IN (0, 4)),
    CHECK (ended <> 'refused' OR approved_at IS NULL),
    CHECK (in_force_at IS NULL OR (in_force_at >= due_at AND due_at IS NOT NULL AND ended IS NULL))
);
CREATE INDEX ON account_change (creditor_id, asked_at);
CREATE INDEX account_change_due ON account_change (due_at) WHERE in_force_at IS NULL AND ended IS NULL;
CREATE UNIQUE INDEX account_change_one_per_account ON account_change (account_id)
    WHERE in_force_at IS NULL AND ended IS NULL;
CREATE UNIQUE INDEX account_change_one_switch ON account_change (creditor_id, currency)
    WHERE in_force_at IS NULL AND ended IS NULL AND kind = 'receive';

-- Each step is taken once and never taken back. Who takes it is the transaction's person, and when is by the clock
-- above: what the statement says of either counts for nothing.
CREATE FUNCTION account_change_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.asked_by := scope_user();
        NEW.asked_at := business_instant(NEW.asked_at);
        RETURN NEW;
    END IF;
    IF OLD.ended IS NOT NULL OR OLD.in_force_at IS NOT NULL
       OR (OLD.call_back IS NOT NULL AND NEW.call_back IS DISTINCT FROM OLD.call_back)
       OR (OLD.approved_at IS NOT NULL
           AND (NEW.approved_by, NEW.approved_by_name, NEW.approved_at, NEW.due_at)
               IS DISTINCT FROM (OLD.approved_by, OLD.approved_by_name, OLD.approved_at, OLD.due_at)) THEN
        RAISE EXCEPTION 'this step of account change % was taken already', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_change_moved_on';
    END IF;
    IF OLD.approved_at IS NULL AND NEW.approved_at IS NOT NULL THEN
        NEW.approved_by := (SELECT id FROM staff_user WHERE id = scope_user() AND active);
        NEW.approved_at := business_instant(NEW.approved_at);
        NEW.due_at := greatest(NEW.due_at, NEW.approved_at + interval '24 hours');
    END IF;
    IF NEW.ended IS NOT NULL THEN
        NEW.ended_by := scope_user();
        NEW.ended_at := business_instant(NEW.ended_at);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER moves BEFORE INSERT OR UPDATE ON account_change
    FOR EACH ROW EXECUTE FUNCTION account_change_moves();

-- Accounts begin unconfirmed. Confirmed at once is what there is nothing to protect behind: an account of a
-- creditor who has sold nothing yet, and the first one that receives a currency.
CREATE FUNCTION creditor_has_debtors(creditor uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM open_item WHERE creditor_id = creditor AND kind IN ('invoice', 'credit_note'))
$$;
CREATE FUNCTION account_begins() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF NEW.replaced_by_id IS NOT NULL OR (
        NEW.confirmed_at IS NOT NULL AND creditor_has_debtors(NEW.creditor_id)
        AND NOT (NEW.receives AND NOT EXISTS (
            SELECT FROM bank_account b
            WHERE b.creditor_id = NEW.creditor_id AND b.currency = NEW.currency AND b.receives)))
    THEN
        RAISE EXCEPTION 'a further account is confirmed by two people'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_account_two_people';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER begins BEFORE INSERT ON bank_account FOR EACH ROW EXECUTE FUNCTION account_begins();
REVOKE UPDATE (holder_kind, holder_name, bic, currency, receives, confirmed_at) ON bank_account
    FROM quittance_backoffice;

-- The first account that receives a currency may be one that a file named before.
CREATE FUNCTION receive_first(account uuid, holder text, holder_bic text, told timestamptz) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE bank_account a SET holder_kind = 'creditor', holder_name = holder, bic = holder_bic, receives = true,
        confirmed_at = business_instant(told)
    WHERE a.id = account AND a.confirmed_at IS NULL AND NOT EXISTS (
        SELECT FROM bank_account b
        WHERE b.creditor_id = a.creditor_id AND b.currency = a.currency AND b.receives);
    RETURN FOUND;
END $$;

-- The only way to change what debtors are shown: approved by a second person, and due. Answers whether it was
-- this call that did it.
CREATE FUNCTION put_account_change_in_force(change uuid, told timestamptz) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE c account_change; moment timestamptz := business_instant(told);
BEGIN
    SELECT * INTO c FROM account_change WHERE id = change FOR UPDATE;
    IF c.id IS NULL OR c.in_force_at IS NOT NULL OR c.ended IS NOT NULL THEN
        RETURN false;
    END IF;
    IF c.approved_by IS NULL OR c.approved_by = c.asked_by OR c.due_at > moment THEN
        RAISE EXCEPTION 'account change % is not approved, or not due', change
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_change_not_due';
    END IF;
    IF c.kind = 'receive' THEN
        UPDATE bank_account SET receives = false, replaced_by_id = c.account_id
        WHERE creditor_id = c.creditor_id AND currency = c.currency AND receives AND id <> c.account_id;
        UPDATE bank_account SET replaced_by_id = c.account_id WHERE replaced_by_id = c.old_account_id;
    END IF;
    UPDATE bank_account SET holder_kind = c.holder_kind, holder_name = c.holder_name, bic = c.bic,
        confirmed_at = coalesce(confirmed_at, moment), receives = receives OR c.kind = 'receive',
        replaced_by_id = CASE WHEN c.kind <> 'receive' THEN replaced_by_id END
    WHERE id = c.account_id;
    UPDATE account_change SET in_force_at = moment WHERE id = change;
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION receive_first, put_account_change_in_force FROM PUBLIC;
GRANT EXECUTE ON FUNCTION receive_first, put_account_change_in_force TO quittance_backoffice;

-- A debtor learns of what concerns them, once it is approved: a factor's account only who owes to it. The full
-- numbers are not theirs before the day.
CALL guard('account_change', $$approved_at IS NOT NULL AND ended IS NULL AND EXISTS (
    SELECT FROM open_item i
    WHERE i.customer_id = ANY ((SELECT scope_customers())::uuid[]) AND i.creditor_id = account_change.creditor_id
      AND i.currency = account_change.currency
      AND (holder_kind = 'creditor' AND kind <> 'confirm' OR i.payee_account_id = account_id))$$);
GRANT SELECT (id, creditor_id, account_id, kind, currency, holder_kind, approved_at, due_at, ended, in_force_at,
              old_end, new_end) ON account_change TO quittance_portal;
GRANT SELECT, INSERT (id, creditor_id, account_id, kind, currency, iban, holder_kind, holder_name, bic,
                      old_account_id, old_iban, old_holder_name, old_bic, reason, source, call_back,
                      asked_by_name, asked_at) ON account_change TO quittance_backoffice;
GRANT UPDATE (call_back, approved_by_name, approved_at, due_at, ended, ended_by_name, ended_at, ended_reason)
    ON account_change TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
