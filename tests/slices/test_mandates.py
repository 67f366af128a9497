"""Mandates: signed by a debtor, kept with their evidence, moved only as the table allows, and never read by others."""

import io
import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import psycopg
import pytest
from pypdf import PdfReader
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from typer.testing import CliRunner

from shared import clock, db
from shared.actor import ROLES, SYSTEM, Permission, staff
from shared.cli.app import app
from shared.creditors import actions as creditors
from shared.db import reading, writing
from shared.documents.queries import document
from shared.errors import Conflict, DomainError, NotAllowed, NotFound
from shared.ids import new_id
from shared.mandates import actions, queries
from shared.mandates.actions import ProviderMandate, note_provider_mandate
from shared.mandates.models import Mandate
from shared.mandates.pain008 import Address
from shared.mandates.rules import TRANSITIONS, Scheme, State
from shared.mandates.setup import Collecting, set_up
from shared.mandates.signing import Signed, debtor_account, sign
from tests.make.mandates import (
    DEBTORS,
    HOW,
    OTHER,
    OWN,
    a_collecting_creditor,
    a_person,
    completed,
    signed,
    state_of,
)
from tests.make.people import a_customer

FINANCE = staff(new_id(), "Nadia Benali", "finance")


@pytest.fixture
def creditor(database):
    return a_collecting_creditor()


@pytest.fixture
def lea(creditor):
    return a_person(a_customer("C1"))


def do(verb, *given, actor=FINANCE, **named):
    with writing(actor) as session:
        return verb(session, actor, *given, **named)


def events(mandate_id):
    with reading(SYSTEM) as session:
        return [each.kind for each in reversed(queries.history(session, SYSTEM, mandate_id))]


def facts():
    with reading(SYSTEM) as session:
        return list(session.scalars(text("SELECT name FROM fact WHERE name LIKE 'mandate%' ORDER BY id")))


def test_a_core_mandate_is_signed_papered_and_counts(creditor, lea):
    mandate_id = signed(lea, creditor, done=False)
    assert state_of(mandate_id) == "pending"
    completed(mandate_id)
    completed(mandate_id)  # a fact handled twice makes one paper
    with reading(lea) as session:
        (row,) = queries.mandates(session, lea).rows
        pdf = document(session, lea, row.document_id)
    assert (row.state, row.reference[:6], row.iban_last4, row.signed_by) == (
        "active",
        "QUI-M-",
        "2266",
        "Léa Martin",
    )
    told = " ".join(
        " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.content)).pages).split()
    )
    for fact in (
        row.reference, "FR72ZZZ123456", "Ateliers Vernaison SAS", "12 rue des Écoles, 69390, Vernaison, FR",
        "Élan & Fils", "69001, Lyon, FR", "FR76 1010 7375 8677 5321 9372 266", "Recurrent payment", "Léa Martin",
        "you authorise (A) Ateliers Vernaison SAS", "within 8 weeks", "at least 14 days", "192.0.2.7",
    ):  # fmt: skip
        assert fact in told, fact
    assert events(mandate_id) == ["signed", "activated"]
    assert facts() == ["mandate_signed", "mandate_activated"]


def test_the_paper_speaks_the_language_it_was_signed_in(creditor, lea):
    what = Signed(lea.customers[0], creditor, Scheme.B2B, "Élan", DEBTORS, Address("Lyon", "FR"))
    with writing(lea) as session:
        mandate_id = sign(session, lea, what, replace(HOW, language="fr"))
    completed(mandate_id)
    with reading(lea) as session:
        pdf = document(session, lea, queries.mandate(session, lea, mandate_id).document_id)
    told = " ".join(
        " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.content)).pages).split()
    )
    assert "interentreprises" in told and "Référence unique du mandat" in told and "vous autorisez" in told


def test_the_evidence_says_what_was_agreed_and_from_where(creditor, lea):
    mandate_id = signed(lea, creditor)
    with reading(SYSTEM) as session:
        evidence = session.get_one(Mandate, mandate_id).evidence
    assert (evidence["ip"], evidence["user_agent"], evidence["user_id"]) == (
        "192.0.2.7",
        "Firefox",
        str(lea.id),
    )
    assert evidence["text_version"] and len(evidence["text_sha256"]) == 64


