"""A bench measures what it says, in a database of its own."""

from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.bench.catalogue import BENCHES


def test_the_import_bench_answers_and_leaves_nothing(database):
    (measured,) = BENCHES["camt-import"].run(0.005)
    told = measured.as_json()
    assert (told["name"], told["n"], told["unit"]) == ("camt-import", 500, "s")
    assert told["value"] > 0 and told["limit"] > 0 and told["memory_megabytes"] < 150
    assert told["ratio"] == round(measured.value / measured.limit, 3)
    with db.reading(SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM bank_line")) == 0
        left = session.scalar(text("SELECT count(*) FROM pg_database WHERE datname LIKE 'quittance_bench%'"))
        assert left == 0
