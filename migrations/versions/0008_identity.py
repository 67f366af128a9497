"""People: staff with password and second factor, debtors' people with mail links; sessions; rate limits."""

from alembic import op

revision = "0008_identity"
down_revision = "0007_payments"


SCHEMA = """
CREATE TABLE staff_user (
    id            uuid PRIMARY KEY,
    email         text NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '%_@_%'),
    name          text NOT NULL,
    role          text NOT NULL CHECK (role IN ('finance', 'credit_manager', 'collector',
                                       'sales_administration', 'sales', 'board', 'administrator')),
    language      char(2) NOT NULL DEFAULT 'fr',
    password_hash text,
    totp_secret   bytea,              -- encrypted with the installation's secret
    totp_last     bigint,             -- the last time step accepted: a code works once
    active        boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL
);
CREATE TABLE debtor_user (
    id         uuid PRIMARY KEY,
    email      text NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '%_@_%'),
    name       text NOT NULL,
    language   char(2) NOT NULL DEFAULT 'fr',
    active     boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL
);
CREATE TABLE debtor_access (
    user_id     uuid NOT NULL REFERENCES debtor_user,
    customer_id uuid NOT NULL REFERENCES customer,
    granted_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, customer_id)
);
-- A link in a mail: works once, for one purpose, until it expires or is revoked. Only its hash is kept.
CREATE TABLE login_link (
    secret_hash text PRIMARY KEY,
    audience    text NOT NULL CHECK (audience IN ('portal', 'backoffice')),
    purpose     text NOT NULL CHECK (purpose IN ('sign_in', 'set_password')),
    user_id     uuid NOT NULL,
    next_path   text NOT NULL DEFAULT '/',
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    revoked_at  timestamptz
);
CREATE INDEX ON login_link (user_id);
CREATE TABLE web_session (
    secret_hash  text PRIMARY KEY,
    audience     text NOT NULL CHECK (audience IN ('portal', 'backoffice')),
    user_id      uuid NOT NULL,
    step         text NOT NULL CHECK (step IN ('password', 'complete')),
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    user_agent   text
);
CREATE INDEX ON web_session (user_id);
-- Fixed windows, shared by all web processes. Lost in a crash without harm.
CREATE UNLOGGED TABLE rate_window (
    key        text PRIMARY KEY,
    count      integer NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX ON rate_window (expires_at);

-- The portal's role sees one link or session: the one whose secret the visitor presents; and its own person.
CALL guard('login_link', $$audience = 'portal' AND secret_hash = (SELECT scope_presenting())$$);
CALL guard('web_session', $$audience = 'portal' AND secret_hash = (SELECT scope_presenting())$$);
CALL guard('debtor_user', $$id = (SELECT scope_user())$$);
CALL guard('debtor_access', $$user_id = (SELECT scope_user())$$);
GRANT SELECT ON login_link, web_session, debtor_user, debtor_access TO quittance_portal;
GRANT UPDATE (used_at) ON login_link TO quittance_portal;
GRANT INSERT ON web_session TO quittance_portal;
GRANT UPDATE (last_seen_at, revoked_at) ON web_session TO quittance_portal;
GRANT UPDATE (language) ON debtor_user TO quittance_portal;
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_window TO quittance_portal, quittance_backoffice;

GRANT SELECT, INSERT ON staff_user, debtor_user, debtor_access, login_link, web_session TO quittance_backoffice;
GRANT UPDATE (name, role, language, password_hash, totp_secret, totp_last, active) ON staff_user
    TO quittance_backoffice;
GRANT UPDATE (name, language, active) ON debtor_user TO quittance_backoffice;
GRANT DELETE ON debtor_access TO quittance_backoffice;
GRANT UPDATE (used_at, revoked_at) ON login_link TO quittance_backoffice;
GRANT UPDATE (step, last_seen_at, revoked_at) ON web_session TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