def test_the_account_is_sealed_and_opens_for_the_back_office_alone(creditor, lea):
    mandate_id = signed(lea, creditor)
    with reading(SYSTEM) as session:
        mandate = session.get_one(Mandate, mandate_id)
        assert debtor_account(mandate) == DEBTORS and DEBTORS.encode() not in mandate.iban_sealed
    with pytest.raises(ProgrammingError, match="permission denied"), reading(lea) as session:
        assert session.get_one(Mandate, mandate_id).iban_sealed
    with reading(SYSTEM) as session:
        whole = session.scalar(text("SELECT string_agg(m::text, '') FROM mandate m"))
        trail = session.scalar(text("SELECT string_agg(a::text, '') FROM audit_entry a"))
    assert DEBTORS not in whole and DEBTORS not in trail


def test_signing_the_same_account_again_is_the_same_mandate(creditor, lea):
    first = signed(lea, creditor)
    assert signed(lea, creditor) == first
    assert signed(lea, creditor, iban=OTHER) != first
    do(actions.cancel, first, actor=lea)
    assert signed(lea, creditor) != first


def test_who_is_not_of_the_company_signs_nothing(creditor, lea):
    stranger = a_person(a_customer("C2"))
    what = Signed(lea.customers[0], creditor, Scheme.CORE, "X", DEBTORS, Address("Lyon", "FR"))
    with pytest.raises(NotFound), writing(stranger) as session:
        sign(session, stranger, what, HOW)
    with pytest.raises(NotAllowed), writing(FINANCE) as session:
        sign(session, FINANCE, what, HOW)
    mandate_id = signed(lea, creditor)
    with reading(stranger) as session:
        assert queries.mandates(session, stranger).rows == []
        with pytest.raises(NotFound):
            queries.mandate(session, stranger, mandate_id)
    with pytest.raises(NotFound):
        do(actions.cancel, mandate_id, actor=stranger)


@pytest.mark.parametrize(
    "change, field",
    [
        ({"iban": "FR7610107375867753219372267"}, None),
        ({"iban": "US00"}, None),
        ({"iban": "TR330006100519786457841326"}, "iban"),
        ({"address": Address("", "FR")}, "town"),
        ({"address": Address("Lyon", "France")}, "country"),
        ({"debtor_name": "  "}, None),
        ({"creditor_id": new_id()}, "creditor"),
    ],
)
def test_what_a_bank_would_refuse_is_not_signed(creditor, lea, change, field):
    what = Signed(lea.customers[0], creditor, Scheme.CORE, "Élan", DEBTORS, Address("Lyon", "FR"))
    with pytest.raises(DomainError) as caught, writing(lea) as session:
        sign(session, lea, replace(what, **change), HOW)
    assert caught.value.field == field
    with reading(lea) as session:
        assert queries.mandates(session, lea).total == 0


def test_consumers_and_creditors_without_b2b_sign_core_only(database):
    creditor = a_collecting_creditor(b2b=False)
    lea = a_person(a_customer("C1"))
    with pytest.raises(DomainError, match="this kind of mandate"):
        signed(lea, creditor, Scheme.B2B)
    other = a_collecting_creditor("Bois SARL", OTHER)
    with psycopg.connect(database.set(drivername="postgresql").render_as_string(False)) as owner:
        owner.execute("UPDATE customer SET kind = 'consumer'")
    with pytest.raises(DomainError, match="consumer"):
        signed(lea, other, Scheme.B2B)


def test_a_b2b_mandate_counts_once_the_debtors_bank_knows_it(creditor, lea):
    mandate_id = signed(lea, creditor, Scheme.B2B)
    assert state_of(mandate_id) == "pending"
    with reading(SYSTEM) as session:
        assert queries.usable(session, SYSTEM, lea.customers, creditor, clock.today()) == []
    do(actions.mark_registered, mandate_id)
    do(actions.mark_registered, mandate_id)
    with reading(SYSTEM) as session:
        (row,) = queries.usable(session, SYSTEM, lea.customers, creditor, clock.today())
    assert row.registered_at is not None and events(mandate_id) == ["signed", "registered"]
    core = signed(lea, creditor)
    with pytest.raises(DomainError, match="B2B"):
        do(actions.mark_registered, core)


