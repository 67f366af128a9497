"""Invoices and credit notes as documents: what the open item does not need to know."""

from alembic import op

revision = "0005_invoices"
down_revision = "0004_ledger"


SCHEMA = """
-- The invoice and its open item share one id: the item is what is owed, this is the paper.
CREATE TABLE invoice (
    id                uuid PRIMARY KEY REFERENCES open_item,
    customer_id       uuid NOT NULL REFERENCES customer,
    type_code         text NOT NULL,
    total_excl_minor  bigint,
    vat               jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(vat) = 'array'),
    order_ref         text,
    payment_reference text,
    preceding_number  text,
    factored          boolean NOT NULL DEFAULT false,
    document_id       uuid REFERENCES document,
    source_format     text NOT NULL
);
CREATE INDEX ON invoice (document_id) WHERE document_id IS NOT NULL;
COMMENT ON COLUMN invoice.vat IS '[{"rate": "20", "base_minor": 100000, "vat_minor": 20000, "category": "S"}]';

CALL guard_by_customer('invoice');
GRANT SELECT ON invoice TO quittance_portal;
GRANT SELECT, INSERT ON invoice TO quittance_backoffice;
GRANT UPDATE (order_ref, payment_reference, document_id, factored) ON invoice TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
