"""What every answer carries: headers, language, a designed refusal, cacheable assets, an id in the log."""

import json
from dataclasses import replace
from uuid import UUID

import pytest
from flask import Blueprint

from shared.actor import staff
from shared.errors import Conflict, DomainError, NotAllowed, NotFound, RefusedFile, TooManyRequests
from shared.web import app as web_app
from shared.web.access import public
from shared.web.app import make_app
from shared.web.language import language
from shared.web.render import notice, render, see_other
from shared.web.shell import here
from tests.browser.gallery.app import gallery

INES = staff(UUID(int=5), "Inès", "finance")
REFUSALS = {
    "missing": (NotFound(), 404),
    "forbidden": (NotAllowed(), 403),
    "conflict": (Conflict(), 409),
    "often": (TooManyRequests(), 429),
    "amount": (DomainError("“%(value)s” is not an ISO 4217 currency code such as EUR.", value="EU<b>"), 422),
    "file": (RefusedFile("This is not possible.", line=14, column="amount"), 422),
}


def views() -> Blueprint:
    made = Blueprint("views", __name__)

    @made.get("/language")
    @public
    def spoken():
        return language()

    @made.get("/refuse/<which>")
    @public
    def refuse(which):
        raise REFUSALS[which][0]

    @made.get("/crash")
    @public
    def crash():
        raise RuntimeError("the secret detail")

    @made.route("/save", methods=["GET", "POST"])
    @public
    def save():
        notice("This is not possible.")
        return see_other("/language")

    @made.get("/here")
    @public
    def this():
        return here(lang="fr", page=None)

    @made.get("/page")
    @public
    def page():
        return render("errors/page.html", title="T", sentence="S", code=None, reference=None)

    return made


@pytest.fixture
def make():
    def made(**options):
        given = {"load_actor": lambda: None, "ready": lambda: True, **options}
        app = make_app(
            "tests.slices.answers",
            title="Quittance",
            blueprints=[views()],
            login="views.spoken",
            logout="views.save",
            **given,
        )
        return app.test_client()

    return made


@pytest.fixture
def client(make):
    return make()


@pytest.mark.parametrize("path", ["/page", "/nowhere", "/refuse/conflict", "/healthz"])
def test_every_answer_carries_the_headers(client, path):
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert {"HX-Request", "Cookie"} <= {name.strip() for name in headers["Vary"].split(",")}
    assert "Strict-Transport-Security" not in headers
    assert len(headers["X-Request-Id"]) == 32


