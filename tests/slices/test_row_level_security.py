"""What stands behind a forgotten WHERE: raw SQL as the portal's role, on every table there is."""

from __future__ import annotations

from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from shared import db
from shared.db import PORTAL_ROLE

A, B = UUID(int=0xA), UUID(int=0xB)
ANNA, BRUNO = UUID(int=0xAA), UUID(int=0xBB)
CREDITOR, ACCOUNT = UUID(int=0xC), UUID(int=0xC1)

# All that the portal's role may write. What stands here is read with care when it changes.
MAY_WRITE = {
    ("audit_entry", "INSERT"),
    ("fact", "INSERT"),
    ("expected_payment", "INSERT"),
    ("expected_payment", "UPDATE"),
    ("expected_payment_item", "INSERT"),
    ("autopay", "INSERT"),
    ("autopay", "UPDATE"),
    ("autopay_debit", "UPDATE"),
    ("plan", "INSERT"),
    ("plan_item", "INSERT"),
    ("plan_part", "INSERT"),
    ("mandate", "INSERT"),
    ("mandate", "UPDATE"),
    ("mandate_event", "INSERT"),
    ("login_link", "UPDATE"),
    ("web_session", "INSERT"),
    ("web_session", "UPDATE"),
    ("debtor_user", "UPDATE"),
    ("rate_window", "INSERT"),
    ("rate_window", "UPDATE"),
    ("rate_window", "DELETE"),
    ("payment", "INSERT"),
    ("payment", "UPDATE"),
    ("payment_item", "INSERT"),
    ("payment_operation", "INSERT"),
    ("provider_event", "INSERT"),
    ("saved_card", "UPDATE"),
    ("set_up", "INSERT"),
    ("set_up", "UPDATE"),
}
# Shown to every debtor: who the creditors are, how they collect, and their confirmed accounts. Windows hold counts under hashed names.
SHOWN_TO_ALL = {"creditor", "rate_window"}
# Shown by their state, whoever asks: accounts to pay to, and how one may pay there (never the key of an API).
SHOWN_BY_STATE = {"bank_account", "provider_account", "rail", "plan_policy"}
# Written blindly: inserted, never read back.
BLIND = {"audit_entry", "fact"}

