"""A change of the account debtors pay to: two people, a wait and a notice, held by the database itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.creditors import changes
from shared.creditors.models import Creditor
from shared.creditors.queries import told_changes
from shared.creditors.rules import LEAST_WAIT, due_at
from shared.db import BACKOFFICE_ROLE
from shared.errors import Conflict, DomainError, NotAllowed
from shared.ids import new_id
from shared.outbox.facts import Fact
from shared.payments import account_notices
from shared.payments.announcing import announce
from shared.payments.queries import payables
from shared.payments.rules import Choice, may_be_paid_by_provider
from shared.reporting.transfers import waiting
from tests.make.account_changes import (
    WAIT,
    a_colleague,
    approve_and_put_in_force,
    approve_change,
    approver,
    ask_change,
    asker,
    put_in_force,
)
from tests.make.books import FACTOR_IBAN, OWN_IBAN, PAYER_IBAN, SECOND_IBAN, Books

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def books(database) -> Books:
    made = Books()
    made.debtor_id = made.customer("C1")
    made.invoice(made.debtor_id, "F-1", 10000)
    return made


def one(query, **given):
    with db.reading(SYSTEM) as session:
        return session.execute(text(query), given).one()


def run(query, **given):
    with db.writing(SYSTEM) as session:
        session.execute(text(query), given)


def shown_iban(books) -> str:
    debtor = books.debtor(books.debtor_id)
    with db.reading(debtor) as session:
        return payables(session, debtor)[0].payee.iban


def backoffice(user=None):
    connection = psycopg.connect(
        db.role_url(BACKOFFICE_ROLE).set(drivername="postgresql").render_as_string(False)
    )
    connection.execute("SELECT set_config('app.user', %s, false)", [str(user.id) if user else ""])
    connection.commit()
    return connection


def refused(connection, statement, *values, by=psycopg.Error):
    with pytest.raises(by):
        connection.execute(statement, values)
    connection.rollback()


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(PARIS)), st.integers(1, 30))
def test_a_change_waits_at_least_a_day_and_never_takes_force_on_a_weekend(approved_at, days):
    due = due_at(approved_at, days)
    assert due - approved_at.astimezone(UTC) >= max(LEAST_WAIT, timedelta(days=days) - timedelta(hours=1))
    if due - approved_at.astimezone(UTC) > LEAST_WAIT:
        assert due.astimezone(PARIS).weekday() < 5


def test_two_people_and_a_wait_then_every_invoice_leads_to_the_new_account(books):
    own = one("SELECT id FROM bank_account")[0]
    books.invoice(books.debtor_id, "F-2", 20000, payee=own)  # its paper names the account of that day
    change = ask_change(books.creditor_id, iban=SECOND_IBAN, bic="PSSTFRPP")
    put_in_force()
    assert shown_iban(books) == OWN_IBAN, "nobody approved"
    approve_change(change)
    put_in_force(timedelta(hours=23))
    assert shown_iban(books) == OWN_IBAN, "not due"
    put_in_force()
    debtor = books.debtor(books.debtor_id)
    with db.reading(debtor) as session:
        assert {p.payee.iban for p in payables(session, debtor)} == {SECOND_IBAN}
    put_in_force()
    facts = [f"account_change_{step}" for step in ("asked", "approved", "in_force")]
    with db.reading(SYSTEM) as session:
        told = session.scalars(text("SELECT name FROM fact WHERE name LIKE 'account_change%' ORDER BY id"))
        assert told.all() == facts
        verbs = session.scalars(
            text("SELECT verb FROM audit_entry WHERE subject_kind = 'account_change' ORDER BY id")
        )
        assert verbs.all() == ["ask_account_change", "approve_account_change", "put_account_change_in_force"]


def test_an_account_may_come_back_after_two_switches(books):
    for iban in (SECOND_IBAN, PAYER_IBAN, OWN_IBAN):
        approve_and_put_in_force(ask_change(books.creditor_id, iban=iban))
        assert shown_iban(books) == iban
    led = "SELECT count(*) FROM bank_account WHERE replaced_by_id <> (SELECT id FROM bank_account WHERE receives)"
    assert one(led)[0] == 0
    assert one("SELECT replaced_by_id FROM bank_account WHERE receives")[0] is None


def test_who_asked_cannot_approve_and_roles_are_kept(books):
    boss = a_colleague("Ada Min", "administrator")
    change = ask_change(books.creditor_id, iban=SECOND_IBAN, by=boss)
    with pytest.raises(DomainError, match="somebody else"):
        approve_change(change, by=boss)
    for nobody in (asker(), a_colleague("Col Lector", "collector")):
        with pytest.raises(NotAllowed):
            approve_change(change, by=nobody)
    with pytest.raises(NotAllowed, match="by a person"), db.writing(SYSTEM) as session:
        changes.approve(session, SYSTEM, change)
    with pytest.raises(NotAllowed):
        ask_change(books.creditor_id, iban=PAYER_IBAN, by=approver())


def test_raw_sql_as_the_back_office_finds_no_way_around(books):
    change = ask_change(books.creditor_id, iban=SECOND_IBAN)
    approve = "UPDATE account_change SET approved_by_name = 'Somebody', approved_at = now(), due_at = now() WHERE id = %s"
    with backoffice() as connection:
        for column, value in (("receives", "true"), ("confirmed_at", "now()"), ("iban", "'X'")):
            refused(connection, f"UPDATE bank_account SET {column} = {value}")
        for column in ("holder_name = 'Thief'", "replaced_by_id = NULL", "bic = NULL"):
            refused(connection, f"UPDATE bank_account SET {column}")
        for column in ("approved_by", "asked_by"):
            refused(connection, f"UPDATE account_change SET {column} = NULL")
        for column in ("in_force_at = now()", "iban = 'X'"):
            refused(connection, f"UPDATE account_change SET {column}")
        refused(connection, "DELETE FROM account_change")
        refused(connection, "SELECT put_account_change_in_force(%s, now() + interval '1 year')", change)
        refused(connection, approve, change)  # nobody is signed in
        insert = (
            "INSERT INTO bank_account (id, creditor_id, holder_kind, holder_name, iban, created_at, confirmed_at)"
            " VALUES (gen_random_uuid(), %s, 'factor', 'Thief', 'FR7630001007941234567890185', now(), now())"
        )
        refused(connection, insert, books.creditor_id, by=psycopg.errors.CheckViolation)
        assert connection.execute(
            "SELECT receive_first(id, 'Thief', NULL, now()) FROM bank_account WHERE iban = %s", [SECOND_IBAN]
        ).fetchone() == (False,)
    with backoffice(asker()) as connection:  # the same person, whatever the statement calls them
        refused(connection, approve, change, by=psycopg.errors.CheckViolation)
    with backoffice(approver()) as connection:
        connection.execute(approve, [change])
        waits = connection.execute("SELECT due_at - approved_at FROM account_change").fetchone()[0]
        assert waits >= LEAST_WAIT, "asked to be due at once, it still waits a day"
        refused(connection, "SELECT put_account_change_in_force(%s, now())", change)
    assert shown_iban(books) == OWN_IBAN


def test_in_production_the_wait_is_by_the_databases_own_clock(books, database):
    owner = psycopg.connect(database.set(drivername="postgresql").render_as_string(False), autocommit=True)
    said = "CREATE OR REPLACE FUNCTION clock_may_move() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT {}'"
    owner.execute(said.format("false"))
    try:
        with clock.frozen(clock.now() - timedelta(days=30)):
            change = ask_change(books.creditor_id, iban=SECOND_IBAN)
            approve_change(change)  # claims to be a month old
        with pytest.raises(Conflict, match="its day has not come"), db.writing(SYSTEM) as session:
            changes.put_in_force(session, SYSTEM, change)
        assert one("SELECT due_at > now() + interval '23 hours' FROM account_change")[0]
    finally:
        owner.execute(said.format("true"))
        owner.close()
    assert shown_iban(books) == OWN_IBAN


def test_two_who_approve_at_once_approve_once(books):
    change = ask_change(books.creditor_id, iban=SECOND_IBAN)
    people = [a_colleague(f"Marc {n}", "credit_manager") for n in range(4)]

    def press(person):
        try:
            approve_change(change, by=person)
        except Conflict:
            return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(press, people)) == 1
    assert one("SELECT count(*) FROM fact WHERE name = 'account_change_approved'")[0] == 1


def test_several_workers_put_it_in_force_once(books):
    change = ask_change(books.creditor_id, iban=SECOND_IBAN)
    approve_change(change)
    then = clock.now() + WAIT

    def work(_):
        with clock.frozen(then):
            changes.put_due_in_force()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert one("SELECT count(*) FROM fact WHERE name = 'account_change_in_force'")[0] == 1
    assert shown_iban(books) == SECOND_IBAN


@pytest.mark.parametrize("verb", [changes.refuse, changes.cancel])
def test_what_is_stopped_never_takes_force(books, verb):
    change, person = ask_change(books.creditor_id, iban=SECOND_IBAN), approver()
    with pytest.raises(DomainError, match="sentence"), db.writing(person) as session:
        verb(session, person, change, "  ")
    with db.writing(person) as session:
        verb(session, person, change, "The bank knows nothing of it")
    with pytest.raises(Conflict):
        approve_change(change)
    put_in_force()
    assert shown_iban(books) == OWN_IBAN
    ask_change(books.creditor_id, iban=SECOND_IBAN)  # and can be asked for again


def test_an_approved_change_is_cancelled_by_who_asked_and_never_refused(books):
    change = ask_change(books.creditor_id, iban=SECOND_IBAN)
    approve_change(change)
    with pytest.raises(Conflict), db.writing(approver()) as session:
        changes.refuse(session, approver(), change, "late")
    with db.writing(asker()) as session:
        changes.cancel(session, asker(), change, "fraud")
    put_in_force()
    assert shown_iban(books) == OWN_IBAN


def test_one_change_at_a_time(books):
    ask_change(books.creditor_id, iban=SECOND_IBAN)
    with pytest.raises(Conflict, match="waits already"):
        ask_change(books.creditor_id, iban=SECOND_IBAN)
    with pytest.raises(Conflict, match="this currency"):
        ask_change(books.creditor_id, iban=PAYER_IBAN)


@pytest.mark.parametrize(
    "wanted,said",
    [
        ({"iban": "FR76"}, "IBAN"),
        ({"iban": OWN_IBAN}, "already"),
        ({"iban": OWN_IBAN, "kind": "correct", "bic": "AGRIFRPP"}, "Nothing would change"),
        ({"iban": SECOND_IBAN, "kind": "correct"}, "not confirmed"),
        ({"iban": OWN_IBAN, "kind": "confirm"}, "confirmed already"),
        ({"iban": SECOND_IBAN, "call_back": " "}, "sentence"),
        ({"iban": SECOND_IBAN, "bic": "X"}, "BIC"),
        ({"iban": SECOND_IBAN, "kind": "steal"}, "which change"),
        ({"iban": OWN_IBAN, "currency": "USD", "kind": "correct"}, "kept in EUR"),
        ({"iban": SECOND_IBAN, "holder_kind": "factor"}, "ask to confirm"),
    ],
)
def test_what_makes_no_sense_is_refused_and_adds_nothing(books, wanted, said):
    with pytest.raises(DomainError, match=said):
        ask_change(books.creditor_id, **wanted)
    assert one("SELECT (SELECT count(*) FROM bank_account), (SELECT count(*) FROM account_change)") == (1, 0)


def test_a_corrected_name_is_shown_from_its_day_on(books):
    approve_and_put_in_force(
        ask_change(books.creditor_id, iban=OWN_IBAN, kind="correct", holder_name="SAS Vernaison")
    )
    debtor = books.debtor(books.debtor_id)
    with db.reading(debtor) as session:
        payee = payables(session, debtor)[0].payee
    assert (payee.name, payee.iban) == ("SAS Vernaison", OWN_IBAN)


def test_a_transfer_announced_before_keeps_its_account_and_is_marked(books):
    debtor = books.debtor(books.debtor_id)
    with db.writing(debtor) as session:
        announce(session, debtor, [Choice(payables(session, debtor)[0].item_id)], clock.today())
    approve_and_put_in_force(ask_change(books.creditor_id, iban=SECOND_IBAN))
    with db.reading(debtor) as session:
        (announced,) = waiting(session, debtor)
    assert (announced.payee_iban, announced.to_old_account) == (OWN_IBAN, True)


def tell(handler, change):
    for _ in range(2):
        with db.writing(SYSTEM) as session:
            handler(session, Fact(1, "account_change", change, {}, clock.now()))


def test_each_debtor_concerned_gets_one_mail_in_their_language(books):
    run("UPDATE customer SET email = 'compta@un.fr'")
    english, group, nothing, wrong = (books.customer(ref) for ref in ("C2", "C3", "C4", "C5"))
    for number, customer in (("F-7", english), ("F-8", group), ("F-9", wrong)):
        books.invoice(customer, number, 500)
    run("UPDATE customer SET email = 'ap@two.co.uk', language = 'en' WHERE id = :id", id=english)
    run("UPDATE customer SET email = 'COMPTA@un.fr' WHERE id = :id", id=group)
    run("UPDATE customer SET email = 'rien@quatre.fr' WHERE id = :id", id=nothing)
    run("UPDATE customer SET email = 'not an address' WHERE id = :id", id=wrong)
    run("UPDATE creditor SET email = 'tresorerie@vernaison.fr'")
    change = ask_change(books.creditor_id, iban=SECOND_IBAN)
    approve_change(change)
    tell(account_notices.tell_of_account_change, change)
    with db.reading(SYSTEM) as session:
        mails = {
            m.language: m
            for m in session.execute(text("SELECT * FROM message WHERE kind = 'account_change'"))
        }
        assert session.scalar(text("SELECT count(*) FROM message WHERE kind = 'account_change'")) == 2
    assert mails["en"].recipient == "ap@two.co.uk" and mails["fr"].recipient.lower() == "compta@un.fr"
    for mail in mails.values():
        assert OWN_IBAN[-4:] in mail.body_text and SECOND_IBAN[-4:] in mail.body_html
        assert OWN_IBAN not in mail.body_text and SECOND_IBAN not in mail.body_text
        assert mail.reply_to == "tresorerie@vernaison.fr"
    assert "by mail alone with a link to pay" in mails["en"].body_text
    assert "simple courriel avec un lien de paiement" in mails["fr"].body_html
    with db.writing(asker()) as session:
        changes.cancel(session, asker(), change, "fraud")
    tell(account_notices.tell_of_cancelled_account_change, change)
    assert one("SELECT count(*) FROM message WHERE kind = 'account_change_cancelled'")[0] == 2
    tell(account_notices.tell_of_account_change, change)
    assert one("SELECT count(*) FROM message WHERE kind = 'account_change'")[0] == 2


def test_only_those_it_concerns_see_a_change_and_never_the_whole_number(books):
    stranger, owing = books.customer("C8"), books.customer("C9")
    with db.writing(SYSTEM) as session:
        creditor = session.get_one(Creditor, books.creditor_id)
    factor = ask_change(
        creditor, iban=FACTOR_IBAN, kind="confirm", holder_kind="factor", holder_name="Facto Nord SA"
    )
    account = one("SELECT id FROM bank_account WHERE iban = :iban", iban=FACTOR_IBAN)[0]
    item = books.invoice(owing, "F-5", 900, payee=account)
    switch = ask_change(creditor, iban=SECOND_IBAN)

    def told(customer):
        debtor = books.debtor(customer)
        with db.reading(debtor) as session:
            with pytest.raises(Exception, match="permission denied"), session.begin_nested():
                session.execute(text("SELECT iban FROM account_change"))
            return [each.kind for each in told_changes(session, debtor)]

    assert told(owing) == [], "nobody approved"
    approve_change(factor)
    approve_change(switch)
    assert sorted(told(owing)) == ["confirm", "receive"]
    assert told(books.debtor_id) == ["receive"], "a factor is not revealed to who owes it nothing"
    assert told(stranger) == []
    put_in_force()
    debtor = books.debtor(owing)
    with db.reading(debtor) as session:
        (payable,) = payables(session, debtor)
    assert (payable.item_id, payable.payee.iban, may_be_paid_by_provider(payable)) == (
        item,
        FACTOR_IBAN,
        False,
    )
    with clock.frozen(clock.now() + WAIT + timedelta(days=31)):
        assert told(owing) == []


def test_the_wait_is_the_creditors_own(books):
    with db.writing(SYSTEM) as session:
        changes.set_wait(session, SYSTEM, session.get_one(Creditor, books.creditor_id), 10)
    with pytest.raises(DomainError), db.writing(SYSTEM) as session:
        changes.set_wait(session, SYSTEM, session.get_one(Creditor, books.creditor_id), 0)
    approve_change(ask_change(books.creditor_id, iban=SECOND_IBAN))
    put_in_force(timedelta(days=9))
    assert shown_iban(books) == OWN_IBAN
    put_in_force(timedelta(days=17))
    assert shown_iban(books) == SECOND_IBAN


def test_an_unknown_change_is_nobodys(books):
    with pytest.raises(changes.NotFound):
        approve_change(new_id())