def test_production_is_https_only(monkeypatch, make):
    real = web_app.settings()
    monkeypatch.setattr(web_app, "settings", lambda: replace(real, environment="production", secret="x" * 40))
    headers = make().get("/page").headers
    assert headers["Strict-Transport-Security"].startswith("max-age=63072000")
    cookie = headers["Set-Cookie"]
    assert cookie.startswith("__Host-tests.slices.answers=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))


@pytest.mark.parametrize(
    ("url", "cookie", "saved", "accepted", "spoken"),
    [
        ("/language", None, None, None, "en"),
        ("/language", None, None, "fr-CA,fr;q=0.9,en;q=0.5", "fr"),
        ("/language", None, None, "nl", "en"),
        ("/language", None, "fr-FR", "en", "fr"),
        ("/language", "en", "fr", "fr", "en"),
        ("/language?lang=fr", "en", "en", "en", "fr"),
        ("/language?lang=xx", "yy", None, "fr", "fr"),
    ],
)
def test_which_language_is_spoken(make, url, cookie, saved, accepted, spoken):
    client = make(load_actor=lambda: INES, person_language=lambda: saved)
    if cookie:
        client.set_cookie("lang", cookie)
    assert client.get(url, headers={"Accept-Language": accepted} if accepted else {}).text == spoken


def test_the_switch_is_remembered(client):
    client.get("/language?lang=fr")
    assert client.get("/language").text == "fr"
    assert 'data-theme="dark"' in client.get("/page?theme=dark").text
    assert 'data-theme="dark"' in client.get("/page").text


def test_a_switch_keeps_the_rest_of_the_address(client):
    assert client.get("/here?q=a%26b&page=3&lang=en").text == "?q=a%26b&lang=fr"


@pytest.mark.parametrize("which", REFUSALS)
def test_a_refusal_is_a_page_in_the_readers_language(client, which):
    status = REFUSALS[which][1]
    answer = client.get(f"/refuse/{which}", headers={"Accept-Language": "fr"})
    assert answer.status_code == status
    assert '<html lang="fr"' in answer.text
    assert "EU<b>" not in answer.text


def test_a_refused_file_says_where(client):
    assert "Line 14, column amount: This is not possible." in client.get("/refuse/file").text


def test_htmx_gets_a_callout_where_the_notices_are(client):
    answer = client.get("/refuse/conflict", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#notices"
    assert answer.headers["HX-Reselect"] == "unset"
    assert "<html" not in answer.text
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(("path", "method", "status"), [("/nowhere", "get", 404), ("/page", "post", 405)])
def test_what_routing_refuses_is_a_designed_page(client, path, method, status):
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert "error-state" in answer.text
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_crash_tells_the_reference_and_logs_the_cause(make, capsys):
    client = make(config={"PROPAGATE_EXCEPTIONS": False})
    answer = client.get("/crash")
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in answer.text
    assert "secret detail" not in answer.text
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["failed", "answered"]
    assert "secret detail" in lines[0]["exception"]
    assert {line["request_id"] for line in lines} == {answer.headers["X-Request-Id"]}


def test_a_database_that_is_down_still_gets_a_designed_page(make):
    down = {"load_actor": lambda: 1 / 0, "person_language": lambda: 1 / 0}
    answer = make(**down, config={"PROPAGATE_EXCEPTIONS": False}).get(
        "/page", headers={"Accept-Language": "fr"}
    )
    assert answer.status_code == 500
    assert "Une erreur s’est produite de notre côté" in answer.text


def test_the_log_never_holds_an_address(make, capsys):
    make(load_actor=lambda: INES).get("/refuse/missing?token=s3cret")
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line["route"], line["status"], line["actor"]) == ("/refuse/<which>", 404, f"staff:{INES.id}")
    assert "s3cret" not in json.dumps(line)


def test_too_large_is_said_plainly(make):
    client = make(max_upload=1000, config={"WTF_CSRF_ENABLED": True})
    answer = client.post("/save", data={"file": "x" * 2000})
    assert answer.status_code == 413
    assert "too large" in answer.text


@pytest.mark.parametrize("ready", [lambda: False, lambda: 1 / 0])
def test_not_ready_is_503_but_alive(make, ready):
    client = make(ready=ready)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    assert make().get("/readyz").status_code == 200


def test_a_post_without_its_token_is_refused(client):
    answer = client.post("/save")
    assert answer.status_code == 400
    assert "Reload the page" in answer.text


def test_a_post_with_its_token_passes_by_field_or_header(client):
    token = client.get("/page").text.split('name="csrf-token" content="')[1].split('"')[0]
    assert client.post("/save", data={"csrf_token": token}).status_code == 303
    answer = client.post("/save", headers={"X-CSRFToken": token, "HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/language")


def test_the_token_of_one_visitor_is_not_anothers(make):
    token = make().get("/page").text.split('name="csrf-token" content="')[1].split('"')[0]
    stranger = make()
    stranger.get("/page")
    assert stranger.post("/save", data={"csrf_token": token}).status_code == 400


def test_the_page_for_a_browser_the_fragment_for_htmx(client):
    assert "<html" in client.get("/page").text
    restored = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in client.get("/page", headers=restored).text


def test_htmx_gets_the_fragment_of_the_same_address():
    client = gallery().test_client()
    page = client.get("/list?q=jouve")
    part = client.get("/list?q=jouve", headers={"HX-Request": "true"})
    assert "<html" in page.text
    assert part.text.lstrip().startswith('<form id="rows"')
    assert part.text.strip() in page.text.replace(*token_of(page.text, part.text))


def token_of(page: str, part: str) -> tuple[str, str]:
    """A token is masked anew for each answer; all else must be the same."""
    field = 'name="csrf_token" value="'
    return page.split('id="rows"')[1].split(field)[1].split('"')[0], part.split(field)[1].split('"')[0]