FILL = """
INSERT INTO creditor (id, code, name, created_at) VALUES ('{C}', 'C', 'Créancier', now());
INSERT INTO bank_account (id, creditor_id, holder_kind, holder_name, iban, created_at, confirmed_at)
    VALUES ('{ACC}', '{C}', 'creditor', 'Créancier', 'FR7630006000011234567890189', now(), now()),
           (gen_random_uuid(), '{C}', 'factor', 'Affacturage', 'FR7630001007941234567890185', now(), NULL);
INSERT INTO staff_user (id, email, name, role, created_at) VALUES (gen_random_uuid(), 's@c.fr', 'S', 'board', now());
INSERT INTO rate_window VALUES ('x', 1, now());
INSERT INTO provider_account (id, creditor_id, provider, mode, credentials, clearing_account, events_until, created_at)
    VALUES ('{C}', '{C}', 'stripe', 'test', 'sealed', '51151', now(), now());
INSERT INTO rail (account_id, method) VALUES ('{C}', 'card');
INSERT INTO plan_policy VALUES ('{C}', true, 6, 0, 1000, 'EUR', 0, false, 5, 'n', now());
"""
FILL_EACH = """
INSERT INTO customer (id, ref, name, search_key, created_at, updated_at) VALUES ('{X}', '{X}', 'n', 'n', now(), now());
INSERT INTO customer_iban VALUES ('{X}', 'FR76{N}', 'file', now());
INSERT INTO document_content VALUES (sha256('{X}'), '{X}');
INSERT INTO document VALUES ('{X}', '{X}', sha256('{X}'), 'd.pdf', 'application/pdf', 1, now());
INSERT INTO open_item (id, creditor_id, customer_id, kind, number, number_key, currency, amount_minor, open_minor,
                       issued_on, due_on, created_at)
    VALUES ('{X}', '{C}', '{X}', 'invoice', 'F{N}', 'F{N}', 'EUR', 500, 500, '2026-01-01', '2026-02-01', now()),
           ('{R}', '{C}', '{X}', 'receipt', 'R{N}', 'R{N}', 'EUR', -500, -500, '2026-01-01', '2026-02-01', now());
INSERT INTO invoice (id, customer_id, type_code, source_format) VALUES ('{X}', '{X}', '380', 'csv');
INSERT INTO allocation (customer_id, credit_item_id, debit_item_id, amount_minor, allocated_on, reason, created_at)
    VALUES ('{X}', '{R}', '{X}', 100, '2026-01-01', 'r', now());
INSERT INTO receipt (id, customer_id, method, amount_minor, received_on) VALUES ('{R}', '{X}', 't', 500, '2026-01-01');
INSERT INTO expected_payment (id, reference, customer_id, creditor_id, bank_account_id, payee_name, payee_iban,
                              currency, amount_minor, expected_on, announced_at, announced_by, basket_hash)
    VALUES ('{X}', 'RF00{N}', '{X}', '{C}', '{ACC}', 'n', 'i', 'EUR', 500, '2026-01-01', now(), 'a', '{X}');
INSERT INTO expected_payment_item (expected_payment_id, item_id, customer_id, amount_minor)
    VALUES ('{X}', '{X}', '{X}', 500);
INSERT INTO mandate (id, customer_id, creditor_id, scheme, provider, reference, debtor_name, address_lines, town,
                     country, iban_sealed, iban_mark, iban_last4, iban_country, recurrent, notice_days, language,
                     signed_at, signed_by, evidence, state, created_at)
    VALUES ('{X}', '{X}', '{C}', 'core', 'own_bank', 'M{N}', 'n', '{{}}', 'L', 'FR', 's', '{X}', '0189', 'FR', true, 14,
            'fr', now(), 'a', '{{}}', 'pending', now());
INSERT INTO mandate_event (mandate_id, customer_id, kind, state, by_whom, at)
    VALUES ('{X}', '{X}', 'signed', 'pending', 'a', now());
INSERT INTO journal_entry (creditor_id, journal, event, booked_on, currency, label, posted_at)
    VALUES ('{C}', 'VT', 'e', '2026-01-01', 'EUR', 'l', now());
INSERT INTO journal_line (entry_id, account, customer_id, item_id, amount_minor)
    VALUES (currval('journal_entry_id_seq'), '411', '{X}', '{X}', 500), (currval('journal_entry_id_seq'), '706', '{X}', '{X}', -500);
INSERT INTO debtor_user (id, email, name, created_at) VALUES ('{U}', lower('{N}@x.fr'), 'n', now());
INSERT INTO debtor_access VALUES ('{U}', '{X}', now());
INSERT INTO login_link (secret_hash, audience, purpose, user_id, created_at, expires_at)
    VALUES ('link {N}', 'portal', 'sign_in', '{U}', now(), now()),
           ('office link {N}', 'backoffice', 'sign_in', '{U}', now(), now());
INSERT INTO web_session (secret_hash, audience, user_id, step, created_at, last_seen_at, expires_at)
    VALUES ('session {N}', 'portal', '{U}', 'complete', now(), now(), now()),
           ('office session {N}', 'backoffice', '{U}', 'complete', now(), now(), now());
INSERT INTO message (id, once, kind, customer_id, recipient, language, subject, body_text, body_html, created_at)
    VALUES (gen_random_uuid(), '{N}', 'k', '{X}', 'x@y.fr', 'fr', 's', 't', 'h', now());
INSERT INTO audit_entry (at, actor_kind, actor_name, verb, subject_kind, subject_id, detail)
    VALUES (now(), 'system', 'q', 'v', 'k', '{X}', '{{}}');
INSERT INTO fact (name, payload, recorded_at) VALUES ('f', '{{}}', now());
INSERT INTO provider_customer VALUES ('{C}', '{X}', 'cus {N}');
INSERT INTO saved_card (id, account_id, customer_id, ref, brand, last4, saved_by, saved_at)
    VALUES ('{X}', '{C}', '{X}', 'pm {N}', 'visa', '4242', 'n', now());
INSERT INTO payment (id, reference, account_id, creditor_id, customer_id, method, origin, currency, amount_minor,
                     basket_hash, language, started_by, started_at, changed_at)
    VALUES ('{X}', 'PAY-{N}', '{C}', '{C}', '{X}', 'card', 'debtor', 'EUR', 500, '{X}', 'fr', 'n', now(), now());
INSERT INTO payment_item (payment_id, item_id, customer_id, amount_minor, holds) VALUES ('{X}', '{X}', '{X}', 500, true);
INSERT INTO payment_ref VALUES ('{C}', 'pi {N}', '{X}');
INSERT INTO set_up (id, account_id, customer_id, method, language, started_by, started_at, changed_at)
    VALUES ('{X}', '{C}', '{X}', 'card', 'fr', 'n', now(), now());
INSERT INTO refund (id, payment_id, customer_id, amount_minor, reason, state, asked_by_id, asked_by, asked_at,
                    decided_by_id) VALUES ('{X}', '{X}', '{X}', 1, 'r', 'refused', '{X}', 'n', now(), '{X}');
INSERT INTO payment_operation (id, account_id, customer_id, payment_id, kind, created_at)
    VALUES ('{X}', '{C}', '{X}', '{X}', 'start', now());
INSERT INTO provider_event (account_id, event_id, type, payload, received_at) VALUES ('{C}', '{N}', 't', 'p', now());
INSERT INTO payment_fact (account_id, payment_id, customer_id, kind, ref, amount_minor, currency, occurred_at, recorded_at)
    VALUES ('{C}', '{X}', '{X}', 'received', 'ch {N}', 500, 'EUR', now(), now());
INSERT INTO receipt_reversal VALUES ('{X}', '{X}', '{R}', currval('payment_fact_id_seq'), 1, '2026-01-01');
INSERT INTO payment_dispute (id, account_id, payment_id, customer_id, ref, state, reason, amount_minor, currency,
                             opened_at, changed_at)
    VALUES ('{X}', '{C}', '{X}', '{X}', 'dp {N}', 'lost', 'r', 1, 'EUR', now(), now());
INSERT INTO autopay (id, customer_id, creditor_id, currency, saved_card_id, cap_minor, offset_days, language, consent,
                     evidence, user_id, switched_on_by, switched_on_at, changed_at)
    VALUES ('{X}', '{X}', '{C}', 'EUR', '{X}', 500, 0, 'fr', 'c', '{{}}', '{U}', 'n', now(), now());
INSERT INTO autopay_debit (id, autopay_id, customer_id, execute_on, send_on, noticed_at, notified_minor)
    VALUES ('{X}', '{X}', '{X}', '2026-01-01', '2026-01-01', now(), 500);
INSERT INTO autopay_debit_item (debit_id, item_id, customer_id, amount_minor) VALUES ('{X}', '{X}', '{X}', 500);
INSERT INTO plan (id, reference, customer_id, creditor_id, currency, total_minor, grace_days, language, agreement,
                  evidence, user_id, proposed_by, proposed_at, state)
    VALUES ('{X}', 'PLAN-{N}', '{X}', '{C}', 'EUR', 500, 5, 'fr', 'a', '{{}}', '{U}', 'n', now(), 'active');
INSERT INTO plan_item (plan_id, item_id, customer_id, amount_minor) VALUES ('{X}', '{X}', '{X}', 500);
INSERT INTO plan_part (plan_id, number, customer_id, due_on, amount_minor) VALUES ('{X}', 1, '{X}', '2026-01-01', 500);
INSERT INTO payment_alert (id, once, payment_id, code, raised_at) VALUES ('{X}', '{N}', '{X}', 'c', now());
"""


