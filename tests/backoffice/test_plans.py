"""Plans and autopay in the back office: seen, decided with a reason, and the limits that finance sets."""

import pytest

from shared import db
from shared.actor import SYSTEM
from shared.money import Money
from shared.plans import deciding
from shared.plans.proposing import Proposal, propose
from shared.plans.rules import Limits
from tests.make.account import in_days
from tests.make.office import office, signed_in
from tests.make.standing import HOW, Standing


@pytest.fixture
def world(database):
    return Standing()


@pytest.fixture
def client(world):
    found = signed_in(office(), "finance")
    found.set_cookie("lang", "en")
    return found


LIMITS = {
    "enabled": "y",
    "max_months": "6",
    "first_part_percent": "20",
    "max_total": "10 000,00",
    "min_days_late": "0",
    "grace_days": "5",
}


def proposed(world):
    with db.writing(SYSTEM) as session:
        found = Limits(1, 0, Money(100, "EUR"), 0, False, 5)
        deciding.set_policy(session, SYSTEM, world.creditor, found, enabled=True)
    item = world.invoice("F-1", 10_000, in_days(-20))
    return world.act(propose, Proposal((item,), 3, in_days(20)), HOW, ask_a_person=True)


def state(world):
    return world.rows("SELECT state FROM plan")[0].state


def test_limits_are_set_and_shown(world, client):
    page = client.get("/plans").text
    assert "No plan here" in page and "not offered" in page
    path = f"/plans/limits/{world.creditor}"
    assert 'value="20"' in client.get(path).text
    assert client.post(path, data=LIMITS).status_code == 303
    assert "accepted within the limits" in client.get("/plans").text
    assert "10,000.00" in client.get(path).text
    for change, told in (
        ({"max_months": "25"}, "from 1 to 24"),
        ({"max_total": "0"}, "above zero"),
        ({"grace_days": "x"}, "Not a valid integer"),
    ):
        answer = client.post(path, data=LIMITS | change)
        assert answer.status_code == 422 and told in answer.text
    assert world.rows("SELECT max_months, changed_by FROM plan_policy")[0] == (6, "Nadia Benali")


def test_a_proposal_is_seen_and_accepted_or_refused_with_a_reason(world, client):
    plan_id = proposed(world)
    world.autopay()
    page = client.get("/plans").text
    assert "To decide" in page and "visa ···· 4242" in page
    page = client.get(f"/plans/{plan_id}").text
    assert "€1.00 can be put into a plan" in page and page.count("button-primary") == 1
    assert client.post(f"/plans/{plan_id}/refuse", data={"reason": ""}).status_code == 422
    assert client.post(f"/plans/{plan_id}/accept").status_code == 303
    assert state(world) == "active" and "Nadia Benali" in client.get(f"/plans/{plan_id}").text
    assert client.post(f"/plans/{plan_id}/refuse", data={"reason": "no"}).status_code == 409
    assert client.post(f"/plans/{plan_id}/cancel", data={"reason": "paid in cash"}).status_code == 303
    assert state(world) == "cancelled" and "paid in cash" in client.get(f"/plans/{plan_id}").text
    assert "paid in cash" not in client.get("/plans?state=active").text


@pytest.mark.parametrize(
    ("role", "sees"), [("credit_manager", True), ("sales", False), ("administrator", False)]
)
def test_who_may_see_and_decide(world, role, sees):
    plan_id = proposed(world)
    client = signed_in(office(), role)
    assert client.get("/plans").status_code == (200 if sees else 403)
    assert client.post(f"/plans/{plan_id}/accept").status_code == (303 if sees else 403)
    assert client.get(f"/plans/limits/{world.creditor}").status_code == (200 if sees else 403)
