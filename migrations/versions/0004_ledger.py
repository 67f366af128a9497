"""The ledger: open items, allocations, the journal. Books only grow; the database keeps each promise."""

from alembic import op

revision = "0004_ledger"
down_revision = "0003_parties"


SCHEMA = """
-- Something a customer owes (+) or is owed (-). `open_minor` is what its allocations leave of it: kept by a
-- trigger, writable by nobody, and between zero and the amount whatever happens.
CREATE TABLE open_item (
    id               uuid PRIMARY KEY,
    creditor_id      uuid NOT NULL REFERENCES creditor,
    customer_id      uuid NOT NULL REFERENCES customer,
    kind             text NOT NULL CHECK (kind IN ('invoice', 'credit_note', 'receipt', 'receipt_undone')),
    number           text NOT NULL CHECK (number <> ''),
    number_key       text NOT NULL,
    currency         char(3) NOT NULL,
    amount_minor     bigint NOT NULL CHECK (amount_minor <> 0),
    open_minor       bigint NOT NULL,
    issued_on        date NOT NULL,
    due_on           date NOT NULL,
    payee_account_id uuid REFERENCES bank_account,
    created_at       timestamptz NOT NULL,
    CONSTRAINT open_item_sign CHECK ((kind IN ('invoice', 'receipt_undone')) = (amount_minor > 0)),
    CONSTRAINT open_item_not_over_allocated CHECK (
        CASE WHEN amount_minor > 0 THEN open_minor BETWEEN 0 AND amount_minor
             ELSE open_minor BETWEEN amount_minor AND 0 END)
);
CREATE INDEX open_item_open ON open_item (customer_id, due_on, id) WHERE open_minor <> 0;
CREATE INDEX open_item_by_customer ON open_item (customer_id, issued_on, id);
CREATE INDEX open_item_by_number ON open_item (number_key);
CREATE UNIQUE INDEX open_item_document_number ON open_item (creditor_id, number)
    WHERE kind IN ('invoice', 'credit_note');

-- What happened, balanced. `posted_by` is the transaction: an entry is written whole or not at all.
CREATE TABLE journal_entry (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    creditor_id uuid NOT NULL REFERENCES creditor,
    journal     text NOT NULL CHECK (journal IN ('VT', 'BQ', 'OD', 'AN')),
    event       text NOT NULL,
    booked_on   date NOT NULL,
    currency    char(3) NOT NULL,
    label       text NOT NULL,
    document    text NOT NULL DEFAULT '',
    posted_at   timestamptz NOT NULL,
    posted_by   xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX ON journal_entry (creditor_id, journal, booked_on);
CREATE TABLE journal_line (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry_id     bigint NOT NULL REFERENCES journal_entry,
    account      text NOT NULL CHECK (account ~ '^[0-9A-Z]{3,12}$'),
    customer_id  uuid REFERENCES customer,
    item_id      uuid,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    CHECK (account NOT LIKE '411%' OR (customer_id IS NOT NULL AND item_id IS NOT NULL))
);
CREATE INDEX ON journal_line (entry_id);
CREATE INDEX ON journal_line (item_id) WHERE item_id IS NOT NULL;

CREATE FUNCTION entry_balances() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
DECLARE lines bigint; total numeric;
BEGIN
    SELECT count(*), sum(amount_minor) INTO lines, total FROM journal_line WHERE entry_id = NEW.id;
    IF lines < 2 OR total <> 0 THEN
        RAISE EXCEPTION 'journal entry % has % lines and a balance of %', NEW.id, lines, total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_entry_balances';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER balances AFTER INSERT ON journal_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION entry_balances();

CREATE FUNCTION lines_come_with_their_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT entry_id FROM fresh) f JOIN journal_entry e ON e.id = f.entry_id
               WHERE e.posted_by <> pg_current_xact_id()) THEN
        RAISE EXCEPTION 'a posted journal entry takes no further lines'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_entry_closed';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER closed AFTER INSERT ON journal_line REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION lines_come_with_their_entry();

-- Links a credit (-) to a debit (+) of the same customer, creditor and currency. Undoing adds the opposite.
CREATE TABLE allocation (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id    uuid NOT NULL REFERENCES customer,
    credit_item_id uuid NOT NULL REFERENCES open_item,
    debit_item_id  uuid NOT NULL REFERENCES open_item,
    amount_minor   bigint NOT NULL CHECK (amount_minor <> 0),
    allocated_on   date NOT NULL,
    reverses_id    bigint UNIQUE REFERENCES allocation,
    match_id       uuid,
    reason         text NOT NULL,
    created_at     timestamptz NOT NULL,
    CHECK ((reverses_id IS NOT NULL) = (amount_minor < 0))
);
CREATE INDEX ON allocation (credit_item_id);
CREATE INDEX ON allocation (debit_item_id);
CREATE INDEX ON allocation (match_id) WHERE match_id IS NOT NULL;

CREATE FUNCTION allocations_move_items() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    -- Lock the items in one order, so that two allocations wait for each other instead of failing.
    PERFORM FROM open_item
        WHERE id IN (SELECT credit_item_id FROM fresh UNION SELECT debit_item_id FROM fresh)
        ORDER BY id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM fresh f JOIN open_item c ON c.id = f.credit_item_id
                                   JOIN open_item d ON d.id = f.debit_item_id
               WHERE c.amount_minor > 0 OR d.amount_minor < 0 OR f.customer_id <> c.customer_id
                  OR (c.customer_id, c.creditor_id, c.currency)
                     IS DISTINCT FROM (d.customer_id, d.creditor_id, d.currency)) THEN
        RAISE EXCEPTION 'an allocation links a credit to a debit of one customer, creditor and currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_fits';
    END IF;
    IF EXISTS (SELECT FROM fresh f JOIN allocation o ON o.id = f.reverses_id
               WHERE (o.credit_item_id, o.debit_item_id, o.amount_minor, o.reverses_id IS NULL)
                     IS DISTINCT FROM (f.credit_item_id, f.debit_item_id, -f.amount_minor, true)) THEN
        RAISE EXCEPTION 'a reversal undoes exactly one allocation'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_reversal_fits';
    END IF;
    UPDATE open_item i SET open_minor = i.open_minor + moved.by_minor
    FROM (SELECT item_id, sum(by_minor) AS by_minor
          FROM (SELECT credit_item_id AS item_id, amount_minor AS by_minor FROM fresh
                UNION ALL SELECT debit_item_id, -amount_minor FROM fresh) both_sides
          GROUP BY item_id) moved
    WHERE i.id = moved.item_id;
    RETURN NULL;
END $$;
CREATE TRIGGER moves AFTER INSERT ON allocation REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_move_items();

-- An item starts whole; only allocations may open or close it.
CREATE FUNCTION item_starts_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fresh WHERE open_minor <> amount_minor) THEN
        RAISE EXCEPTION 'an open item starts with its whole amount open'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'open_item_starts_whole';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER whole AFTER INSERT ON open_item REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION item_starts_whole();

CALL guard_by_customer('open_item');
CALL guard_by_customer('allocation');
GRANT SELECT ON open_item, allocation TO quittance_portal;
GRANT SELECT, INSERT ON open_item, allocation, journal_entry, journal_line TO quittance_backoffice;
GRANT UPDATE (due_on, payee_account_id) ON open_item TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