@pytest.fixture
def world(database):
    """Two customers who have one of everything, and nothing in common but their creditor."""
    fixed = {"C": CREDITOR, "ACC": ACCOUNT}
    with psycopg.connect(plain(database)) as owner:
        owner.execute(FILL.format(**fixed))
        for name, customer, user in (("A", A, ANNA), ("B", B, BRUNO)):
            owner.execute(FILL_EACH.format(X=customer, N=name, U=user, R=uuid4(), **fixed))
    return database


@contextmanager
def portal(customers=(), user=None, presenting=""):
    """A raw connection as the portal's role, with nothing of ours between it and PostgreSQL."""
    with psycopg.connect(plain(db.role_url(PORTAL_ROLE)), autocommit=False) as connection:
        for name, value in (
            ("customers", ",".join(map(str, customers))),
            ("user", user),
            ("presenting", presenting),
        ):
            connection.execute("SELECT set_config(%s, %s, false)", (f"app.{name}", str(value or "")))
        connection.commit()
        yield connection
        connection.rollback()


def plain(url):
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def tables(connection, kinds="rvmpf"):
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = ANY(%s) ORDER BY 1",
        (list(kinds),),
    ).fetchall()
    return [name for (name,) in found]


def readable_columns(connection, table):
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND has_column_privilege(attrelid, attnum, 'SELECT') ORDER BY attnum",
        (f"public.{table}",),
    ).fetchall()
    return [name for (name,) in found]


