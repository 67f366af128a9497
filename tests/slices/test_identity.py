"""People, links, sessions and limits, below the pages."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

import backoffice.app
import portal.app
from shared import actor, clock, config, db, sealing
from shared.actor import DOORKEEPER, ROLES, SYSTEM, VISITOR, Permission
from shared.config import settings
from shared.errors import ConfigurationError, DomainError, NotAllowed, NotFound
from shared.identity import actions, links, secret, sessions, staff_sign_in, web
from shared.identity.actions import invite_debtor, withdraw_access
from shared.identity.debtor_sign_in import send_sign_in_link
from shared.identity.limits import Windows
from shared.identity.rules import accepted_step, email_of
from shared.web import app as web_app
from tests.make.people import a_customer, a_staff_link, an_invitation


def scalar(query, **values):
    with db.reading(SYSTEM) as session:
        return session.scalar(text(query), values)


@pytest.mark.usefixtures("database")
def test_an_invitation_adds_customers_and_never_changes_the_person():
    first, second = a_customer("C1"), a_customer("C2")
    an_invitation("lea@client.fr", first)
    an_invitation("LEA@client.fr", second, first, name="Somebody Else")
    assert scalar("SELECT count(*) FROM debtor_user") == 1
    assert scalar("SELECT name FROM debtor_user") == "Léa Martin"
    assert scalar("SELECT count(*) FROM debtor_access") == 2
    assert scalar("SELECT count(*) FROM message WHERE kind = 'debtor_invitation'") == 2


@pytest.mark.usefixtures("database")
def test_the_invitation_mail_speaks_the_debtors_language_and_holds_the_link():
    link = an_invitation("lea@client.fr", a_customer("C1", "Ateliers Lefèvre & Fils"))
    body = scalar("SELECT body_text FROM message")
    assert link in body and "Ateliers Lefèvre & Fils" in body and "pendant 7 jours" in body
    assert "Ateliers Lefèvre &amp; Fils" in scalar("SELECT body_html FROM message")


@pytest.mark.usefixtures("database")
def test_no_secret_stands_in_facts_audit_or_identity_tables():
    link = an_invitation("lea@client.fr", a_customer("C1")).rsplit("/", 1)[1]
    password_link = a_staff_link("nadia@creancier.fr").rsplit("/", 1)[1]
    kept = scalar("""
        SELECT string_agg(row, ' ') FROM (
            SELECT f::text AS row FROM fact f UNION ALL SELECT a::text FROM audit_entry a
            UNION ALL SELECT l::text FROM login_link l UNION ALL SELECT w::text FROM web_session w) all_rows""")
    assert len(link) == 43 and link not in kept and password_link not in kept
    assert secret.hash_of(link) in kept


@pytest.mark.usefixtures("database")
def test_an_invitation_for_nobody_or_to_nowhere_changes_nothing():
    customer = a_customer("C1")
    for email, customers, refusal in (
        ("lea@client.fr", [uuid4()], NotFound),
        ("lea@client.fr", [customer, uuid4()], NotFound),
        ("lea@client.fr", [], NotFound),
        ("lea", [customer], DomainError),
        ("lea@client.fr\nBcc: x@y.fr", [customer], DomainError),
    ):
        with pytest.raises(refusal), db.writing(SYSTEM) as session:
            invite_debtor(session, SYSTEM, email, "Léa", customers)
    assert scalar("SELECT count(*) FROM debtor_user") == scalar("SELECT count(*) FROM message") == 0


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("role", sorted(ROLES))
def test_who_may_invite_and_who_may_add_staff(role):
    person, customer = actor.staff(uuid4(), "N", role), a_customer("C1")

    def tried(verb):
        try:
            with db.writing(person) as session:
                verb(session)
        except NotAllowed:
            return False
        return True

    invited = tried(lambda s: invite_debtor(s, person, "lea@client.fr", "Léa", [customer]))
    assert invited == person.may(Permission.INVITE_DEBTORS)
    assert tried(lambda s: actions.add_staff_user(s, person, "n@c.fr", "N", "sales")) == (
        role == "administrator"
    )
    if role != "administrator":
        a_staff_link("n@c.fr")
    assert tried(lambda s: actions.reset_second_factor(s, person, "n@c.fr")) == (role == "administrator")
    assert tried(lambda s: actions.deactivate_staff_user(s, person, "n@c.fr")) == (role == "administrator")
    an_invitation("lea@client.fr", customer)
    assert tried(lambda s: withdraw_access(s, person, "lea@client.fr")) == invited


@pytest.mark.usefixtures("database")
def test_a_debtor_and_a_visitor_may_do_none_of_it():
    customer = a_customer("C1")
    for person in (VISITOR, DOORKEEPER, actor.debtor(uuid4(), "Léa", (customer,))):
        with db.writing(SYSTEM) as session:
            for verb in (
                lambda: invite_debtor(session, person, "x@y.fr", "X", [customer]),  # noqa: B023
                lambda: send_sign_in_link(session, person, "x@y.fr", "fr", "/", once="1"),  # noqa: B023
                lambda: actions.add_staff_user(session, person, "x@y.fr", "X", "sales"),  # noqa: B023
            ):
                with pytest.raises(NotAllowed):
                    verb()


@pytest.mark.usefixtures("database")
def test_a_staff_link_replaces_the_one_before_and_an_unknown_role_is_named():
    old, new = a_staff_link("nadia@creancier.fr", "sales"), a_staff_link("nadia@creancier.fr", "board")
    with db.writing(DOORKEEPER) as session:
        with pytest.raises(links.LinkSpent):
            links.look_at(session, "backoffice", old.rsplit("/", 1)[1])
        assert links.look_at(session, "backoffice", new.rsplit("/", 1)[1]).purpose == "set_password"
        with pytest.raises(DomainError, match="“boss”; expected one of administrator, board"):
            actions.add_staff_user(session, SYSTEM, "x@y.fr", "X", "boss")
    assert scalar("SELECT role FROM staff_user") == "board"


@pytest.mark.usefixtures("database")
def test_a_request_that_is_handled_twice_mails_once():
    an_invitation("lea@client.fr", a_customer("C1"))
    for expected in (True, False):
        with db.writing(SYSTEM) as session:
            assert send_sign_in_link(session, SYSTEM, "lea@client.fr", "en", "/", once="7") is expected
    assert scalar("SELECT count(*) FROM message WHERE kind = 'debtor_sign_in'") == 1
    assert scalar("SELECT count(*) FROM audit_entry WHERE verb = 'send_sign_in_link'") == 1


@pytest.mark.usefixtures("database")
def test_a_session_of_one_app_is_none_of_the_other():
    link = a_staff_link("nadia@creancier.fr").rsplit("/", 1)[1]
    with db.writing(DOORKEEPER) as session:
        cookie = staff_sign_in.set_password(session, link, "quatre mots sans rapport")
    for audience, found in (("backoffice", True), ("portal", False)):
        with db.reading(web._STRANGER[audience], presenting=secret.hash_of(cookie)) as session:
            assert (sessions.find(session, audience, cookie) is not None) is found


@pytest.mark.usefixtures("database")
def test_windows_count_together_and_start_anew():
    one, other = Windows("windows://portal"), Windows("windows://backoffice")
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda n: (one if n % 2 else other).incr("k", 60), range(40)))
    assert sorted(counts) == list(range(1, 41))
    assert one.get("k") == 40 and one.get("other") == 0
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE rate_window SET expires_at = now()"))
    assert one.get("k") == 0 and one.incr("k", 60) == 1
    one.clear("k")
    assert other.get("k") == 0 and one.check()


@pytest.mark.usefixtures("database")
def test_a_session_has_a_budget():
    app = portal.app.create_app()
    client = app.test_client()
    assert client.get("/sign-in").status_code == 200
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE rate_window SET count = 600"))
    assert client.get("/sign-in").status_code == 429
    assert client.get("/healthz").status_code == 200


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "create_app,audience", [(portal.app.create_app, "portal"), (backoffice.app.create_app, "backoffice")]
)
def test_in_production_the_cookie_is_for_this_host_and_https_alone(monkeypatch, create_app, audience):
    production = replace(settings(), environment="production")
    for module in (config, web, web_app):
        monkeypatch.setattr(module, "settings", lambda: production)
    app = create_app()
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    if audience == "portal":
        link = an_invitation("lea@client.fr", a_customer("C1"))
        answer = client.post(re.sub(r"^https?://[^/]+", "", link), base_url="https://localhost")
    else:
        link = re.sub(r"^https?://[^/]+", "", a_staff_link("n@c.fr"))
        chosen = {"password": "quatre mots sans rapport", "again": "quatre mots sans rapport"}
        answer = client.post(f"{link}/password", data=chosen, base_url="https://localhost")
    assert answer.status_code == 303
    cookie = next(
        c for c in answer.headers.getlist("Set-Cookie") if c.startswith(f"__Host-{audience}-session=")
    )
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_a_sealed_secret_is_bound_to_its_owner_and_to_the_installation(monkeypatch):
    owner = uuid4()
    sealed = secret.seal("JBSWY3DPEHPK3PXP", owner)
    assert secret.unseal(sealed, owner) == "JBSWY3DPEHPK3PXP"
    assert sealed != secret.seal("JBSWY3DPEHPK3PXP", owner)
    for wrong, whose in ((sealed, uuid4()), (sealed[:-1] + bytes([sealed[-1] ^ 1]), owner)):
        with pytest.raises(ConfigurationError):
            secret.unseal(wrong, whose)
    other = replace(settings(), secret="another" * 8)
    monkeypatch.setattr(sealing, "settings", lambda: other)
    with pytest.raises(ConfigurationError):
        secret.unseal(sealed, owner)


KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@given(st.integers(0, 2**31), st.integers(-3, 3))
def test_a_code_is_taken_in_its_step_and_the_two_beside_it(seconds, away):
    at = datetime.fromtimestamp(seconds + 200, UTC)
    code = pyotp.TOTP(KEY).at(at + timedelta(seconds=30 * away))
    step = accepted_step(KEY, code, at, None)
    if abs(away) <= 1:
        assert step is not None
        assert accepted_step(KEY, code, at, step + 1) is None
    elif step is not None:  # two steps with the same six digits: one in 333 333
        assert pyotp.TOTP(KEY).generate_otp(step) == code


@given(st.text(max_size=12))
def test_what_is_no_code_is_refused(entered):
    at = clock.now()
    right = {pyotp.TOTP(KEY).generate_otp(int(at.timestamp()) // 30 + n) for n in (-1, 0, 1)}
    assert accepted_step(KEY, entered, at, None) is None or re.sub(r"\s", "", entered) in right


@given(st.emails())
def test_one_spelling_per_address(address):
    try:
        email = email_of(address)
    except DomainError:
        return  # stranger than any company's, or an address without a dot
    assert email == email.lower() == email_of(f" {email.upper()} ".lower()) and "@" in email
