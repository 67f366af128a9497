"""References of the tables that grow by the hundred thousand are checked once per statement, not once per row.

A foreign key asks for each row by itself: 7 of the 17 seconds of a 100,000-invoice import. These triggers ask for all
rows of a statement at once. What they refer to can never be removed or renumbered, which closes the other side.
"""

from alembic import op

revision = "0014_set_references"
down_revision = "0013_waiting_parts"

SCHEMA = """
ALTER TABLE open_item DROP CONSTRAINT open_item_creditor_id_fkey, DROP CONSTRAINT open_item_customer_id_fkey;
CREATE FUNCTION items_refer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT creditor_id FROM fresh) f
               WHERE NOT EXISTS (SELECT FROM creditor c WHERE c.id = f.creditor_id))
       OR EXISTS (SELECT FROM (SELECT DISTINCT customer_id FROM fresh) f
                  WHERE NOT EXISTS (SELECT FROM customer c WHERE c.id = f.customer_id)) THEN
        RAISE EXCEPTION 'an open item belongs to a creditor and a customer that exist'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'open_item_refers';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refers AFTER INSERT ON open_item REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION items_refer();

-- Stronger than the two keys it replaces: the paper and its item are of the same customer.
ALTER TABLE invoice DROP CONSTRAINT invoice_id_fkey, DROP CONSTRAINT invoice_customer_id_fkey;
CREATE FUNCTION invoices_refer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF EXISTS (SELECT FROM fresh f WHERE NOT EXISTS (
            SELECT FROM open_item i WHERE i.id = f.id AND i.customer_id = f.customer_id)) THEN
        RAISE EXCEPTION 'an invoice has an open item of the same customer'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refers AFTER INSERT ON invoice REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_refer();

ALTER TABLE journal_line DROP CONSTRAINT journal_line_entry_id_fkey, DROP CONSTRAINT journal_line_customer_id_fkey;
CREATE OR REPLACE FUNCTION lines_come_with_their_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT entry_id FROM fresh) f WHERE NOT EXISTS (
            SELECT FROM journal_entry e WHERE e.id = f.entry_id AND e.posted_by = pg_current_xact_id())) THEN
        RAISE EXCEPTION 'a posted journal entry takes no further lines'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_entry_closed';
    END IF;
    IF EXISTS (SELECT FROM (SELECT DISTINCT customer_id FROM fresh WHERE customer_id IS NOT NULL) f
               WHERE NOT EXISTS (SELECT FROM customer c WHERE c.id = f.customer_id)) THEN
        RAISE EXCEPTION 'a journal line belongs to a customer that exists'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'journal_line_refers';
    END IF;
    RETURN NULL;
END $$;

-- The other side of the references: books only grow, whoever asks.
CREATE FUNCTION books_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never removed or renumbered', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'books_only_grow';
END $$;
CREATE TRIGGER grows BEFORE DELETE OR UPDATE OF id ON creditor
    FOR EACH STATEMENT EXECUTE FUNCTION books_only_grow();
CREATE TRIGGER grows BEFORE DELETE OR UPDATE OF id ON customer
    FOR EACH STATEMENT EXECUTE FUNCTION books_only_grow();
CREATE TRIGGER grows BEFORE DELETE OR UPDATE OF id, customer_id ON open_item
    FOR EACH STATEMENT EXECUTE FUNCTION books_only_grow();
CREATE TRIGGER grows BEFORE DELETE OR UPDATE OF id ON journal_entry
    FOR EACH STATEMENT EXECUTE FUNCTION books_only_grow();
"""


def upgrade() -> None:
    op.execute(SCHEMA)