def rows(connection, table):
    columns = sql.SQL(", ").join(map(sql.Identifier, readable_columns(connection, table)))
    return connection.execute(sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(table))).fetchall()


def refused(connection, statement, *values):
    with pytest.raises(InsufficientPrivilege):
        connection.execute(statement, values)
    connection.rollback()


def test_of_every_table_only_ones_own_rows_or_none(world):
    shown = set()
    with portal([A], ANNA, "link A") as connection:
        for table in tables(connection):
            if not readable_columns(connection, table):
                refused(connection, sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))
                continue
            shown.add(table)
            for row in rows(connection, table):
                told = " ".join(map(str, row))
                assert str(B) not in told and str(BRUNO) not in told and "link B" not in told, table
    with portal([B], BRUNO, "link B") as connection:
        # The same questions in the other's scope find something: the emptiness above was not an empty table.
        mine = {t for t in shown if rows(connection, t)} - SHOWN_TO_ALL
    assert {
        "customer",
        "document",
        "document_content",
        "open_item",
        "allocation",
        "invoice",
        "receipt",
        "mandate",
    } <= mine
    assert {"expected_payment", "expected_payment_item", "debtor_user", "debtor_access", "login_link"} <= mine
    assert {
        "payment",
        "payment_item",
        "payment_fact",
        "saved_card",
        "set_up",
        "refund",
        "item_in_flight",
    } <= mine
    assert {"receipt_reversal", "payment_operation"} <= mine
    assert {"autopay", "autopay_debit", "autopay_debit_item", "plan", "plan_item", "plan_part"} <= mine
    assert "item_held_back" in mine


def test_without_a_scope_there_is_nothing(world):
    with portal() as connection:
        for table in tables(connection):
            if table not in SHOWN_TO_ALL | SHOWN_BY_STATE and readable_columns(connection, table):
                assert rows(connection, table) == [], table


def test_asking_for_the_others_row_by_its_id_finds_nothing(world):
    with portal([A], ANNA) as connection:
        for table in ("open_item", "invoice", "document", "expected_payment"):
            query = sql.SQL("SELECT count(*) FROM {} WHERE id = %s").format(sql.Identifier(table))
            assert connection.execute(query, (B,)).fetchone() == (0,)
            assert connection.execute(query, (A,)).fetchone() == (1,)
        content = "SELECT count(*) FROM document_content WHERE sha256 = sha256(%s)"
        assert connection.execute(content, (str(B).encode(),)).fetchone() == (0,)
        assert connection.execute(content, (str(A).encode(),)).fetchone() == (1,)