def test_suspended_resumed_cancelled(creditor, lea):
    mandate_id = signed(lea, creditor)
    do(actions.suspend, mandate_id, code="AC04")
    with reading(SYSTEM) as session:
        row = queries.mandate(session, SYSTEM, mandate_id)
        assert row.state == "suspended" and "closed" in row.why
        assert queries.usable(session, SYSTEM, lea.customers, creditor, clock.today()) == []
    do(actions.resume, mandate_id, "new account")
    with pytest.raises(Conflict):
        do(actions.resume, mandate_id)
    do(actions.cancel, mandate_id, actor=lea)
    do(actions.cancel, mandate_id, actor=lea)
    with pytest.raises(Conflict, match="ended"):
        do(actions.suspend, mandate_id, code="AC04")
    assert events(mandate_id) == ["signed", "activated", "suspended", "resumed", "cancelled"]
    assert facts()[-3:] == ["mandate_suspended", "mandate_resumed", "mandate_cancelled"]


def test_a_return_suspends_only_for_reasons_that_say_so(creditor, lea):
    mandate_id = signed(lea, creditor)
    for code, stops in (("AM04", False), ("MS03", False), ("MD01", True), ("MD01", False)):
        assert do(actions.suspend_if_told, mandate_id, code) is stops
    do(actions.resume, mandate_id)
    assert do(actions.suspend_if_told, mandate_id, "ZZ42") is True


def test_only_those_who_may_manage_mandates_do(creditor, lea):
    mandate_id = signed(lea, creditor)
    may = {role for role, held in ROLES.items() if Permission.MANAGE_MANDATES in held}
    assert may == {"finance", "credit_manager"}
    sales = staff(new_id(), "S", "sales")
    for verb in (actions.cancel, actions.suspend, actions.resume, actions.mark_registered):
        with pytest.raises(NotAllowed):
            do(verb, mandate_id, actor=sales)
    with pytest.raises(NotAllowed):
        do(actions.suspend, mandate_id, actor=lea)
    with pytest.raises(NotAllowed), reading(sales) as session:
        queries.mandates(session, sales)


def test_a_changed_account_is_told_to_the_bank_once_it_has_collected(creditor, lea):
    mandate_id = signed(lea, creditor)
    do(actions.amend_account, mandate_id, OTHER, "letter of 3 May")
    do(actions.note_collections, {mandate_id: date(2026, 11, 24)})
    with reading(SYSTEM) as session:
        mandate = session.get_one(Mandate, mandate_id)
        assert debtor_account(mandate) == OTHER and mandate.iban_last4 == "3000"
        assert mandate.account_changed_at is None and mandate.last_collected_on == date(2026, 11, 24)
    do(actions.amend_account, mandate_id, DEBTORS, "letter of 4 May")
    with reading(SYSTEM) as session:
        assert session.get_one(Mandate, mandate_id).account_changed_at is not None
    do(actions.note_collections, {mandate_id: date(2026, 11, 20)})
    with reading(SYSTEM) as session:
        mandate = session.get_one(Mandate, mandate_id)
        assert mandate.account_changed_at is None and mandate.last_collected_on == date(2026, 11, 24)
    with pytest.raises(DomainError, match="Say how"):
        do(actions.amend_account, mandate_id, OTHER, " ")
    with pytest.raises(DomainError, match="new one"):
        do(actions.amend_account, signed(lea, creditor, Scheme.B2B), OTHER, "letter")


def test_a_newer_mandate_takes_an_olders_place(creditor, lea):
    old, new = signed(lea, creditor), signed(lea, creditor, iban=OTHER)
    do(actions.replace_by, old, new)
    assert (state_of(old), state_of(new)) == ("replaced", "active")
    other = a_person(a_customer("C2"))
    with pytest.raises(DomainError, match="same customer"):
        do(actions.replace_by, new, signed(other, creditor))


def test_mandates_end_after_36_months_without_a_collection(creditor, lea):
    idle, used = signed(lea, creditor), signed(lea, creditor, iban=OTHER)
    later = clock.now() + timedelta(days=3 * 365 + 5)
    do(actions.note_collections, {used: later.date() - timedelta(days=30)})
    with clock.frozen(later):
        with reading(SYSTEM) as session:
            (left,) = queries.usable(session, SYSTEM, lea.customers, creditor, clock.today())
        assert left.id == used
        actions.expire_lapsed()
        actions.expire_lapsed()
    assert (state_of(idle), state_of(used)) == ("expired", "active")
    assert events(idle)[-1] == "expired" and facts().count("mandate_expired") == 1


