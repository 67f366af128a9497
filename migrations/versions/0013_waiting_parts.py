"""Each part of an announcement knows whether its money is still awaited."""

from alembic import op

revision = "0013_waiting_parts"
down_revision = "0012_import_uploads"


SCHEMA = """
-- A group's announcement is one customer's row; its parts belong to several. Who acts for a subsidiary alone does not
-- see the group's transfer, but must see that its own invoice is in one, or it would be announced twice.
ALTER TABLE expected_payment_item ADD COLUMN waiting boolean NOT NULL DEFAULT true;
UPDATE expected_payment_item p SET waiting = false FROM expected_payment e
    WHERE e.id = p.expected_payment_id AND (e.cancelled_at IS NOT NULL OR e.received_at IS NOT NULL);
CREATE INDEX expected_payment_item_waiting ON expected_payment_item (customer_id) WHERE waiting;

CREATE FUNCTION parts_wait_with_their_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE expected_payment_item SET waiting = NEW.cancelled_at IS NULL AND NEW.received_at IS NULL
    WHERE expected_payment_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER parts_wait AFTER UPDATE OF cancelled_at, received_at ON expected_payment
    FOR EACH ROW EXECUTE FUNCTION parts_wait_with_their_payment();
"""


def upgrade() -> None:
    op.execute(SCHEMA)
