"""The portal's door: one link, one press, one session."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from portal.app import create_app
from shared import clock, db
from shared.actor import SYSTEM
from shared.identity import links
from shared.identity.actions import withdraw_access
from shared.identity.handlers import send_requested_link
from shared.outbox.facts import Fact
from shared.web.access import current_actor, debtor_only
from tests.make.people import a_customer, an_invitation

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def app():
    app = create_app()
    app.config["WTF_CSRF_ENABLED"] = False

    @debtor_only
    def account():
        actor = current_actor()
        return {"name": actor.name, "customers": [str(c) for c in actor.customers]}

    app.add_url_rule("/account", "account", account)
    return app


@pytest.fixture
def client(app):
    return app.test_client()


def path_of(link):
    return re.sub(r"^https?://[^/]+", "", link)


def signed_in(client, link):
    answer = client.post(path_of(link))
    assert answer.status_code == 303
    return client


def cookie_of(answer, name="portal-session"):
    return next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith(name))


def test_a_link_is_looked_at_without_harm_and_opens_the_account_once(client, app):
    customer = a_customer("C1")
    link = path_of(an_invitation("lea@client.fr", customer))
    for _ in range(3):
        page = client.get(link)
        assert page.status_code == 200
        assert page.text.count("<button") - page.text.count('type="button"') == 1
    assert client.get("/account").status_code == 303
    answer = client.post(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert client.get("/account").json == {"name": "Léa Martin", "customers": [str(customer)]}
    stranger = app.test_client()
    assert stranger.post(link).status_code == 410
    assert stranger.get(link).status_code == 410
    assert stranger.get("/account").status_code == 303


def test_of_two_presses_at_once_one_opens(app):
    link = path_of(an_invitation("lea@client.fr", a_customer("C1")))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: app.test_client().post(link).status_code, range(8)))
    assert sorted(answers) == [303] + [410] * 7
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM web_session")) == 1


@pytest.mark.parametrize("late,status", [(timedelta(days=7, seconds=-5), 303), (timedelta(days=7), 410)])
def test_an_invitation_lives_seven_days(client, late, status):
    link = path_of(an_invitation("lea@client.fr", a_customer("C1")))
    with clock.frozen(clock.now() + late):
        assert client.post(link).status_code == status


def test_a_revoked_link_and_a_withdrawn_person_stay_outside(client, app):
    customer = a_customer("C1")
    signed_in(client, an_invitation("lea@client.fr", customer))
    waiting = path_of(an_invitation("lea@client.fr", customer))
    with db.writing(SYSTEM) as session:
        withdraw_access(session, SYSTEM, "LEA@client.fr")
    assert client.get("/account").status_code == 303
    assert app.test_client().post(waiting).status_code == 410
    again = an_invitation("lea@client.fr", customer)
    assert signed_in(app.test_client(), again).get("/account").json["customers"] == [str(customer)]


def test_a_back_office_link_opens_no_portal(client):
    a_customer("C1")
    link = an_invitation("lea@client.fr", a_customer("C2"))
    with db.writing(SYSTEM) as session:
        user_id = session.scalar(text("SELECT id FROM debtor_user"))
        for purpose in ("sign_in", "set_password"):
            other = links.new_link(
                session, audience="backoffice", purpose=purpose, user_id=user_id, lives=timedelta(days=1)
            )
            assert client.get(path_of(other)).status_code == 410
    assert client.post(path_of(other)).status_code == 410
    assert client.post(path_of(link) + "x").status_code == 410


def test_asking_for_a_link_tells_nobody_who_is_known(app):
    an_invitation("lea@client.fr", a_customer("C1"))
    pages = []
    for email in ("lea@client.fr", "nobody@client.fr"):
        client = app.test_client()
        answer = client.post("/sign-in", data={"email": email}, follow_redirects=True)
        pages.append((answer.status_code, re.sub(r'name="?csrf-token"? content="[^"]*"', "", answer.text)))
    assert pages[0] == pages[1]


def test_the_worker_mails_a_link_to_people_it_knows_and_to_nobody_else(client):
    an_invitation("lea@client.fr", a_customer("C1"))
    for email in ("Lea@client.fr ", "nobody@client.fr"):
        client.post("/sign-in?lang=fr", data={"email": email, "next": "/account?a=1"})
    with db.writing(SYSTEM) as session:
        rows = session.execute(
            text("SELECT * FROM fact WHERE name = 'sign_in_link_requested' ORDER BY id")
        ).all()
        assert [r.payload["email"] for r in rows] == ["lea@client.fr", "nobody@client.fr"]
        for row in rows:
            send_requested_link(session, Fact(row.id, row.name, None, row.payload, row.recorded_at))
        mails = session.execute(text("SELECT * FROM message WHERE kind = 'debtor_sign_in'")).all()
    assert [(m.recipient, m.language, m.subject) for m in mails] == [
        ("lea@client.fr", "fr", "Votre lien de connexion")
    ]
    link = re.search(r"/sign-in/link/\S+", mails[0].body_text)[0]
    assert link in mails[0].body_html
    answer = client.post(link)
    assert answer.headers["Location"] == "/account?a=1"
    with clock.frozen(clock.now() + timedelta(minutes=31)):
        assert client.post(link).status_code == 410


@pytest.mark.parametrize(
    "evil", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/\t/evil.example"]
)
def test_no_link_leads_to_another_site(client, evil):
    an_invitation("lea@client.fr", a_customer("C1"))
    client.post("/sign-in", data={"email": "lea@client.fr", "next": evil})
    with db.writing(SYSTEM) as session:
        assert session.scalar(text("SELECT payload->>'next_path' FROM fact ORDER BY id DESC LIMIT 1")) == "/"
        user_id = session.scalar(text("SELECT id FROM debtor_user"))
        link = links.new_link(
            session,
            audience="portal",
            purpose="sign_in",
            user_id=user_id,
            lives=timedelta(days=1),
            next_path=evil,
        )
    assert client.post(path_of(link)).headers["Location"] == "/"


@pytest.mark.parametrize(
    "email", ["", "lea", "lea@client", "a@b.fr, c@d.fr", "x" * 250 + "@b.fr", "a\nb@c.fr"]
)
def test_what_is_no_address_is_said_so(client, email):
    answer = client.post("/sign-in", data={"email": email})
    assert answer.status_code == 422
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM fact")) == 0


def test_asking_too_often_is_refused_for_known_and_unknown_alike(app):
    an_invitation("lea@client.fr", a_customer("C1"))
    for email in ("lea@client.fr", "nobody@client.fr"):
        client = app.test_client()
        answers = [client.post("/sign-in", data={"email": email}).status_code for _ in range(6)]
        assert answers == [303] * 5 + [429]


def test_a_session_idles_two_hours_and_lives_twelve(client):
    start = clock.now()
    signed_in(client, an_invitation("lea@client.fr", a_customer("C1")))
    for hours in (1.9, 3.8, 5.7, 7.6, 9.5, 11.4):
        with clock.frozen(start + timedelta(hours=hours)):
            assert client.get("/account").status_code == 200
    with clock.frozen(start + timedelta(hours=12, minutes=1)):
        assert client.get("/account").status_code == 303
    with clock.frozen(start + timedelta(hours=11.4, minutes=121)):
        assert client.get("/account").status_code == 303


def test_an_idle_session_ends(client):
    start = clock.now()
    signed_in(client, an_invitation("lea@client.fr", a_customer("C1")))
    with clock.frozen(start + timedelta(hours=2, minutes=1)):
        assert client.get("/account").status_code == 303


def test_signing_out_ends_the_session_on_the_server(client):
    link = an_invitation("lea@client.fr", a_customer("C1"))
    stolen = cookie_of(client.post(path_of(link))).split(";")[0].split("=")[1]
    answer = client.post("/sign-out")
    assert answer.headers["Location"] == "/sign-in"
    assert "portal-session=;" in cookie_of(answer)
    client.set_cookie("portal-session", stolen)
    assert client.get("/account").status_code == 303


def test_a_login_replaces_the_session_and_form_token_from_before(client):
    customer = a_customer("C1")
    first = cookie_of(client.post(path_of(an_invitation("lea@client.fr", customer)))).split(";")[0]
    second = cookie_of(client.post(path_of(an_invitation("paul@client.fr", customer)))).split(";")[0]
    assert first != second
    planted = client.application.test_client()
    planted.set_cookie("portal-session", first.split("=")[1])
    assert planted.get("/account").status_code == 303
    with db.reading(SYSTEM) as session:
        kept = session.scalars(text("SELECT secret_hash FROM web_session")).all()
    assert not any(first.split("=")[1] in h or second.split("=")[1] in h for h in kept)


def test_a_planted_cookie_does_not_become_the_session(client):
    client.set_cookie("portal-session", "planted")
    answer = client.post(path_of(an_invitation("lea@client.fr", a_customer("C1"))))
    assert "planted" not in cookie_of(answer)


def test_forms_need_their_token(app):
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    link = path_of(an_invitation("lea@client.fr", a_customer("C1")))
    assert client.post(link).status_code == 400
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(link).text)[1]
    assert client.post(link, data={"csrf_token": token}).status_code == 303
    # The token from before the login is worth nothing in it.
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 400


def test_the_cookie_is_bound_to_this_host_and_hidden_from_scripts(client, monkeypatch):
    link = an_invitation("lea@client.fr", a_customer("C1"))
    answer = client.post(path_of(link))
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie_of(answer).split("; "))


def test_a_page_needs_few_statements(client):
    from sqlalchemy import event

    signed_in(client, an_invitation("lea@client.fr", a_customer("C1")))
    seen = []
    engine = db._engine(db.PORTAL_ROLE)

    def count(_conn, _cursor, statement, *_rest):
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        assert client.get("/account").status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert len(seen) <= 7
