"""Creditors with their accounts, customers, documents."""

from alembic import op

revision = "0003_parties"
down_revision = "0002_audit_outbox"


SCHEMA = """
CREATE TABLE creditor (
    id         uuid PRIMARY KEY,
    code       text NOT NULL UNIQUE CHECK (code ~ '^[A-Z0-9_-]{1,20}$'),
    name       text NOT NULL CHECK (name <> ''),
    siren      text CHECK (siren ~ '^[0-9]{9}$'),
    vat_id     text,
    address    text,
    postcode   text,
    city       text,
    country    char(2) NOT NULL DEFAULT 'FR',
    email      text,
    created_at timestamptz NOT NULL
);

-- Where money may go: the creditor's own accounts, and accounts of factors. An account that only a file
-- named stays unconfirmed, and no debtor is ever shown it.
CREATE TABLE bank_account (
    id           uuid PRIMARY KEY,
    creditor_id  uuid NOT NULL REFERENCES creditor,
    holder_kind  text NOT NULL CHECK (holder_kind IN ('creditor', 'factor')),
    holder_name  text NOT NULL CHECK (holder_name <> ''),
    iban         text NOT NULL CHECK (iban ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}$'),
    bic          text CHECK (bic ~ '^[A-Z0-9]{8}([A-Z0-9]{3})?$'),
    currency     char(3) NOT NULL DEFAULT 'EUR',
    receives     boolean NOT NULL DEFAULT false,
    confirmed_at timestamptz,
    created_at   timestamptz NOT NULL,
    UNIQUE (creditor_id, iban),
    CHECK (NOT receives OR (holder_kind = 'creditor' AND confirmed_at IS NOT NULL))
);
CREATE UNIQUE INDEX bank_account_own_iban ON bank_account (iban) WHERE holder_kind = 'creditor';
-- One account per creditor and currency is the one debtors are asked to pay to.
CREATE UNIQUE INDEX bank_account_receiving ON bank_account (creditor_id, currency) WHERE receives;

CREATE TABLE customer (
    id                 uuid PRIMARY KEY,
    ref                text NOT NULL UNIQUE CHECK (ref <> ''),
    name               text NOT NULL CHECK (name <> ''),
    search_key         text NOT NULL,
    kind               text NOT NULL DEFAULT 'business' CHECK (kind IN ('business', 'public', 'consumer')),
    siren              text,
    vat_id             text,
    country            char(2) NOT NULL DEFAULT 'FR',
    language           char(2) NOT NULL DEFAULT 'fr',
    email              text,
    phone              text,
    address            text,
    postcode           text,
    city               text,
    segment            text,
    sales_owner        text,
    group_code         text,
    credit_limit_minor bigint CHECK (credit_limit_minor >= 0),
    currency           char(3) NOT NULL DEFAULT 'EUR',
    payment_terms      text NOT NULL DEFAULT '30 net',
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL
);
CREATE INDEX ON customer (group_code) WHERE group_code IS NOT NULL;
CREATE INDEX ON customer (search_key text_pattern_ops);

-- Accounts a customer is known to pay from. One account may pay for several customers.
CREATE TABLE customer_iban (
    customer_id uuid NOT NULL REFERENCES customer,
    iban        text NOT NULL,
    source      text NOT NULL CHECK (source IN ('file', 'confirmed')),
    since       timestamptz NOT NULL,
    PRIMARY KEY (iban, customer_id)
);

CREATE TABLE document_content (
    sha256 bytea PRIMARY KEY CHECK (length(sha256) = 32),
    bytes  bytea NOT NULL
);
ALTER TABLE document_content ALTER COLUMN bytes SET STORAGE EXTERNAL;  -- PDFs are compressed already
CREATE TABLE document (
    id          uuid PRIMARY KEY,
    customer_id uuid REFERENCES customer,
    sha256      bytea NOT NULL REFERENCES document_content,
    name        text NOT NULL,
    media_type  text NOT NULL,
    size_bytes  bigint NOT NULL CHECK (size_bytes > 0),
    created_at  timestamptz NOT NULL
);
CREATE INDEX ON document (sha256);

CALL guard('customer', 'id = ANY ((SELECT scope_customers())::uuid[])');
CALL guard_by_customer('customer_iban');
CALL guard_by_customer('document');
-- Bytes are visible through a visible document: the sub-query obeys the policy on `document`.
CALL guard('document_content', 'EXISTS (SELECT FROM document d WHERE d.sha256 = document_content.sha256)');

GRANT SELECT ON creditor, customer, document, document_content TO quittance_portal;
GRANT SELECT ON bank_account TO quittance_portal;
ALTER TABLE bank_account ENABLE ROW LEVEL SECURITY;
CREATE POLICY backoffice ON bank_account TO quittance_backoffice USING (true) WITH CHECK (true);
CREATE POLICY portal ON bank_account FOR SELECT TO quittance_portal USING (confirmed_at IS NOT NULL);

GRANT SELECT, INSERT ON creditor, bank_account, customer, customer_iban, document, document_content
    TO quittance_backoffice;
GRANT UPDATE (name, siren, vat_id, address, postcode, city, email) ON creditor TO quittance_backoffice;
GRANT UPDATE (name, search_key, kind, siren, vat_id, country, language, email, phone, address, postcode,
              city, segment, sales_owner, group_code, credit_limit_minor, currency, payment_terms, updated_at)
    ON customer TO quittance_backoffice;
GRANT DELETE ON customer_iban TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
