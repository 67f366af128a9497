"""The commands about providers: keys come from the environment, and say themselves what they are for."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from shared.cli.app import app
from shared.rails.states import TRANSITIONS
from tests.make.books import Books

pytestmark = pytest.mark.usefixtures("database")
KEYS = {
    "STRIPE_SECRET_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
}


def quittance(*words, **environment):
    return CliRunner().invoke(app, list(words), env=environment)


def test_provider_is_added_in_the_mode_its_key_tells_and_listed_without_it(database) -> None:
    Books()
    code = json.loads(
        quittance("creditor", "add", "--name", "Second SAS", "--code", "SECOND", "--json").stdout
    )
    added = quittance("provider", "add", "stripe", "--creditor", code["creditor"], "--json", **KEYS)
    assert json.loads(added.stdout)["mode"] == "test"
    listed = quittance("provider", "list", "--json")
    (found,) = json.loads(listed.stdout)
    assert (found["creditor"], found["mode"]) == ("SECOND", "test")
    assert found["webhook_url"].endswith(f"/webhooks/stripe/{found['id']}")
    assert "sk_test_1" not in added.stdout + listed.stdout + quittance("provider", "list").stdout


@pytest.mark.parametrize(
    ("changed", "words", "told"),
    [
        ({"STRIPE_SECRET_KEY": ""}, (), "STRIPE_SECRET_KEY is not set"),
        ({"STRIPE_SECRET_KEY": "hello"}, (), "is no key we know"),
        ({}, ("--mode", "live"), "The key is for test, not for live"),
        ({"STRIPE_PUBLISHABLE_KEY": "pk_live_1"}, (), "does not begin with pk_test_"),
    ],
)
def test_keys_that_contradict_are_refused(database, changed, words, told) -> None:
    quittance("creditor", "add", "--name", "Second SAS", "--code", "SECOND")
    refused = quittance(
        "provider", "add", "stripe", "--creditor", "SECOND", *words, "--json", **KEYS | changed
    )
    assert refused.exit_code == 1
    assert told in json.loads(refused.stdout)["error"]
    assert json.loads(quittance("provider", "list", "--json").stdout) == []


@pytest.mark.parametrize(
    ("form", "edge"), [("mermaid", "created --> unknown"), ("dot", "created -> unknown")]
)
def test_every_edge_is_drawn(form: str, edge: str) -> None:
    drawn = quittance("draw-states", "--format", form).stdout
    assert edge in drawn
    assert sum("->" in row for row in drawn.splitlines()) == len(TRANSITIONS) + (form == "mermaid")