def test_a_scope_ends_with_its_transaction(world):
    with psycopg.connect(plain(db.role_url(PORTAL_ROLE))) as connection:
        connection.execute("SELECT set_config('app.customers', %s, true)", (str(A),))
        assert len(rows(connection, "customer")) == 1
        connection.commit()
        assert rows(connection, "customer") == []


def test_the_portal_may_write_what_is_listed_and_nothing_else(world):
    with portal() as connection:
        granted = connection.execute("""
            SELECT c.relname, p.privilege FROM pg_class c
            CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p(privilege)
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
              AND CASE WHEN p.privilege IN ('INSERT', 'UPDATE', 'REFERENCES')
                       THEN has_any_column_privilege(c.oid, p.privilege)
                       ELSE has_table_privilege(c.oid, p.privilege) END""").fetchall()
    assert set(granted) == MAY_WRITE


def test_writes_are_refused_on_every_other_table(world):
    with portal([A, B], ANNA) as connection:
        for table in tables(connection, "rpf"):  # a view writes through its tables, or not at all
            name = sql.Identifier(table)
            first = sql.Identifier(columns_of(connection, table)[0])
            if (table, "UPDATE") not in MAY_WRITE:
                refused(connection, sql.SQL("UPDATE {t} SET {c} = {c}").format(t=name, c=first))
            if (table, "DELETE") not in MAY_WRITE:
                refused(connection, sql.SQL("DELETE FROM {}").format(name))
            if (table, "INSERT") not in MAY_WRITE:
                refused(connection, sql.SQL("INSERT INTO {} DEFAULT VALUES").format(name))
            refused(connection, sql.SQL("TRUNCATE {}").format(name))


def columns_of(connection, table):
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attidentity = '' ORDER BY attnum",
        (f"public.{table}",),
    )
    return [name for (name,) in found.fetchall()]


def test_nothing_is_written_into_the_others_account(world):
    announce = """
        INSERT INTO expected_payment (id, reference, customer_id, creditor_id, bank_account_id, payee_name,
            payee_iban, currency, amount_minor, expected_on, announced_at, announced_by, basket_hash)
        VALUES (gen_random_uuid(), %s, %s, %s, %s, 'n', 'i', 'EUR', 1, '2026-01-01', now(), 'a', %s)"""
    with portal([A], ANNA, "session A") as connection:
        connection.execute(announce, ("RF01A", A, CREDITOR, ACCOUNT, b"1"))
        connection.rollback()
        refused(connection, announce, "RF01B", B, CREDITOR, ACCOUNT, b"1")
        refused(connection, "UPDATE expected_payment SET amount_minor = 1 WHERE id = %s", A)
        part = "INSERT INTO expected_payment_item VALUES (%s, %s, %s, 1)"
        for payment, item in ((B, B), (A, B), (B, A)):
            refused(connection, part, payment, item, A)
        for statement in (
            "UPDATE expected_payment SET cancelled_at = now()",
            "UPDATE web_session SET revoked_at = now()",
            "UPDATE debtor_user SET language = 'en'",
        ):
            assert connection.execute(statement).rowcount == 1
        refused(connection, "UPDATE mandate SET state = 'active'")
        event = "INSERT INTO mandate_event (mandate_id, customer_id, kind, state, by_whom, at) VALUES (%s, %s, 'signed', 'pending', 'a', now())"
        refused(connection, event, B, A)
        refused(connection, event, B, B)
        assert connection.execute("UPDATE mandate SET state = 'cancelled'").rowcount == 1
        assert connection.execute("UPDATE login_link SET used_at = now()").rowcount == 0


