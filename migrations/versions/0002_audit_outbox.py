"""The audit trail, sealed into a hash chain at commit; and the outbox of facts."""

from alembic import op

revision = "0002_audit_outbox"
down_revision = "0001_roles"


SCHEMA = """
CREATE TABLE audit_entry (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    actor_kind   text NOT NULL CHECK (actor_kind IN ('debtor', 'staff', 'system', 'visitor')),
    actor_id     uuid,
    actor_name   text NOT NULL,
    verb         text NOT NULL,
    subject_kind text NOT NULL,
    subject_id   text NOT NULL,
    detail       jsonb NOT NULL,
    reason       text
);
CREATE INDEX ON audit_entry (subject_kind, subject_id, id);

CREATE TABLE audit_seal (
    position bigint PRIMARY KEY CHECK (position > 0),
    entry_id bigint NOT NULL UNIQUE REFERENCES audit_entry,
    seal     bytea NOT NULL CHECK (length(seal) = 32)
);

CREATE FUNCTION audit_text(e audit_entry) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(e.id, extract(epoch FROM e.at), e.actor_kind, e.actor_id, e.actor_name,
                             e.verb, e.subject_kind, e.subject_id, e.detail, e.reason)::text
$$;

-- Sealing waits for COMMIT (deferred), so that the chain is locked for an instant and never in the middle
-- of somebody's work: seal n = sha256(seal n-1 || entry n).
CREATE FUNCTION seal_audit_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
DECLARE last audit_seal;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit_seal', 0));
    SELECT * INTO last FROM audit_seal ORDER BY position DESC LIMIT 1;
    INSERT INTO audit_seal VALUES (
        coalesce(last.position, 0) + 1, NEW.id,
        sha256(coalesce(last.seal, ''::bytea) || convert_to(audit_text(NEW), 'UTF8')));
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER seal AFTER INSERT ON audit_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION seal_audit_entry();

CREATE TABLE fact (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,
    subject_id  uuid,
    payload     jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    relayed_at  timestamptz
);
CREATE INDEX fact_waiting ON fact (id) WHERE relayed_at IS NULL;
CREATE FUNCTION announce_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY quittance_fact;
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON fact FOR EACH STATEMENT EXECUTE FUNCTION announce_fact();

-- One row per fact and handler: what was done is not done twice.
CREATE TABLE fact_receipt (
    fact_id bigint NOT NULL REFERENCES fact,
    handler text NOT NULL,
    done_at timestamptz NOT NULL,
    PRIMARY KEY (fact_id, handler)
);

GRANT INSERT ON audit_entry, fact TO quittance_portal;
GRANT SELECT, INSERT ON audit_entry, fact, fact_receipt TO quittance_backoffice;
GRANT SELECT ON audit_seal TO quittance_backoffice;
GRANT UPDATE (relayed_at) ON fact TO quittance_backoffice;
"""


def upgrade() -> None:
    op.execute(SCHEMA)
