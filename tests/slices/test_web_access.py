"""The first ring: every endpoint says who may come in, and the hook holds it to that."""

from uuid import UUID

import pytest
from flask import Blueprint, Flask

from shared.actor import Actor, Permission, debtor, staff
from shared.errors import ConfigurationError
from shared.web.access import current_actor, debtor_only, needs, public, safe_next, staff_only
from shared.web.app import make_app

COLLECTOR = staff(UUID(int=1), "Noé", "collector")
FINANCE = staff(UUID(int=2), "Inès", "finance")
DEBTOR = debtor(UUID(int=3), "Léa", (UUID(int=9),))


def views() -> Blueprint:
    made = Blueprint("views", __name__)

    @made.get("/login")
    @public
    def login():
        return "login"

    @made.post("/logout")
    @public
    def logout():
        return "out"

    @made.get("/mine")
    @debtor_only
    def mine():
        return current_actor().name

    @made.get("/desk")
    @staff_only
    def desk():
        return current_actor().name

    @made.route("/bank", methods=["GET", "POST"])
    @needs(Permission.SEE_BANK)
    def bank():
        return current_actor().name

    return made


def app_for(actor: Actor | None, *more: Blueprint) -> Flask:
    return make_app(
        "tests.slices.access",
        title="Quittance",
        blueprints=[views(), *more],
        load_actor=lambda: actor,
        ready=lambda: True,
        login="views.login",
        logout="views.logout",
        config={"WTF_CSRF_ENABLED": False},
    )


def test_an_app_with_an_undeclared_endpoint_refuses_to_start():
    careless = Blueprint("careless", __name__)
    careless.add_url_rule("/open", "open", lambda: "everybody's business")
    with pytest.raises(ConfigurationError, match=r"careless\.open"):
        app_for(FINANCE, careless)


def test_an_endpoint_added_behind_the_back_of_the_check_is_refused():
    app = app_for(FINANCE)
    app.add_url_rule("/late", "late", lambda: "everybody's business")
    answer = app.test_client().get("/late")
    assert answer.status_code == 403
    assert "everybody" not in answer.text


@pytest.mark.parametrize(
    ("actor", "path", "status"),
    [
        (None, "/login", 200),
        (DEBTOR, "/mine", 200),
        (DEBTOR, "/desk", 403),
        (DEBTOR, "/bank", 403),
        (FINANCE, "/mine", 403),
        (FINANCE, "/desk", 200),
        (FINANCE, "/bank", 200),
        (COLLECTOR, "/bank", 403),
        (COLLECTOR, "/desk", 200),
    ],
)
def test_who_may_come_in(actor, path, status):
    assert app_for(actor).test_client().get(path).status_code == status


def test_nobody_is_sent_to_the_login_and_back_again():
    answer = app_for(None).test_client().get("/bank?page=2")
    assert answer.status_code == 303
    assert answer.location == "/login?next=/bank?page%3D2"


def test_what_nobody_posts_is_not_repeated_after_login():
    answer = app_for(None).test_client().post("/bank")
    assert (answer.status_code, answer.location) == (303, "/login")


def test_htmx_is_told_to_load_the_login_page():
    headers = {"HX-Request": "true", "HX-Current-URL": "https://portal.example/bank?q=a"}
    answer = app_for(None).test_client().get("/bank", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/bank?q%3Da"


@pytest.mark.parametrize(
    "foreign", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil", "", None]
)
def test_after_login_one_stays_here(foreign):
    assert safe_next(foreign, "/home") == "/home"


def test_after_login_one_goes_where_one_wanted():
    assert safe_next("/bank?page=2", "/home") == "/bank?page=2"