def test_autopay_and_plans_are_agreed_to_for_oneself_alone_and_never_decided(world):
    agree = """
        INSERT INTO autopay (id, customer_id, creditor_id, currency, saved_card_id, cap_minor, offset_days, language,
                             consent, evidence, user_id, switched_on_by, switched_on_at, changed_at)
        VALUES (gen_random_uuid(), %s, %s, 'USD', %s, 500, 0, 'fr', 'c', '{}', %s, 'n', now(), now())"""
    plan = """
        INSERT INTO plan (id, reference, customer_id, creditor_id, currency, total_minor, grace_days, language, agreement,
                          evidence, user_id, proposed_by, proposed_at, state, beyond)
        VALUES (gen_random_uuid(), 'PLAN-X', %s, %s, 'EUR', %s, 5, 'fr', 'a', '{}', %s, 'n', now(), %s, 'b')"""
    with portal([A], ANNA) as connection:
        connection.execute(agree, (A, CREDITOR, A, ANNA))
        connection.rollback()
        refused(connection, agree, A, CREDITOR, B, ANNA)
        refused(connection, agree, B, CREDITOR, B, ANNA)
        refused(connection, "UPDATE autopay SET state = 'suspended'")
        assert connection.execute("UPDATE autopay SET state = 'paused'").rowcount == 1
        connection.rollback()
        assert (
            connection.execute("UPDATE autopay_debit SET skipped_at = now(), skipped_by = 'n'").rowcount == 1
        )
        connection.rollback()
        refused(connection, "UPDATE autopay_debit SET notified_minor = 1")
        refused(connection, plan, B, CREDITOR, 500, ANNA, "proposed")
        refused(connection, plan, A, CREDITOR, 1001, ANNA, "active")  # above what is accepted at once
        refused(connection, "UPDATE plan SET state = 'active'")
        refused(
            connection,
            "INSERT INTO plan_item (plan_id, item_id, customer_id, amount_minor) VALUES (%s, %s, %s, 1)",
            B,
            A,
            A,
        )
        refused(
            connection,
            "INSERT INTO plan_part (plan_id, number, customer_id, due_on, amount_minor) VALUES (%s, 2, %s, '2026-02-01', 1)",
            B,
            A,
        )


def test_payments_are_started_for_oneself_alone_and_never_moved(world):
    start = """
        INSERT INTO payment (id, reference, account_id, creditor_id, customer_id, method, origin, currency, amount_minor,
                             basket_hash, language, started_by, started_at, changed_at)
        VALUES (gen_random_uuid(), 'PAY-X', %s, %s, %s, 'card', 'debtor', 'EUR', 1, 'x', 'fr', 'n', now(), now())"""
    order = """
        INSERT INTO payment_operation (id, account_id, customer_id, payment_id, refund_id, kind, created_at)
        VALUES (gen_random_uuid(), %s, %s, %s, NULL, %s, now())"""
    with portal([A], ANNA) as connection:
        connection.execute(start, (CREDITOR, CREDITOR, A))
        connection.rollback()
        connection.execute(order.replace("refund_id, ", "").replace("NULL, ", ""), (CREDITOR, A, A, "cancel"))
        connection.rollback()
        refused(connection, start, CREDITOR, CREDITOR, B)
        refused(connection, order.replace("refund_id, ", "").replace("NULL, ", ""), CREDITOR, A, B, "cancel")
        refused(connection, order, CREDITOR, A, A, "refund")
        part = (
            "INSERT INTO payment_item (payment_id, item_id, customer_id, amount_minor) VALUES (%s, %s, %s, 1)"
        )
        for payment, item in ((B, B), (A, B), (B, A)):
            refused(connection, part, payment, item, A)
        for statement in (
            "UPDATE payment SET status = 'received'",
            "UPDATE payment SET amount_minor = 1",
            "UPDATE payment_operation SET state = 'ok'",
            "INSERT INTO payment_fact DEFAULT VALUES",
            "SELECT credentials FROM provider_account",
            "SELECT payload FROM provider_event",
            "SELECT ref FROM saved_card",
        ):
            refused(connection, statement)
        assert connection.execute("UPDATE payment SET sync_due_at = now()").rowcount == 1


