"""Three roles: the owner (who migrates), the portal's and the back office's; and the portal's scope."""

from alembic import op

revision = "0001_roles"
down_revision = None


def upgrade() -> None:
    # Roles belong to the whole server: another installation may have made them already.
    for role in ("quittance_portal", "quittance_backoffice"):
        op.execute(f"""
        DO $$ BEGIN
            CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$""")
        op.execute(f"""
        DO $$ BEGIN
            EXECUTE format('GRANT {role} TO %I', current_user);
        EXCEPTION WHEN OTHERS THEN NULL;  -- a superuser steps into any role without it
        END $$""")
    op.execute("""
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO quittance_portal, quittance_backoffice;

    -- The customers the present transaction may see. After a transaction the setting is '' and not NULL.
    CREATE FUNCTION scope_customers() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT coalesce(string_to_array(nullif(current_setting('app.customers', true), ''), ',')::uuid[], '{}')
    $$;
    CREATE FUNCTION scope_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT nullif(current_setting('app.user', true), '')::uuid
    $$;
    -- The hash of the secret (a session cookie, a mail link) that the visitor presents.
    CREATE FUNCTION scope_presenting() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT nullif(current_setting('app.presenting', true), '')
    $$;

    -- Puts a table behind row-level security: the back office sees all rows, the portal those `visible` names.
    CREATE PROCEDURE guard(target regclass, visible text) LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('CREATE POLICY backoffice ON %s TO quittance_backoffice USING (true) WITH CHECK (true)',
                       target);
        EXECUTE format('CREATE POLICY portal ON %s TO quittance_portal USING (%s) WITH CHECK (%s)',
                       target, visible, visible);
    END $$;
    -- The usual rule: rows of the customers in scope. The sub-select is computed once per statement.
    CREATE PROCEDURE guard_by_customer(target regclass) LANGUAGE plpgsql AS $$
    BEGIN
        CALL guard(target, 'customer_id = ANY ((SELECT scope_customers())::uuid[])');
    END $$;
    """)
