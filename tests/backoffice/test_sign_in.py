"""The back office's door: password, then code; and the demo's one click, which production refuses."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text

from backoffice.app import create_app
from shared import clock, config, db
from shared.actor import SYSTEM
from shared.errors import NotAllowed
from shared.identity import actions, links, passwords
from shared.web.access import current_actor, staff_only
from tests.make.people import a_staff_link

pytestmark = pytest.mark.usefixtures("database")
PASSWORD = "quatre mots sans rapport"


@pytest.fixture
def app():
    app = create_app()
    app.config["WTF_CSRF_ENABLED"] = False

    @staff_only
    def desk():
        return {"name": current_actor().name, "may": sorted(current_actor().permissions)}

    app.add_url_rule("/desk", "desk", desk)
    return app


@pytest.fixture
def client(app):
    return app.test_client()


def path_of(link):
    return re.sub(r"^https?://[^/]+", "", link)


def cookie_of(answer, name="backoffice-session"):
    found = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith(name))
    return found.split(";")[0].split("=")[1]


def choose(client, link, password=PASSWORD, again=None):
    return client.post(f"{path_of(link)}/password", data={"password": password, "again": again or password})


def enrolled(app, email="nadia@creancier.fr", role="finance"):
    """Somebody who has been through the first sign-in; their authenticator, and the time of their last code."""
    client = app.test_client()
    assert choose(client, a_staff_link(email, role)).headers["Location"] == "/sign-in/code"
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', client.get("/sign-in/code").text)[1]
    totp = pyotp.TOTP(secret)
    assert client.post("/sign-in/code", data={"code": totp.at(clock.now())}).status_code == 303
    return client, totp


def half_way(app, email="nadia@creancier.fr", password=PASSWORD):
    client = app.test_client()
    answer = client.post("/sign-in", data={"email": email, "password": password})
    assert answer.status_code == 303
    return client


def test_first_sign_in_by_link_password_and_qr_code(client):
    link = a_staff_link("Nadia@creancier.fr", "board")
    page = client.get(path_of(link))
    assert page.status_code == 200 and 'autocomplete="new-password"' in page.text
    assert choose(client, link).status_code == 303
    assert client.get("/desk").status_code == 303  # the password alone opens nothing
    page = client.get("/sign-in/code").text
    assert "<svg" in page and "style=" not in page
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', page)[1]
    assert client.post("/sign-in/code", data={"code": "000000"}).status_code == 422
    answer = client.post("/sign-in/code", data={"code": pyotp.TOTP(secret).at(clock.now())})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert client.get("/desk").json["may"] == ["see_customers", "see_receivables", "see_reports"]
    assert choose(client, link).status_code == 410  # a link works once


def test_the_second_factor_is_never_shown_again(app):
    _client, totp = enrolled(app)
    page = half_way(app).get("/sign-in/code").text
    assert totp.secret not in page and '<svg class="qr"' not in page
    with db.reading(SYSTEM) as session:
        kept = session.scalar(text("SELECT totp_secret FROM staff_user"))
    assert totp.secret.encode() not in kept


def test_a_code_works_once_and_in_its_neighbourhood(app):
    _client, totp = enrolled(app)
    start = clock.now() + timedelta(minutes=5)
    with clock.frozen(start):
        assert half_way(app).post("/sign-in/code", data={"code": totp.at(start)}).status_code == 303
        assert half_way(app).post("/sign-in/code", data={"code": totp.at(start)}).status_code == 422
        # An older code, though its step was never used, does not come back once a later one was.
        before = totp.at(start - timedelta(seconds=30))
        assert half_way(app).post("/sign-in/code", data={"code": before}).status_code == 422
        after = totp.at(start + timedelta(seconds=30))
        assert half_way(app).post("/sign-in/code", data={"code": after}).status_code == 303
        late = totp.at(start + timedelta(seconds=90))
        assert half_way(app).post("/sign-in/code", data={"code": late}).status_code == 422


def test_of_two_with_the_same_code_at_once_one_comes_in(app):
    _client, totp = enrolled(app)
    start = clock.now() + timedelta(minutes=5)
    with clock.frozen(start):
        waiting = [half_way(app) for _ in range(4)]

    def send(client):
        with clock.frozen(start):
            return client.post("/sign-in/code", data={"code": totp.at(start)}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, waiting)) == [303, 422, 422, 422]


def test_unknown_address_wrong_password_and_no_password_yet_look_the_same(app):
    enrolled(app)
    a_staff_link("nouveau@creancier.fr")
    pages = set()
    for email in ("nadia@creancier.fr", "personne@creancier.fr", "nouveau@creancier.fr", "x\x00@y.fr"):
        answer = app.test_client().post("/sign-in", data={"email": email, "password": "wrong" * 4})
        told = re.sub(r'value="[^"]*"|content="[^"]*"', "", answer.text)
        pages.add((answer.status_code, told))
    assert len(pages) == 1 and pages.pop()[0] == 422


def test_a_password_is_verified_for_unknown_people_too(monkeypatch, client):
    asked = []
    verified = passwords.verified
    monkeypatch.setattr(
        passwords, "verified", lambda kept, given: asked.append(kept) or verified(kept, given)
    )
    client.post("/sign-in", data={"email": "personne@creancier.fr", "password": "wrong" * 4})
    assert asked == [None]
    assert not verified(None, "the password of nobody")


@pytest.mark.parametrize(
    "password,again",
    [
        ("short", None),
        ("aaaaaaaaaaaaaaa", None),
        ("nadia nadia nadia", None),
        (PASSWORD, "other"),
        ("x" * 129, None),
    ],
)
def test_a_weak_password_is_refused_and_the_link_stays(client, password, again):
    link = a_staff_link("nadia@creancier.fr")
    assert choose(client, link, password, again).status_code == 422
    assert choose(client, link).status_code == 303


def test_passwords_are_argon2id(app):
    enrolled(app)
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT password_hash FROM staff_user")).startswith("$argon2id$")


def test_too_many_attempts_for_one_address_are_refused_whether_known_or_not(app):
    enrolled(app)
    for email in ("nadia@creancier.fr", "personne@creancier.fr"):
        sent = [
            app.test_client().post("/sign-in", data={"email": email, "password": "wrong" * 4}).status_code
            for _ in range(11)
        ]
        assert sent == [422] * 10 + [429]


def test_too_many_codes_are_refused_even_the_right_one(app):
    _client, totp = enrolled(app)
    start = clock.now() + timedelta(minutes=5)
    with clock.frozen(start):
        client = half_way(app)
        sent = [client.post("/sign-in/code", data={"code": "000000"}).status_code for _ in range(5)]
        assert sent == [422] * 5  # the sixth of the quarter was the enrolment
        assert half_way(app).post("/sign-in/code", data={"code": totp.at(start)}).status_code == 429


def test_windows_open_again(app):
    for _ in range(11):
        answer = app.test_client().post("/sign-in", data={"email": "a@b.fr", "password": "wrong" * 4})
    assert answer.status_code == 429
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE rate_window SET expires_at = now() - interval '1 second'"))
    answer = app.test_client().post("/sign-in", data={"email": "a@b.fr", "password": "wrong" * 4})
    assert answer.status_code == 422


def test_the_half_way_session_waits_ten_minutes(app):
    enrolled(app)
    client = half_way(app)
    with clock.frozen(clock.now() + timedelta(minutes=11)):
        assert client.get("/sign-in/code").headers["Location"] == "/sign-in"
        assert client.post("/sign-in/code", data={"code": "123456"}).headers["Location"] == "/sign-in"


def test_each_step_has_its_own_session(app):
    _client, totp = enrolled(app)
    client = app.test_client()
    client.set_cookie("backoffice-session", "planted")
    first = cookie_of(client.post("/sign-in", data={"email": "nadia@creancier.fr", "password": PASSWORD}))
    start = clock.now() + timedelta(minutes=5)
    with clock.frozen(start):
        second = cookie_of(client.post("/sign-in/code", data={"code": totp.at(start)}))
        assert len({"planted", first, second}) == 3
        thief = app.test_client()
        thief.set_cookie("backoffice-session", first)
        assert thief.get("/desk").status_code == 303
        assert thief.get("/sign-in/code").status_code == 303


def test_signing_out_everywhere(app):
    here, _totp = enrolled(app)
    other = half_way(app)
    assert here.post("/sign-out/everywhere").status_code == 303
    assert here.get("/desk").status_code == 303
    assert other.get("/sign-in/code").headers["Location"] == "/sign-in"


def test_signing_out(app):
    client, _totp = enrolled(app)
    stolen = client.get_cookie("backoffice-session").value
    client.post("/sign-out")
    client.set_cookie("backoffice-session", stolen)
    assert client.get("/desk").status_code == 303


def test_a_session_ends_when_the_person_is_deactivated_or_the_factor_reset(app):
    client, _totp = enrolled(app)
    with db.writing(SYSTEM) as session:
        actions.reset_second_factor(session, SYSTEM, "nadia@creancier.fr")
    assert client.get("/desk").status_code == 303
    client = half_way(app)
    assert 'class="qr"' in client.get("/sign-in/code").text
    with db.writing(SYSTEM) as session:
        actions.deactivate_staff_user(session, SYSTEM, "nadia@creancier.fr")
    assert client.get("/sign-in/code").headers["Location"] == "/sign-in"
    answer = app.test_client().post("/sign-in", data={"email": "nadia@creancier.fr", "password": PASSWORD})
    assert answer.status_code == 422


def test_a_new_password_ends_all_sessions_and_keeps_the_second_factor(app):
    client, totp = enrolled(app)
    again = app.test_client()
    choose(again, a_staff_link("nadia@creancier.fr"), "cinq autres mots bien choisis")
    assert client.get("/desk").status_code == 303
    assert totp.secret not in again.get("/sign-in/code").text
    answer = app.test_client().post("/sign-in", data={"email": "nadia@creancier.fr", "password": PASSWORD})
    assert answer.status_code == 422


@pytest.mark.parametrize("evil", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_no_sign_in_leads_to_another_site(app, evil):
    _client, totp = enrolled(app)
    client = half_way(app)
    start = clock.now() + timedelta(minutes=5)
    with clock.frozen(start):
        answer = client.post("/sign-in/code", data={"code": totp.at(start), "next": evil})
    assert answer.headers["Location"] == "/"


def demo_link(email="nadia@creancier.fr"):
    a_staff_link(email)
    with db.writing(SYSTEM) as session:
        user_id = session.scalar(text("SELECT id FROM staff_user"))
        return path_of(links.demo_login_link(session, audience="backoffice", user_id=user_id))


def under(monkeypatch, environment):
    changed = replace(config.settings(), environment=environment)
    for module in (links, config):
        monkeypatch.setattr(module, "settings", lambda: changed)


def test_the_demo_opens_with_one_press_again_and_again(app, monkeypatch):
    link = demo_link()
    under(monkeypatch, "demo")
    for _ in range(2):
        client = app.test_client()
        assert client.get(link).status_code == 200
        assert client.post(link).status_code == 303
        assert client.get("/desk").status_code == 200


def test_even_in_the_demo_a_password_link_works_once(app, monkeypatch):
    under(monkeypatch, "demo")
    link = a_staff_link("nadia@creancier.fr")
    assert choose(app.test_client(), link).status_code == 303
    assert choose(app.test_client(), link, "cinq autres mots bien choisis").status_code == 410


def test_production_neither_makes_nor_takes_such_a_link(app, monkeypatch):
    link = demo_link()
    under(monkeypatch, "production")
    assert app.test_client().get(link).status_code == 410
    assert app.test_client().post(link).status_code == 410
    with pytest.raises(NotAllowed), db.writing(SYSTEM) as session:
        user_id = session.scalar(text("SELECT id FROM staff_user"))
        links.demo_login_link(session, audience="backoffice", user_id=user_id)
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM web_session")) == 0