def test_links_and_sessions_are_invisible_without_their_secret(world):
    def visible(table, presenting):
        with portal([A, B], ANNA, presenting) as connection:
            return [row[0] for row in rows(connection, table)]

    for table, name in (("login_link", "link"), ("web_session", "session")):
        assert visible(table, "") == []
        assert visible(table, f"{name} A") == [f"{name} A"]
        assert visible(table, f"office {name} A") == []
        assert visible(table, "%") == []
    with portal([A], ANNA) as connection:
        refused(
            connection,
            "INSERT INTO web_session VALUES ('mine', 'portal', %s, 'complete', now(), now(), now())",
            BRUNO,
        )


def test_only_confirmed_accounts_are_shown(world):
    with portal([A], ANNA) as connection:
        assert connection.execute("SELECT id FROM bank_account").fetchall() == [(ACCOUNT,)]


def test_the_role_cannot_become_another(world):
    if "options" in db.role_url(PORTAL_ROLE).query:
        pytest.skip("this server's roles have no login of their own (DATABASE_URL_PORTAL)")
    with portal([A], ANNA) as connection:
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone()[0]
        for role in ("quittance_backoffice", owner):
            refused(connection, sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            refused(connection, sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(role)))
        for statement in (
            "ALTER TABLE open_item DISABLE ROW LEVEL SECURITY",
            "DROP POLICY portal ON open_item",
            "CALL guard('open_item', 'true')",
            "CREATE TABLE mine (id int)",
            "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "GRANT SELECT ON staff_user TO quittance_portal",
            "ALTER ROLE quittance_portal BYPASSRLS",
            "COPY open_item TO PROGRAM 'cat'",
        ):
            refused(connection, statement)
        connection.execute("SET row_security = off")
        refused(connection, "SELECT FROM open_item")
        flags = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert flags == (False, False, False, False)
        member = "SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole"
        assert connection.execute(member).fetchone() == (0,)


def test_every_table_the_portal_touches_is_guarded(world):
    with psycopg.connect(plain(world)) as owner:
        unguarded = owner.execute(
            """
            SELECT c.relname FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
              AND (has_any_column_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE')
                   OR has_table_privilege(%(role)s, c.oid, 'DELETE'))""",
            {"role": PORTAL_ROLE},
        ).fetchall()
        assert {name for (name,) in unguarded} == SHOWN_TO_ALL | BLIND
        # Of tables about a customer none is without a policy, unless the portal has no right on it at all.
        by_customer = owner.execute(
            """
            SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'customer_id'
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
              AND has_any_column_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE')
              AND NOT EXISTS (SELECT FROM pg_policies p WHERE p.tablename = c.relname AND p.roles = %s
                              AND c.relrowsecurity)""",
            (PORTAL_ROLE, [PORTAL_ROLE]),
        ).fetchall()
        assert by_customer == []
        permissive = owner.execute(
            "SELECT tablename, policyname FROM pg_policies WHERE qual = 'true' AND NOT roles <@ '{quittance_backoffice}'"
        ).fetchall()
        assert permissive == []


def test_no_view_or_function_leads_around_the_policies(world):
    with psycopg.connect(plain(world)) as owner:
        views = owner.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND (relkind = 'm' OR relkind = 'v'"
            " AND NOT coalesce('security_invoker=true' = ANY (reloptions), false))"
        ).fetchall()
        # A trigger's function cannot be called; what else runs as the owner would be a way around.
        functions = owner.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
            " AND prorettype <> 'trigger'::regtype AND has_function_privilege(%s, oid, 'EXECUTE')",
            (PORTAL_ROLE,),
        ).fetchall()
    assert views == [] and functions == []