def test_a_providers_mandate_is_kept_as_the_provider_tells_it(creditor, lea):
    told = ProviderMandate(lea.customers[0], creditor, "gocardless", "MD0001", State.PENDING, "Élan")
    first = do(note_provider_mandate, told)
    assert do(note_provider_mandate, told) == first and state_of(first) == "pending"
    done = replace(told, state=State.ACTIVE, reference="GC-77", iban_last4="2266")
    assert do(note_provider_mandate, done) == first == do(note_provider_mandate, done)
    do(note_provider_mandate, replace(told, state=State.CANCELLED))
    do(note_provider_mandate, done)  # an old message that came late
    assert state_of(first) == "cancelled"
    assert events(first) == ["signed", "activated", "cancelled"]
    completed(first)  # the fact mandate_signed makes no paper of ours
    stranger = a_customer("C2")
    with pytest.raises(Conflict):
        do(note_provider_mandate, replace(told, customer_id=stranger))
    with reading(SYSTEM) as session, pytest.raises(DomainError, match="provider"):
        debtor_account(session.get_one(Mandate, first))


def test_the_database_knows_the_same_moves(creditor, lea):
    mandate_id = signed(lea, creditor)
    url = db.owner_url().set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(url) as owner:
        for before, after in product(State, State):
            if before == after:
                continue
            owner.execute("ALTER TABLE mandate DISABLE TRIGGER moves")
            aim = "UPDATE mandate SET state = %s, replaced_by = CASE WHEN %s = 'replaced' THEN id END WHERE id = %s"
            owner.execute(aim, (before, before, mandate_id))
            owner.execute("ALTER TABLE mandate ENABLE TRIGGER moves")
            owner.execute("SAVEPOINT here")
            try:
                owner.execute(aim, (after, after, mandate_id))
                allowed = True
            except psycopg.errors.CheckViolation:
                owner.execute("ROLLBACK TO here")
                allowed = False
            assert allowed == (after in TRANSITIONS.get(before, ())), (before, after)
        owner.rollback()


def test_history_is_never_changed(creditor, lea):
    signed(lea, creditor)
    for statement in (
        "UPDATE mandate_event SET reason = 'x'",
        "DELETE FROM mandate_event",
        "DELETE FROM mandate",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), writing(SYSTEM) as session:
            session.execute(text(statement))


def test_the_portals_role_writes_no_more_than_a_signature_and_its_end(creditor, lea):
    mandate_id = signed(lea, creditor)
    for statement in (
        "UPDATE mandate SET state = 'suspended'",
        "UPDATE mandate SET iban_last4 = '0000'",
        "UPDATE mandate SET document_id = NULL",
        "INSERT INTO mandate_event (mandate_id, customer_id, kind, state, by_whom, at)"
        f" VALUES ('{mandate_id}', '{lea.customers[0]}', 'resumed', 'active', 'x', now())",
    ):
        with pytest.raises(ProgrammingError), writing(lea) as session:
            session.execute(text(statement))


@pytest.mark.parametrize("change", [{"ics": "FR73ZZZ123456"}, {"iban": OTHER}, {"notice_days": 0}, {"address": Address("", "FR")}, {"address": Address("Lyon", "DE")}])  # fmt: skip
def test_a_creditor_collects_with_an_identifier_and_an_account_of_its_own(database, change):
    with writing(SYSTEM) as session:
        creditor = creditors.add_creditor(session, SYSTEM, name="Bois SARL")
        creditors.add_account(session, SYSTEM, creditor, OWN)
    told = Collecting("FR72ZZZ123456", OWN, Address("Lyon", "FR"))
    with pytest.raises(DomainError), writing(SYSTEM) as session:
        set_up(session, SYSTEM, session.merge(creditor, load=False), replace(told, **change))
    with reading(SYSTEM) as session:
        assert queries.collecting(session) == []


def test_the_command_lets_a_creditor_collect(database):
    with writing(SYSTEM) as session:
        creditors.add_account(session, SYSTEM, creditors.add_creditor(session, SYSTEM, name="Bois SARL"), OWN)
    asked = [
        "creditor",
        "collect",
        "bois",
        "--ics",
        "fr72zzz123456",
        "--iban",
        OWN,
        "--town",
        "Lyon",
        "--b2b",
    ]
    for _ in range(2):  # saying it again changes what is said
        told = CliRunner().invoke(app, [*asked, "--json"])
        assert told.exit_code == 0 and json.loads(told.stdout) == {"creditor": "BOIS", "ics": "FR72ZZZ123456"}
    with reading(SYSTEM) as session:
        (found,) = queries.collecting(session)
    assert (found.city, found.core, found.b2b, found.notice_days) == ("Lyon", True, True, 14)
    assert CliRunner().invoke(app, [*asked[:4], "FR73ZZZ123456", *asked[5:]]).exit_code != 0
