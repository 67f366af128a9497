"""A bench measures what it says, in a database of its own."""

from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.bench import catalogue


def test_the_import_bench_answers_and_leaves_nothing(database):
    seconds, memory = catalogue.run("camt-import", 0.005)
    told = seconds.as_json()
    assert (told["name"], told["n"], told["unit"], told["allowed"]) == ("camt-import", 500, "s", 3.0)
    assert told["value"] > 0 and told["ratio"] == round(told["value"] / told["limit"], 3)
    assert 0 < memory.value < memory.limit and memory.ok
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM bank_line")) == 0
        left = session.scalar(text("SELECT count(*) FROM pg_database WHERE datname LIKE 'quittance_bench%'"))
        assert left == 0
